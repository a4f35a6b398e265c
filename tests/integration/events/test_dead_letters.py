"""What a receiver of webhooks refused for good: listed, sent again and dropped, by ids alone."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from fastmcp import Client

from tests.integration.events.test_stream_and_intakes import SETTINGS
from tests.integration.stack import ProcessStack, segue
from tests.patience import eventually, eventually_so
from tests.unit.integration.sinks.receivers import accept, answer, receiver


async def dead(stack: ProcessStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(segue, stack, "events", "dead", *arguments)


async def lines(stack: ProcessStack) -> list[str]:
    return (await dead(stack)).stdout.splitlines()


@pytest.mark.slow
async def test_dead_letters_are_listed_sent_again_and_dropped(tmp_path: Path) -> None:
    async with receiver(answer(b"HTTP/1.1 400 Bad Request")) as hostile:
        webhook = {
            "SEGUE_INTEGRATION_WEBHOOK_URLS": hostile.url,
            "SEGUE_INTEGRATION_WEBHOOK_SECRET": "s" * 24,
            "SEGUE_INTEGRATION_WEBHOOK_PRIVATE": "true",
        }
        with ProcessStack(tmp_path, **SETTINGS, **webhook) as stack:
            async with Client(stack.url) as mcp:
                await mcp.call_tool("store_reflection", {"content": "The otter swims.", "project": "river"})
                await mcp.call_tool("store_reflection", {"content": "The badger digs.", "project": "river"})

            async def are_dead() -> bool:
                return len(await lines(stack)) == 2

            await eventually(are_dead)
            listed = await lines(stack)
            assert all("memory.stored" in line and "it answers 400" in line for line in listed)
            assert not [line for line in listed if "otter" in line or "river" in line]
            hostile.behave, before = accept, len(hostile.ids)
            first, second = (line.split()[0] for line in listed)
            assert "1 to be sent again" in (await dead(stack, "retry", first)).stdout
            await eventually_so(lambda: hostile.ids[before:] == [first])

            async def is_delivered() -> bool:
                return [line.split()[0] for line in await lines(stack)] == [second]

            await eventually(is_delivered)
            assert (await dead(stack, "drop", "all")).stdout == "1 dropped\n"
            assert (await dead(stack, "drop", "all")).returncode == 1
            assert "There are none" in (await dead(stack)).stderr
            assert (await dead(stack, "retry")).returncode == 2
            assert (await dead(stack, "bury", "x")).returncode == 2
