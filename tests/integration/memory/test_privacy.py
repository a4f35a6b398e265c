"""What is private or a secret is never stored; on one process and on compose."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli import local_server
from tests.integration.calls import call
from tests.integration.stack import ProcessStack, Stack, client

TOKEN = "ghp_" + "k3J9dQ2mX7pL0vB8nR5tY1wZ6sA4cE0uHfGi"[:36]


async def test_a_secret_is_replaced_by_what_it_was(stack: Stack, project: str) -> None:
    stored = await call(
        stack,
        "store_conversation",
        content=f"The marmot deploys with {TOKEN} on port 8678.",
        project=project,
        metadata={"note": {"password": "hunter2-Wq8x"}, "kept": "numpy@1.26.4"},
    )
    assert stored["redactions"] == 2
    memory = (await call(stack, "get_memory", id=stored["conversation_id"]))["memory"]
    assert TOKEN not in memory["content"]
    assert "[redacted: " in memory["content"]
    assert "port 8678" in memory["content"]
    assert memory["metadata"]["kept"] == "numpy@1.26.4"
    assert "hunter2" not in str(memory["metadata"])


async def test_what_is_marked_private_is_not_stored(stack: Stack, project: str) -> None:
    content = "The marmot sleeps. <private>It snores.\n</private> It wakes."
    stored = await call(stack, "store_reflection", content=content, project=project)
    memory = (await call(stack, "get_memory", id=stored["reflection_id"]))["memory"]
    assert "snores" not in memory["content"]
    assert memory["content"].startswith("The marmot sleeps.")
    assert memory["content"].endswith("It wakes.")
    async with client(stack) as mcp:
        refused = await mcp.call_tool(
            "store_reflection", {"content": "<private>all</private>", "project": project}, raise_on_error=False
        )
    assert refused.structured_content is not None
    assert refused.structured_content["error_code"] == "INVALID_INPUT"


@pytest.mark.slow
async def test_no_file_of_the_data_directory_holds_the_secret(tmp_path: Path) -> None:
    with ProcessStack(tmp_path) as stack:
        await call(stack, "store_reflection", content=f"token {TOKEN} and <private>the walrus</private> here")
        assert local_server.read_server(tmp_path) is not None
    files = _files(tmp_path)
    assert any(path.name == "memory.duckdb" for path in files)
    for path in files:
        content = _content(path)
        assert TOKEN.encode() not in content
        assert b"walrus" not in content
        assert path.stat().st_mode & 0o077 == 0, path


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and "model" not in path.parts]


def _content(path: Path) -> bytes:
    return path.read_bytes()
