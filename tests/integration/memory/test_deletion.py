"""What `delete_conversations` promises: gone from answers at once, from every file soon, and from the next backup."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastmcp import Client

from tests.integration.calls import ask
from tests.integration.stack import ProcessStack, client, segue
from tests.patience import eventually
from tests.torture.run import kill

MARK = "quixotic zeppelin of the harbourmaster"
TAG = "zeppelintag"


class Hasty(ProcessStack):
    """Erases deleted text a moment after its deletion, and writes snapshots of its index often."""

    @property
    def environment(self) -> dict[str, str]:
        hasty = {"SEGUE_MEMORY_ERASE_WITHIN_S": "0.2", "SEGUE_MEMORY_SNAPSHOT_EVERY_CHANGES": "2"}
        return super().environment | hasty


def holding(directory: Path, *texts: str) -> list[str]:
    """The files that hold any of these texts, whatever the case."""
    found = []
    for path in directory.rglob("*"):
        try:
            content = path.read_bytes().lower() if path.is_file() else b""
        except FileNotFoundError:  # it was replaced meanwhile
            continue
        found += [path.name for text in texts if text.lower().encode() in content]
    return found


def is_without(directory: Path, *texts: str) -> bool:
    return not holding(directory, *texts)


async def delete(mcp: Client, **meant: object) -> int:  # type: ignore[type-arg]
    asked = (await mcp.call_tool("delete_conversations", meant)).structured_content or {}
    confirmed = meant | {"confirm": True, "confirmation_token": asked["confirmation_token"]}
    return int(((await mcp.call_tool("delete_conversations", confirmed)).structured_content or {})["deleted"])


@pytest.mark.slow
async def test_what_was_deleted_is_gone_from_answers_at_once_and_from_every_file_soon(
    data: Path, tmp_path: Path
) -> None:
    with Hasty(data) as stack:
        async with client(stack) as mcp:
            for number in range(12):
                kept = {"content": f"The harbourmaster's log, page {number}", "project": "harbour"}
                await mcp.call_tool("store_conversation", kept)
            secret = {"content": f"{MARK}, in src/zeppelin.py", "project": "harbour", "tags": [TAG]}
            gone = ((await mcp.call_tool("store_reflection", secret)).structured_content or {})["reflection_id"]
            quick = await ask(stack, "quick_search", query="harbourmaster", project="harbour")
            assert gone in [each["id"] for each in (await ask(stack, "reflect_on_past", query=MARK))["results"]]
            await eventually(
                lambda: asyncio.to_thread(holding, data, TAG), pause_s=0.02
            )  # it is in the snapshot of the index, too

            assert await delete(mcp, ids=[gone]) == 1

            assert (await mcp.call_tool("get_memory", {"id": gone}, raise_on_error=False)).is_error
            for query in (MARK, "an airship like no other"):  # by its words, and by meaning alone
                assert gone not in [
                    each["id"] for each in (await ask(stack, "reflect_on_past", query=query))["results"]
                ]
            rest = await ask(stack, "get_more_results", cursor=quick["cursor"], limit=20)
            assert gone not in [each["id"] for each in rest["results"]]
            made = await asyncio.to_thread(segue, stack, "backup", tmp_path / "backups")
            assert made.returncode == 0, made.stderr
            assert not holding(tmp_path / "backups", MARK, TAG)
            await eventually(lambda: asyncio.to_thread(is_without, data, MARK, TAG, "zeppelin.py"), pause_s=0.05)
            assert (await ask(stack, "reflection_stats"))["total_conversations"] == 12
    with Hasty(data) as stack:
        assert (await ask(stack, "reflection_stats"))["total_conversations"] == 12
        assert not holding(data, MARK, TAG, "zeppelin.py")


@pytest.mark.slow
async def test_what_a_killed_process_had_deleted_is_erased_by_the_next(data: Path) -> None:
    stack = ProcessStack(data)  # which would erase it in ten minutes
    stack.__enter__()
    try:
        async with client(stack) as mcp:
            await mcp.call_tool("store_conversation", {"content": "The harbourmaster's log"})
            gone = (await mcp.call_tool("store_conversation", {"content": MARK})).structured_content or {}
            await delete(mcp, ids=[gone["conversation_id"]])
        assert holding(data, MARK)
    finally:
        kill(stack)
    with Hasty(data) as stack:
        await eventually(lambda: asyncio.to_thread(is_without, data, MARK), pause_s=0.05)
        assert (await ask(stack, "reflection_stats"))["total_conversations"] == 1
