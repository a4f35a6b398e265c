"""Each container is killed, frozen, restarted and cut off while clients work: what goes on, and what was lost.

Two gateways, two sessions and two qualities, so that some of this is not to be noticed at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from fastmcp import Client

from tests.integration.faults import FAULTS, Container, containers
from tests.integration.load import OK, Call, Load, lost, told
from tests.integration.stack import ComposeStack
from tests.integration.whole import wait_until_whole

pytestmark = pytest.mark.containers

hold_s, calm_s = 3.0, 1.0
CLEAR = {"SESSION_UNAVAILABLE", "MEMORY_UNAVAILABLE", "QUALITY_UNAVAILABLE", "DEADLINE_EXCEEDED"}
"""What a call may end with; anything of the connection is for the client's own retries."""
SESSIONS = {"init", "checkpoint", "list_sessions"}
MEMORIES = {"store_reflection", "reflect_on_past"}
GOES_ON = {
    "entry": set(),
    "gateway": SESSIONS | MEMORIES,
    "session": SESSIONS | MEMORIES,
    "quality": SESSIONS | MEMORIES,
    "history": SESSIONS | MEMORIES,
    "memory": SESSIONS,
    "redis": MEMORIES,
}
"""Which calls have to succeed, by what is broken; where there is a second one, after a try or two."""
CASES = [
    *((service, "kill") for service in GOES_ON),
    *((service, "cut") for service in GOES_ON),
    *((service, "pause") for service in ("gateway", "session", "memory", "redis")),
    *((service, "restart") for service in ("memory", "redis")),
]


async def test_nothing_acknowledged_is_lost_whatever_happens_to_a_container(
    team: ComposeStack, report: Callable[[str], None]
) -> None:
    load = Load(team.url, "faults", clients=6, think_s=0.1)
    suffered = []
    async with load.running():
        for service, fault in CASES:
            with load.noted() as noted:
                after_s = await _suffer(team, containers(team, service)[0], fault)
            report(f"{fault} {service}: whole again after {after_s:.1f} s; {told(noted.ended())}")
            suffered.append((service, fault, noted))
    for service, fault, noted in suffered:  # also the calls that outlasted what they suffered
        _check(service, fault, noted.ended())
    missing = await lost(team.url, load.promises)
    report(
        f"{len(load.promises.memories)} memories and {len(load.promises.checkpoints)} sessions, lost: {len(missing)}"
    )
    assert len(load.promises.memories) > 50
    assert missing == []
    assert await _duplicated(team) == 0


async def _suffer(team: ComposeStack, container: Container, fault: str) -> float:
    """The fault from its beginning to when all works again; how long that took once the fault was over, in seconds."""
    begin, end = FAULTS[fault]
    await asyncio.sleep(calm_s)
    await asyncio.to_thread(begin, container)
    if end is not Container.nothing:
        await asyncio.sleep(hold_s)
        await asyncio.to_thread(end, container)
    began = time.monotonic()
    await asyncio.to_thread(wait_until_whole, team.url)
    took_s = time.monotonic() - began
    await asyncio.sleep(calm_s)
    return took_s


def _check(service: str, fault: str, calls: list[Call]) -> None:
    assert calls
    failed = [call for call in calls if call.outcome != OK]
    assert [call for call in failed if call.tool in GOES_ON[service]] == [], f"{fault} {service}"
    codes = {outcome for call in calls for outcome in call.outcomes} - {OK}
    assert "INTERNAL" not in codes
    if service not in {"entry", "gateway"}:
        assert codes <= CLEAR


async def _duplicated(team: ComposeStack) -> int:
    """Memories of the load that are there more than once."""
    async with Client(team.url) as mcp:
        contents, cursor = [], None
        found = await mcp.call_tool("advanced_search", {"query": "memory", "project": "faults", "sort": "newest"})
        content = found.structured_content or {}
        while True:
            contents += [each["content"] for each in content["results"]]
            if not (cursor := content.get("next_cursor")):
                return len(contents) - len(set(contents))
            content = (
                await mcp.call_tool("get_more_results", {"cursor": cursor, "limit": 50})
            ).structured_content or {}
