"""What other users' memories cost a search: the same user alone, and among 50, with tokens, asked in turns."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.integration.team import TeamStack
from tests.integration.whole import index_settled
from tests.performance.calls.costs import FASTMCP, PLAIN, Ask, Cost, by_plain
from tests.performance.calls.plain_client import PlainClient
from tests.performance.calls.threads import spent_ms
from tests.performance.corpora.synthetic import fill
from tests.performance.rows import Row, spread
from tests.performance.searches import asked

users, own, of_others = 50, 10_000, 200
rounds, turns, searches_each = 8, 4, 3
ALONE, AMONG = "one user", f"{users} users"
_asker = "user-0"
_unlimited = {"SEGUE_GATEWAY_CALLS_PER_MINUTE": "1000000", "SEGUE_GATEWAY_CALLS_AT_ONCE": "1000"}


def rows(directory: Path, model: Path) -> Iterator[Row]:
    """The lines of the report; one user has 10,000 memories, each other 200."""
    alone, among = directory / "alone", directory / "among"
    (alone / "memory").mkdir(mode=0o700, parents=True)
    asyncio.run(fill(alone / "memory", own, [_asker]))
    shutil.copytree(alone, among)
    asyncio.run(fill(among / "memory", of_others, [f"user-{number}" for number in range(1, users)]))
    with TeamStack(alone, model, **_unlimited) as one, TeamStack(among, model, **_unlimited) as many:
        stacks = {ALONE: one, AMONG: many}
        costs = asyncio.run(_in_turns(stacks))
        at_once = asyncio.run(_all_at_once(stacks))
    for who in (PLAIN, FASTMCP):
        first = costs[ALONE, who]
        for name in stacks:
            cost, what = costs[name, who], f"search of one with {own:,}, {name}, {who}"
            wall, of_first = spread(cost.wall_ms).p50, spread(first.wall_ms).p50
            yield Row(f"{what}: wall, p50", wall, "ms", f"{wall / of_first:.2f} x alone")
            yield Row(f"{what}", cost.of_one, "ms", f"processor time; {cost.of_one / first.of_one:.2f} x alone")
    for name, rate in at_once.items():
        yield Row(
            f"{users} clients at once, {name}, unseen", rate, "searches/s", f"{rate / at_once[ALONE]:.2f} x alone"
        )


async def _in_turns(stacks: dict[str, TeamStack]) -> dict[tuple[str, str], Cost]:
    costs = {(name, who): Cost() for name in stacks for who in (PLAIN, FASTMCP)}
    async with AsyncExitStack() as opened:
        asks: dict[tuple[str, str], Ask] = {}
        for name, stack in stacks.items():
            mcp = await opened.enter_async_context(stack.client(_asker))
            await index_settled(mcp)
            asks[name, FASTMCP] = mcp.call_tool
            asks[name, PLAIN] = by_plain(PlainClient(stack.url, stack.token(_asker)))
        for _ in range(rounds):
            for (name, who), cost in costs.items():
                await cost.measure("unseen", who, asks[name, who], lambda of=name: spent_ms(_pid(stacks[of]), {}))  # type: ignore[misc]
    return costs


async def _all_at_once(stacks: dict[str, TeamStack]) -> dict[str, float]:
    """Searches in a second of 50 clients; alone, all of them are one user's."""
    took = dict.fromkeys(stacks, 0.0)
    async with AsyncExitStack() as opened:
        clients = {name: [await opened.enter_async_context(each) for each in _clients(name, stacks)] for name in stacks}
        for turn in range(turns):
            for name, its in clients.items():
                began = time.perf_counter()
                await asyncio.gather(*(_search(mcp, f"{turn}, {number}") for number, mcp in enumerate(its)))
                took[name] += time.perf_counter() - began
    return {name: turns * users * searches_each / its for name, its in took.items()}


def _clients(name: str, stacks: dict[str, TeamStack]) -> list[Client[Any]]:
    return [stacks[name].client(_asker if name == ALONE else f"user-{number}") for number in range(users)]


async def _search(client: Client[Any], which: str) -> None:
    for number in range(searches_each):
        await client.call_tool("reflect_on_past", asked(f"at once, {which}, {number}"))


def _pid(stack: ProcessStack) -> int:
    assert stack.process
    return stack.process.pid


if __name__ == "__main__":  # python -m tests.performance.calls.users DIRECTORY MODEL_DIRECTORY
    ProcessStack.is_preloaded = False
    for row in rows(Path(sys.argv[1]), Path(sys.argv[2])):
        print(f"{row.name:64} {row.value:8.2f} {row.unit:10} {row.note}", flush=True)
