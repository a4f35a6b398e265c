"""What a model proposes, in the real client: its dialogs decide, and where nobody can be asked nothing does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.claude_code.terminal import DOWN, ENTER, Terminal
from tests.integration.claude_code.test_capture import version  # noqa: F401  # a fixture
from tests.integration.claude_code.test_conversation import pytestmark as client_marks
from tests.integration.claude_code.test_hooks import PLUGIN, PluggedIn
from tests.integration.claude_code.test_permissions import DIALOG, bash, files
from tests.integration.hooks.test_hooks import call
from tests.integration.stack import ROOT, Stack

pytestmark = [*client_marks, pytest.mark.parametrize("stack", ["process"], indirect=True)]

COMMAND = "touch made-by-itself"
CODE = r"(\d{4})\W*to\W*do\W*so"  # of what stood there before, the screen keeps letters


@pytest.fixture
def claude(stack: Stack, tmp_path: Path) -> PluggedIn:
    return PluggedIn(stack, tmp_path)


def steps(tool: str, directory: Path, **fields: Any) -> list[dict[str, Any]]:
    """The model finds the tool, or waits for its server, in whatever way its client has; then it proposes."""
    made = {"operation": "Bash", "target": COMMAND, "decision": "allow", "scope": "project", **fields}
    return [
        {"tool": "WaitForMcpServers", "input": {}},
        {"tool": "ToolSearch", "input": {"query": f"select:{tool}"}},
        {"tool": tool, "input": {**made, "working_directory": str(directory)}},
    ]


def servers(claude: PluggedIn, stack: Stack) -> list[str]:
    """The client's arguments for Segue's server without its hooks."""
    claude.plugin = []
    (claude.hooked.home / ".claude" / "settings.json").write_text("{}")
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    server = {"command": sys.executable, "args": ["-m", "services.cli", "connect"], "env": environment}
    path = claude.hooked.project / "servers.json"
    path.write_text(json.dumps({"mcpServers": {"segue": server}}))
    return ["--mcp-config", str(path), "--allowedTools", "mcp__segue"]


async def decision(claude: PluggedIn, stack: Stack) -> str:
    asked = {"operation": "Bash", "target": COMMAND, "working_directory": str(claude.hooked.project)}
    return str((await call(stack, "check_permission", **asked))["decision"])


@pytest.mark.slow
async def test_a_model_alone_gives_itself_no_leave_whatever_the_client_lets_run(
    claude: PluggedIn, stack: Stack
) -> None:
    claude.allow("mcp__plugin_segue_segue")
    wide = {"target": "*", "scope": "always"}
    tool = "mcp__plugin_segue_segue__record_permission"
    requests = claude.run([*steps(tool, claude.hooked.project, **wide), bash(COMMAND), {"text": "Done."}])
    assert "made-by-itself" not in files(claude)
    requests = claude.run([*steps(tool, claude.hooked.project), bash(COMMAND), {"text": "Done."}])
    assert "made-by-itself" not in files(claude)
    assert "which only you decide" in json.dumps(requests[-1]["messages"])
    assert await decision(claude, stack) == "ask"


@pytest.mark.slow
async def test_where_nobody_can_be_asked_a_proposal_waits(claude: PluggedIn, stack: Stack) -> None:
    tool, arguments = "mcp__segue__record_permission", servers(claude, stack)
    requests = claude.run([*steps(tool, claude.hooked.project), {"text": "Done."}], "go", *arguments)
    assert "segue permit " in json.dumps(requests[-1]["messages"])
    assert await decision(claude, stack) == "ask"


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "expected"), [((ENTER,), "allow"), ((DOWN, ENTER), "ask")], ids=["yes", "no"])
async def test_without_hooks_the_client_asks_its_user_who_types_a_number(
    claude: PluggedIn,
    stack: Stack,
    version: str,  # noqa: F811
    keys: tuple[str, ...],
    expected: str,
) -> None:
    tool, arguments = "mcp__segue__record_permission", servers(claude, stack)
    said = [*steps(tool, claude.hooked.project), {"text": "It is over."}]
    with Terminal(claude.hooked, version, said, *arguments) as terminal:
        terminal.say("Begin", "to do so.")
        assert set(terminal.matches(CODE)), terminal.squeezed[-1500:]
        (code,) = set(terminal.matches(CODE))
        terminal.press(code, ENTER, *keys)  # the number, and then Accept, or Decline below it
        terminal.wait_for("It is over.")
    assert await decision(claude, stack) == expected


@pytest.mark.slow
async def test_what_the_user_lets_pass_in_the_clients_own_dialog_holds(
    claude: PluggedIn,
    stack: Stack,
    version: str,  # noqa: F811
) -> None:
    tool = "mcp__plugin_segue_segue__record_permission"
    said = [*steps(tool, claude.hooked.project), {"text": "It is proposed."}, bash(COMMAND), {"text": "It is made."}]
    with Terminal(claude.hooked, version, said, "--plugin-dir", PLUGIN, "--permission-mode", "default") as terminal:
        terminal.say("Begin", DIALOG)
        terminal.press(ENTER)
        terminal.wait_for("It is proposed.")
        claude.hooked.settle()
        assert await decision(claude, stack) == "allow"
        terminal.say("Go on", "It is made.")
    assert "made-by-itself" in files(claude)
