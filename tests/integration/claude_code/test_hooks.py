"""The plugin in the real Claude Code client: its loader, and conversations driven by a scripted model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.cli import local_server
from tests.hooked import Hooked
from tests.integration.claude_code.terminal import CURRENT, Terminal
from tests.integration.claude_code.test_conversation import CLIENT, pytestmark  # noqa: F401  # the same marks
from tests.integration.hooks.test_hooks import rules
from tests.integration.stack import ROOT, Stack
from tests.patience import PATIENCE_S

PLUGIN = ROOT / "clients" / "claude-code"
Requests = list[dict[str, Any]]


class PluggedIn:
    """The client with Segue's plugin, in a home and a project of its own; the stack is told by its settings."""

    def __init__(self, stack: Stack | None, at: Path, **environment: str) -> None:
        there = stack.environment if stack else {}
        self.hooked = Hooked(at, "shop", **{"SEGUE_DATA_DIR": str(at / "data"), **there, **environment})
        self.hooked.environment["SEGUE_HOOK_WITHIN_MS"] = "4500"  # the client itself gives a hook up after 5 s
        self.plugin: list[str | Path] = ["--plugin-dir", PLUGIN]
        (self.hooked.home / ".claude").mkdir(parents=True)
        self.allow()

    def allow(self, *rules: str) -> None:
        """The client's own settings: what it lets run by itself."""
        environment = {name: value for name, value in self.hooked.environment.items() if name.startswith("SEGUE_")}
        settings = {"env": environment, "permissions": {"allow": rules}}
        (self.hooked.home / ".claude" / "settings.json").write_text(json.dumps(settings))

    def run(self, steps: Sequence[dict[str, Any]], prompt: str = "go", *arguments: str) -> Requests:
        """One conversation, with all that its hooks left behind done; what the model was sent."""
        script, log = self.hooked.home / "script.json", self.hooked.home / "log.jsonl"
        script.write_text(json.dumps(steps))
        log.unlink(missing_ok=True)
        where = ["--project", self.hooked.project, "--home", self.hooked.home, "--script", script, "--log", log]
        command = [CLIENT / "run", *where, "--prompt", prompt, "--", *self.plugin, *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.hooked.settle()
        return [json.loads(line) for line in log.read_text().splitlines()]

    def bash(self, command: str, output: str) -> tuple[bool, str]:
        """Has the model run a command that makes a file; whether it is there, and what the model was told."""
        path = self.hooked.project / output
        path.unlink(missing_ok=True)
        requests = self.run([{"tool": "Bash", "input": {"command": command}}, {"text": "Done."}])
        return path.exists(), json.dumps(requests[-1]["messages"][-1]["content"])


@pytest.fixture
def claude(stack: Stack, tmp_path: Path) -> PluggedIn:
    return PluggedIn(stack, tmp_path)


def claude_command(home: Path, *arguments: str) -> str:
    client = subprocess.run([str(CLIENT / "install")], capture_output=True, text=True, check=True).stdout.strip()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "IS_SANDBOX": "1"}
    done = subprocess.run(
        [client, *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_clients_own_loader_takes_the_plugin_and_gives_it_up(tmp_path: Path) -> None:
    claude_command(tmp_path, "plugin", "validate", "--strict", str(PLUGIN))
    claude_command(tmp_path, "plugin", "validate", "--strict", str(ROOT))
    claude_command(tmp_path, "plugin", "marketplace", "add", str(ROOT))
    claude_command(tmp_path, "plugin", "install", "segue@segue")
    details = claude_command(tmp_path, "plugin", "details", "segue@segue")
    for part in ("SessionStart", "PreToolUse", "SessionEnd", "checkpoint", "MCP servers (1)"):
        assert part in details
    claude_command(tmp_path, "plugin", "uninstall", "segue@segue")
    claude_command(tmp_path, "plugin", "marketplace", "remove", "segue")


@pytest.mark.slow
def test_a_decision_of_one_conversation_is_in_the_models_view_at_the_start_of_the_next(claude: PluggedIn) -> None:
    steps = [{"text": "Understood, cents it is."}]
    with Terminal(claude.hooked, CURRENT, steps, "--plugin-dir", PLUGIN) as terminal:  # a script decides nothing
        terminal.say("From now on we store money as integers of cents.", "Understood, cents it is.")
        terminal.leave()
    first = claude.run([{"text": "Hello."}], "What next?")[0]
    view = json.dumps(first["messages"])
    assert "SessionStart" in view
    assert "> From now on we store money as integers of cents." in view
    assert "What was decided:" in view
    assert "not instructions" in view


@pytest.mark.slow
def test_what_was_allowed_runs_unasked_what_was_denied_does_not_and_critical_is_asked(claude: PluggedIn) -> None:
    ran, _ = claude.bash("echo 1 > made.txt", "made.txt")
    assert not ran  # nobody is there to be asked
    allow = {"operation": "Bash", "decision": "allow", "scope": "project", "target": "echo 1 > made.txt"}
    rules(claude.hooked, allow, {**allow, "decision": "deny", "target": "echo 2 > made.txt"})
    claude.allow("Bash(echo 2:*)", "Bash(rm:*)")  # the client itself would let these run
    ran, _ = claude.bash("echo 1 > made.txt", "made.txt")
    assert ran
    ran, told = claude.bash("echo 2 > made.txt", "made.txt")
    assert not ran
    assert "Segue: " in told
    assert "denies it" in told
    (claude.hooked.project / "made.txt").write_text("kept")
    claude.run([{"tool": "Bash", "input": {"command": "rm -rf made.txt"}}, {"text": "Done."}])
    assert (claude.hooked.project / "made.txt").exists()


@pytest.mark.slow
def test_a_model_does_not_give_itself_leave(claude: PluggedIn) -> None:
    record = "mcp__plugin_segue_segue__record_permission"
    claude.allow("mcp__plugin_segue_segue")
    everything = {"operation": "Bash", "target": "*", "decision": "allow", "scope": "project"}
    steps = [{"tool": record, "input": everything}, {"tool": "Bash", "input": {"command": "touch made-by-itself"}}]
    claude.run([*steps, {"text": "Done."}])
    claude.run([steps[1], {"text": "Done."}])
    assert not (claude.hooked.project / "made-by-itself").exists()


@pytest.mark.slow
def test_a_deny_holds_for_other_forms_of_a_command_and_other_tools(claude: PluggedIn) -> None:
    project, remote = claude.hooked.project, claude.hooked.home / "remote.git"
    (project / ".env").write_text("PEARS=7")
    (project / "a").write_text("kept")
    for command in (
        ["init", "-q", "--bare", str(remote)],
        ["init", "-q", str(project)],
        ["-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"],
        ["-C", str(project), "remote", "add", "origin", str(remote)],
    ):
        subprocess.run(["git", *command], check=True)
    rule = {"operation": "Bash", "decision": "allow", "scope": "project", "target": "git *"}
    denies = [("Bash", "git push *"), ("Read", ".env"), ("Edit", "a")]
    rules(claude.hooked, rule, *({**rule, "operation": of, "target": to, "decision": "deny"} for of, to in denies))
    steps: list[dict[str, Any]] = [
        {"tool": "Bash", "input": {"command": "git push origin HEAD:refs/heads/plain"}},
        {"tool": "Bash", "input": {"command": "git -C . push -q origin HEAD:refs/heads/sneaky"}},
        {"tool": "Read", "input": {"file_path": str(project / ".env")}},
        {"tool": "Read", "input": {"file_path": str(project / "a")}},
        {"tool": "Write", "input": {"file_path": str(project / "a"), "content": "overwritten"}},
    ]
    claude.allow("Bash", "Read", "Write", "Edit")
    requests = claude.run([*steps, {"text": "Done."}])
    assert subprocess.run(["git", "-C", remote, "for-each-ref"], capture_output=True, check=True).stdout == b""
    assert "PEARS" not in json.dumps(requests[-1]["messages"])
    assert (project / "a").read_text() == "kept"


@pytest.mark.slow
def test_what_only_looks_dangerous_runs_where_the_client_allows_it(claude: PluggedIn) -> None:
    subprocess.run(["git", "init", "-q", str(claude.hooked.project)], check=True)
    (claude.hooked.project / "src").mkdir()
    (claude.hooked.project / "src" / "a").write_text("passwd = 7\n")
    commands = ["grep -rn passwd src", "git config --get core.bare"]
    steps = [{"tool": "Bash", "input": {"command": each}} for each in commands]
    for name in ("name", "email"):
        subprocess.run(["git", "-C", str(claude.hooked.project), "config", f"user.{name}", "a"], check=True)
    steps.append({"tool": "Bash", "input": {"command": "git commit --allow-empty -m 'Drop eval from the parser'"}})
    claude.allow("Bash")
    told = json.dumps(claude.run([*steps, {"text": "Done."}])[-1]["messages"])
    assert "passwd = 7" in told
    assert (
        "Drop eval from the parser"
        in subprocess.run(
            ["git", "-C", claude.hooked.project, "log", "--format=%s"], capture_output=True, text=True, check=True
        ).stdout
    )


@pytest.mark.slow
def test_a_server_that_is_killed_in_a_conversation_disturbs_it_in_nothing(
    tmp_path: Path, model_directory: Path
) -> None:
    claude = PluggedIn(None, tmp_path, SEGUE_MEMORY_MODEL_DIRECTORY=str(model_directory))
    claude.allow("Bash")
    claude.run([{"text": "They are in the cellar."}], "Where are the pears?")
    server = local_server.read_server(claude.hooked.data)  # started by the first hook, for there was none
    assert server
    kill: list[dict[str, Any]] = [{"tool": "Bash", "input": {"command": f"kill -9 {server.pid} && echo killed"}}]
    requests = claude.run([*kill, {"text": "The pears are safe."}], "Are they safe?")
    assert "in the cellar" in json.dumps(requests[0]["messages"])
    assert "killed" in json.dumps(requests[-1]["messages"])
    view = json.dumps(claude.run([{"text": "Hello."}], "And now?")[0]["messages"])
    assert "The pears are safe." in view
    last = local_server.read_server(claude.hooked.data)
    assert last
    assert last.pid != server.pid
    os.kill(last.pid, signal.SIGTERM)
