"""A text that nothing can read stops no server: it is passed over, named, and removed by the command that is named."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import duckdb
import pytest

from tests.integration.calls import ask
from tests.integration.stack import ProcessStack, client, segue

TEXTS = ("The old pond kettle", "They play rock n't roll on this kettle", "why do n't we ship the kettle")


def damage(data: Path, id: str) -> None:
    with duckdb.connect(str(data / "memory" / "memory.duckdb")) as connection:
        connection.execute("UPDATE memories SET metadata = '{' WHERE id = ?", [id])


@pytest.mark.slow
async def test_a_server_with_a_memory_that_cannot_be_read_starts_and_names_what_removes_it(data: Path) -> None:
    with ProcessStack(data) as stack:
        async with client(stack) as mcp:
            stored = [
                (await mcp.call_tool("store_reflection", {"content": text, "project": "p"})).structured_content or {}
                for text in TEXTS
            ]
    broken = stored[0]["reflection_id"]
    await asyncio.to_thread(damage, data, broken)
    with ProcessStack(data) as stack:
        found = await ask(stack, "reflect_on_past", query="why do n't we roll the kettle", project="p")
        assert {each["content"] for each in found["results"]} == set(TEXTS[1:])
        assert any(each.endswith(f": {broken}") for each in (await ask(stack, "reflection_stats"))["degraded"])
        told = await asyncio.to_thread(segue, stack, "doctor", "--json")
        fixes = [each["mend"] for each in json.loads(told.stdout)["findings"] if each["status"] == "degraded"]
        assert f"segue delete {broken}" in fixes
        asked = await asyncio.to_thread(segue, stack, "delete", broken)
        assert (asked.returncode, "--yes" in asked.stderr) == (1, True)
        done = await asyncio.to_thread(segue, stack, "delete", broken, "--yes")
        assert (done.returncode, done.stdout[:10]) == (0, "Deleted 1;")
        again = await asyncio.to_thread(segue, stack, "delete", broken, "--yes")
        assert (again.returncode, "none of your memories" in again.stderr) == (1, True)
        assert not [each for each in (await ask(stack, "reflection_stats"))["degraded"] if "cannot be read" in each]
