"""The bridge tells the gateway in which directory the client works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from services.cli.reported import DIRECTORY_META, with_directory
from services.gateway import workplace
from tests.integration.stack import ROOT, ProcessStack


def test_only_tool_calls_say_it_and_keep_what_they_had() -> None:
    call = {"method": "tools/call", "params": {"name": "init", "_meta": {"progressToken": 1}}}
    meta = with_directory(call)["params"]["_meta"]
    assert meta == {"progressToken": 1, DIRECTORY_META: str(Path.cwd())}
    for other in ({"method": "tools/list", "params": {}}, {"method": "tools/call"}, {"id": 1, "result": {}}):
        assert with_directory(other) == other
    assert DIRECTORY_META == workplace.DIRECTORY_META


def test_init_without_arguments_begins_where_the_client_works(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with ProcessStack(tmp_path / "data") as stack:
        answers = _bridged(tmp_path / "work", stack, {"name": "init", "arguments": {}})
    content = answers[-1]["result"]["structuredContent"]
    assert content["project_context"]["root"] == str(tmp_path / "work")


def _bridged(directory: Path, stack: ProcessStack, call: dict[str, Any]) -> list[dict[str, Any]]:
    handshake = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": handshake},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "connect", stack.url],
        input="".join(json.dumps(line) + "\n" for line in lines),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
