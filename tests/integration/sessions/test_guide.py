"""The Architecture Guide's own test of a session, as it stands there; only its client is ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.integration.stack import ROOT, ProcessStack


class Server:
    """Segue as a client that works in a project's directory has it."""

    def __init__(self, client: Client[StdioTransport]) -> None:
        self._client = client

    async def call_tool(self, name: str) -> dict[str, Any]:
        result = await self._client.call_tool(name)
        assert result.structured_content is not None
        return result.structured_content


@pytest.fixture
async def mcp_server(tmp_path: Path) -> AsyncIterator[Server]:
    project = tmp_path / "project"
    project.mkdir()
    for arguments in (["init", "-q"], ["config", "user.name", "Ada"], ["config", "user.email", "ada@example.org"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    (project / "README.md").write_text("# A project\n")
    with ProcessStack(tmp_path / "data") as stack:
        connect = StdioTransport(
            sys.executable,
            ["-m", "services.cli", "connect", stack.url],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=str(project),
            keep_alive=False,
        )
        async with Client(connect) as client:
            yield Server(client)


class TestMCPServer:
    async def test_session_lifecycle(self, mcp_server: Server) -> None:
        """Test complete session workflow."""
        # Init → Checkpoint → End workflow
        init_result = await mcp_server.call_tool("init")
        assert init_result["success"]

        checkpoint_result = await mcp_server.call_tool("checkpoint")
        assert checkpoint_result["quality_score"]["overall"] > 0

        end_result = await mcp_server.call_tool("end")
        assert end_result["handoff_file_created"]
