"""The real Claude Code client, driven by a scripted model, against Segue through `segue connect`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack import ROOT, Stack, segue
from tests.patience import PATIENCE_S

CLIENT = Path(os.environ.get("SEGUE_CLAUDE_CODE", ROOT.parent / "shared" / "claude-code"))

pytestmark = [
    pytest.mark.client,
    pytest.mark.usefixtures("claude_code"),
    pytest.mark.skipif(
        not (CLIENT / "run").exists() or not shutil.which("npm"),
        reason="needs the client's driver (SEGUE_CLAUDE_CODE) and npm",
    ),
]


class ClaudeCode:
    """The client in a project and a home of its own, with Segue as its MCP server."""

    def __init__(self, stack: Stack, at: Path) -> None:
        self.home, self.project = at / "home", at / "shop"
        self.home.mkdir()
        self.project.mkdir()
        environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
        server = {"command": sys.executable, "args": ["-m", "services.cli", "connect"], "env": environment}
        self._config = self.project / ".mcp.json"
        self._config.write_text(json.dumps({"mcpServers": {"segue": server}}))

    def run(self, steps: Sequence[dict[str, Any]], prompt: str = "go") -> list[dict[str, Any]]:
        """One conversation; what the model was sent, a request at a time."""
        script, log = self.home / "script.json", self.home / "log.jsonl"
        script.write_text(json.dumps(steps))
        log.unlink(missing_ok=True)
        allowed = sorted({step["tool"] for step in steps if "tool" in step})
        options = ["--project", self.project, "--home", self.home, "--script", script, "--log", log, "--prompt", prompt]
        client = ["--mcp-config", str(self._config), *(["--allowedTools", ",".join(allowed)] if allowed else [])]
        command = [str(CLIENT / "run"), *map(str, options), "--", *client]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in log.read_text().splitlines()]

    def listed(self) -> str:
        """What `claude mcp list` says, which makes a real health check."""
        claude = subprocess.run([str(CLIENT / "install")], capture_output=True, text=True, check=True).stdout.strip()
        server = json.loads(self._config.read_text())["mcpServers"]["segue"]
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "IS_SANDBOX": "1"}
        pairs = [part for name, value in server["env"].items() for part in ("--env", f"{name}={value}")]
        add = [claude, "mcp", "add", "--scope", "user", "segue", *pairs, "--", server["command"], *server["args"]]
        subprocess.run(add, cwd=self.project, env=environment, capture_output=True, timeout=PATIENCE_S, check=True)
        (self.project / ".mcp.json").rename(self._config.with_suffix(".aside"))
        listing = subprocess.run(
            [claude, "mcp", "list"],
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        self._config.with_suffix(".aside").rename(self._config)
        return listing.stdout


def tool_results(requests: Sequence[dict[str, Any]]) -> list[Any]:
    """What the tools returned, as the model saw it at last."""
    blocks = [
        block
        for message in requests[-1]["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    ]
    results = [block for block in blocks if block.get("type") == "tool_result"]
    texts = [
        part["text"] if isinstance(part, dict) else part
        for block in results
        for part in (block["content"] if isinstance(block["content"], list) else [block["content"]])
    ]
    return [json.loads(text) for text in texts]


@pytest.fixture
def claude(stack: Stack, tmp_path: Path) -> ClaudeCode:
    return ClaudeCode(stack, tmp_path)


def test_the_client_lists_the_server_as_connected(claude: ClaudeCode) -> None:
    line = next(line for line in claude.listed().splitlines() if line.startswith("segue:"))
    assert "Connected" in line


def test_the_client_stores_a_reflection_and_finds_it_by_a_paraphrase(claude: ClaudeCode, project: str) -> None:
    lesson = "Timeouts in checkout came from the connection pool being exhausted; we doubled its size."
    requests = claude.run(
        [
            {"tool": "mcp__segue__store_reflection", "input": {"content": lesson, "project": project}},
            {
                "tool": "mcp__segue__reflect_on_past",
                "input": {"query": "why was paying so slow that requests failed", "project": project},
            },
        ]
    )
    stored, found = tool_results(requests)
    assert stored["success"] is True
    assert found["results"][0]["id"] == stored["reflection_id"]
    assert found["results"][0]["content"] == lesson
    assert {"mcp__segue__store_reflection", "mcp__segue__reflect_on_past"} <= set(requests[0]["tools"])


@pytest.mark.slow
def test_transcripts_of_the_client_are_imported_once_and_found(claude: ClaudeCode, stack: Stack) -> None:
    claude.run(
        [{"text": "The migration failed because the orders table has a trigger that locks the customers table."}],
        prompt="Why does the nightly database migration hang?",
    )
    transcripts = claude.home / ".claude" / "projects"
    first = segue(stack, "import", transcripts)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Imported 2 memories" in first.stdout
    again = segue(stack, "import", transcripts)
    assert "Imported 0 memories" in again.stdout
    requests = claude.run(
        [{"tool": "mcp__segue__reflect_on_past", "input": {"query": "schema upgrade gets stuck", "project": "shop"}}]
    )
    (found,) = tool_results(requests)
    contents = [each["content"] for each in found["results"]]
    assert any("trigger that locks" in content for content in contents)


def test_a_second_conversation_begins_with_the_handoff_of_the_first(claude: ClaudeCode) -> None:
    directory = claude.project  # seen by a gateway on this machine, out of sight for one in a container
    for arguments in (["init", "-q"], ["config", "user.name", "Ada"], ["config", "user.email", "ada@example.org"]):
        subprocess.run(["git", *arguments], cwd=directory, check=True)
    (directory / "app.py").write_text("print(1)\n")
    subprocess.run(["git", "add", "app.py"], cwd=directory, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "begin"], cwd=directory, check=True)
    (directory / "app.py").write_text("print(2)\n")
    requests = claude.run(
        [
            {"tool": "mcp__segue__init", "input": {}},
            {"tool": "mcp__segue__store_reflection", "input": {"content": "Print two.", "project": "shop"}},
            {"tool": "mcp__segue__checkpoint", "input": {"note": "print two"}},
            {"tool": "mcp__segue__end", "input": {"summary": "It prints two.", "next_steps": ["Print three."]}},
        ]
    )
    begun, _, recorded, ended = tool_results(requests)
    assert begun["project_context"]["name"].rpartition("/")[2] == "shop"  # labelled where another has its name
    assert recorded["git_checkpoint_created"] is begun["project_context"]["measured"]
    assert "It prints two" in ended["handoff"]
    (following,) = tool_results(claude.run([{"tool": "mcp__segue__init", "input": {}}]))
    assert following["session_id"] != begun["session_id"]
    assert following["previous_handoff"]["summary"] == "It prints two."
    assert following["previous_handoff"]["next_steps"] == ["Print three."]
