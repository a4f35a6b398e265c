"""The server killed before, during and after every hook of the real Claude Code client, which must not notice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cli import local_server
from services.cli.hooks.hook_table import HOOKS, settings
from tests.hooked import Hooked
from tests.integration import killed_around
from tests.integration.claude_code.test_conversation import CLIENT, pytestmark  # noqa: F401  # the same marks

ASKING = {"SessionStart", "SubagentStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"}
"""The hooks that wait for an answer; the others leave what they have to say for later."""
TROUBLE = {
    "during": r"the gateway does not answer: (ConnectionResetError|ValueError)",
    "hung": r"the gateway does not answer: TimeoutError|not done in 750 ms",
}
"""Their line in the hook log; a server that has gone before is none, and the start of a conversation brings another."""
PATIENCE_S = 120
"""How long the client waits for a hook with all the killing and starting around it."""


class Client:
    """The client with Segue's hooks as `segue install` sets them, but a server that is killed around each."""

    def __init__(self, at: Path, model_directory: Path) -> None:
        self.at = at
        self.hooked = Hooked(at, SEGUE_DATA_DIR=str(at / "data"), SEGUE_MEMORY_MODEL_DIRECTORY=str(model_directory))
        self.hooked.environment |= {"SEGUE_HOOK_USER_PROMPT_SUBMIT": "on", "SEGUE_HOOK_WITHIN_MS": ""}
        self.record = at / "record"

    def command(self, shift: int) -> list[str]:
        return [sys.executable, killed_around.__file__, str(shift), str(self.record)]

    def converse(self, shift: int) -> list[dict[str, Any]]:
        """A conversation; what the client printed of it, hook by hook."""
        hooks: Any = settings(self.command(shift))
        for entry in hooks.values():
            action = entry[0]["hooks"][0]
            action["timeout"] = PATIENCE_S
            action.pop("async", None)  # it is waited for, so that what kills for one hook kills for no other
        environment = {name: value for name, value in self.hooked.environment.items() if name.startswith("SEGUE_")}
        environment["CLAUDE_CODE_SESSIONEND_HOOKS_TIMEOUT_MS"] = str(PATIENCE_S * 1000)
        configuration = self.hooked.home / ".claude" / "settings.json"
        configuration.parent.mkdir(exist_ok=True)
        configuration.write_text(json.dumps({"env": environment, "hooks": hooks, "permissions": {"allow": ["Bash"]}}))
        script = self.at / "script.json"
        script.write_text(json.dumps([{"tool": "Bash", "input": {"command": "echo ripe"}}, {"text": ripe(shift)}]))
        where = ["--project", self.hooked.project, "--home", self.hooked.home, "--script", script]
        printed = ["--output-format", "stream-json", "--verbose", "--include-hook-events"]
        command = [CLIENT / "run", *where, "--prompt", "Are they ripe?", "--", *printed]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=400, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run_by_hand(self, shift: int, event: str) -> None:
        """An event that does not come in a conversation without a terminal."""
        told = {"session_id": self.hooked.transcript.session_id, "hook_event_name": event, "tool_name": "Bash"}
        command, environment = [*self.command(shift), event], self.hooked.environment
        subprocess.run(command, env=environment, input=json.dumps(told).encode(), timeout=PATIENCE_S, check=True)

    def remembered(self) -> str:
        """All that was stored, with what waited for a server delivered."""
        self.hooked.settle()
        command = [sys.executable, "-P", "-m", "services.cli", "export", "-"]
        return subprocess.run(
            command, env=self.hooked.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        ).stdout


def ripe(shift: int) -> str:
    return f"The pears of tree {shift} are ripe."


@pytest.fixture
def client(tmp_path: Path, model_directory: Path) -> Iterator[Client]:
    client = Client(tmp_path, model_directory)
    yield client
    client.hooked.settle()
    if server := local_server.read_server(client.hooked.data):
        os.kill(server.pid, signal.SIGTERM)


@pytest.mark.slow
def test_a_server_killed_before_during_and_after_every_hook_is_not_noticed_by_the_client(client: Client) -> None:
    for shift in range(len(killed_around.TIMES)):
        printed = client.converse(shift)
        (result,) = (each for each in printed if each["type"] == "result")
        assert (result["is_error"], result["result"]) == (False, ripe(shift))
        for hook in (each for each in printed if each.get("subtype") == "hook_response"):
            assert (hook["outcome"], hook["exit_code"], hook["stderr"]) == ("success", 0, ""), hook
        for event in killed_around.BY_HAND:
            client.run_by_hand(shift, event)
    hooks = [json.loads(line) for line in client.record.read_text().splitlines()]
    table = [f"{each['event']:>16} {each['when']:>6} {each['delay_ms']:>5} ms  {each['log']}" for each in hooks]
    print("\nWhen the server was killed, and how long the hook took:", *table, sep="\n")
    every = {(event, when) for event in HOOKS for when in killed_around.TIMES}
    assert sorted((each["event"], each["when"]) for each in hooks) == sorted(every)
    for hook in hooks:
        assert hook["status"] == 0, hook
        assert not hook["said"] or hook["when"] == "after", hook
        expected = TROUBLE.get(hook["when"]) if hook["event"] in ASKING else None
        log = [line for line in hook["log"] if not line.endswith("no transcript is named")]  # as by hand
        assert len(log) == (expected is not None), hook
        assert all(re.fullmatch(str(expected), line.partition(": ")[2]) for line in log), hook
    remembered = client.remembered()
    assert all(ripe(shift) in remembered for shift in range(len(killed_around.TIMES)))
