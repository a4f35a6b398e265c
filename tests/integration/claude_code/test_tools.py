"""Which of Segue's tools the real client offers its model from the first request on, however Segue is configured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.gateway.access.scopes import TOOLS
from services.gateway.tools.tool_sets import CORE
from tests.integration.claude_code.test_conversation import CLIENT, pytestmark  # noqa: F401  # the same marks
from tests.integration.stack import ROOT, Stack

Arranged = Callable[[Path, Path, dict[str, Any]], list[str]]
"""Configures the client, given its home, the project and the server's entry; the arguments it is started with."""


def in_a_file(home: Path, project: Path, server: dict[str, Any]) -> list[str]:
    (project / "servers.json").write_text(json.dumps({"mcpServers": {"segue": server}}))
    return ["--mcp-config", str(project / "servers.json")]


def for_the_user(home: Path, project: Path, server: dict[str, Any]) -> list[str]:
    (home / ".claude.json").write_text(json.dumps({"mcpServers": {"segue": server}}))
    return []


def for_the_project(home: Path, project: Path, server: dict[str, Any]) -> list[str]:
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"segue": server}}))
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps({"enableAllProjectMcpServers": True}))
    return []


def as_a_plugin(home: Path, project: Path, server: dict[str, Any]) -> list[str]:
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps({"env": server["env"]}))
    return ["--plugin-dir", str(ROOT / "clients" / "claude-code")]


@pytest.mark.slow
@pytest.mark.parametrize("arrange", [in_a_file, for_the_user, for_the_project, as_a_plugin])
def test_the_core_tools_are_in_the_first_request_and_the_others_are_left_to_be_found(
    stack: Stack, tmp_path: Path, arrange: Arranged
) -> None:
    listed = first_tools(stack, tmp_path, arrange)
    ours = {name.rpartition("__")[2] for name in listed if name.startswith("mcp__")}
    assert ours == (CORE if "ToolSearch" in listed else set(TOOLS))  # an older client lists all at once


def first_tools(stack: Stack, at: Path, arrange: Arranged) -> set[str]:
    """The names of the tools in the first request of a conversation."""
    home, project = at / "home", at / "shop"
    home.mkdir()
    project.mkdir()
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    server = {"command": sys.executable, "args": ["-m", "services.cli", "connect"], "env": environment}
    arguments = arrange(home, project, server)
    script, log = at / "script.json", at / "log.jsonl"
    script.write_text(json.dumps([{"text": "Hello."}]))
    where = ["--project", project, "--home", home, "--script", script, "--log", log]
    command = [CLIENT / "run", *where, "--", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(json.loads(log.read_text().splitlines()[0])["tools"])
