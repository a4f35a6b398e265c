"""What a call costs the server in processor time and its client in wall time, beside a FastMCP tool that does nothing.

A plain client and FastMCP's ask in turns, some calls here and some there, so that the machine's other work weighs on
all of them. By kind of thread the kernel's figures are given; how what the event loop spends is divided among the parts
of Segue is estimated afterwards, from samples of some more calls, which are in no other figure. `SEGUE_BENCH_FLAMES`
names a directory that gets their stacks, folded, as speedscope and flamegraph.pl read them.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from fastmcp import Client

from tests.performance.bare_server import bare_server
from tests.performance.calls.plain_client import PlainClient
from tests.performance.calls.threads import LOOP, WatchedStack, flames, parts, spent_ms
from tests.performance.rows import Row, spread
from tests.performance.searches import asked

rounds, calls_each, sampled_calls, idle_s = 12, 25, 400, 10.0
shown_min_ms = 0.01
results_each = 10
"""Of a search, as of the tool that does nothing."""
NOTHING = "nothing"
PLAIN, FASTMCP = "plain client", "FastMCP's client"
CALLS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    NOTHING: ("ten_results", lambda _: {}),
    "smallest": ("list_sessions", lambda _: {"limit": 1}),
    "seen": ("reflect_on_past", lambda _: asked("again")),
    "unseen": ("reflect_on_past", asked),
    "store": ("store_reflection", lambda which: {"content": f"lesson {which} at {time.time_ns()}: measure first"}),
}
"""By name, a tool and its arguments, which differ by the text that is given."""
Ask: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Any]]


@dataclass
class Cost:
    """Milliseconds of so many calls: of the server's processor, by kind of thread, and until the client had each."""

    calls: int = 0
    threads_ms: Counter[str] = field(default_factory=Counter)
    wall_ms: list[float] = field(default_factory=list)

    @property
    def of_one(self) -> float:
        return self.threads_ms.total() / self.calls

    def of_one_on(self, thread: str) -> float:
        return self.threads_ms[thread] / self.calls

    async def measure(self, name: str, who: str, ask: Ask, spent: Callable[[], Counter[str]]) -> None:
        """Adds `calls_each` calls."""
        tool, arguments = CALLS[name]
        await ask(tool, arguments("first"))  # a connection may have to be opened
        before = spent()
        for number in range(self.calls, self.calls + calls_each):
            began = time.perf_counter()
            await ask(tool, arguments(f"{who} {number}"))
            self.wall_ms.append((time.perf_counter() - began) * 1e3)
        self.calls += calls_each
        self.threads_ms += spent() - before


@dataclass
class Measured:
    """By client and call."""

    costs: dict[tuple[str, str], Cost]
    idle_ms: float
    """In a second without calls."""
    stacks: dict[str, list[str]]
    """By call, of the plain client."""


def rows(data: Path, size: int) -> Iterator[Row]:
    """The lines of the report, of a server on `data`, which holds `size` memories."""
    measured = asyncio.run(_measured(data))
    _write_flames(size, measured.stacks)
    at = f"cost at {size:,}"
    for who in (PLAIN, FASTMCP):
        nothing = measured.costs[who, NOTHING]
        yield from _baseline(f"{at}, {who}", nothing)
        for name in measured.stacks:
            yield from _of_call(f"{at}, {who}: {name}", measured.costs[who, name], nothing)
    for name, stacks in measured.stacks.items():
        yield from _of_parts(f"{at}: {name}", measured.costs[PLAIN, name].of_one_on(LOOP), stacks)
    yield Row(f"{at}: a server that is asked nothing", measured.idle_ms, "ms/s", "processor time")


def _baseline(of: str, nothing: Cost) -> Iterator[Row]:
    yield Row(f"{of}: a FastMCP tool that does nothing", nothing.of_one, "ms", "processor time; the baseline")
    yield Row(f"{of}: the same, wall, p50", spread(nothing.wall_ms).p50, "ms", "the baseline")


def _of_call(of: str, cost: Cost, nothing: Cost) -> Iterator[Row]:
    yield Row(of, cost.of_one, "ms", f"processor time; {cost.of_one / nothing.of_one:.1f} x nothing")
    for thread, spent in cost.threads_ms.most_common():
        if spent / cost.calls >= shown_min_ms:
            yield Row(f"{of}, thread: {thread}", spent / cost.calls, "ms", "processor time")
    wall = spread(cost.wall_ms)
    beyond = max(wall.p50 - cost.of_one, 0)
    note = f"{wall.p50 / spread(nothing.wall_ms).p50:.1f} x nothing; {beyond:.2f} ms beyond its processor time"
    yield Row(f"{of}, wall, p50", wall.p50, "ms", note)
    yield Row(f"{of}, wall, p95", wall.p95, "ms")


def _of_parts(of: str, loop_ms: float, stacks: list[str]) -> Iterator[Row]:
    for part, share in parts(stacks).items():
        if share * loop_ms >= shown_min_ms:
            yield Row(f"{of}, part: {part}", share * loop_ms, "ms", f"{share:.0%} of the event loop's, by samples")


async def _measured(data: Path) -> Measured:
    with WatchedStack(data) as stack, bare_server("least") as (bare_url, bare_pid):
        costs = {(who, name): Cost() for who in (PLAIN, FASTMCP) for name in CALLS}
        plain, bare = PlainClient(stack.url), PlainClient(bare_url)
        await _warm_up(stack, plain)
        async with Client(stack.url) as mcp, Client(bare_url) as bare_mcp:
            for _ in range(rounds):
                for (who, name), cost in costs.items():
                    its_plain, its_mcp = (bare, bare_mcp) if name == NOTHING else (plain, mcp)
                    ask = by_plain(its_plain) if who == PLAIN else its_mcp.call_tool
                    await cost.measure(name, who, ask, _spent_by(bare_pid) if name == NOTHING else stack.spent_ms)
                    its_plain.close()  # the server would, if others are measured for long
        before = stack.spent_ms()
        await asyncio.sleep(idle_s)
        idle_ms = (stack.spent_ms() - before).total() / idle_s
        stacks = {name: _sampled(stack, plain, name) for name in CALLS if name != NOTHING}
    return Measured(costs, idle_ms, stacks)


async def _warm_up(stack: WatchedStack, plain: PlainClient) -> None:
    for number in range(calls_each):
        answer = plain.call("reflect_on_past", asked(f"warm up {number}"))
        assert len(json.loads(answer)["result"]["structuredContent"]["results"]) == results_each, answer[:500]
    plain.call("store_reflection", {"content": "warm up"})
    stack.learn_threads()


def by_plain(client: PlainClient) -> Ask:
    """Its call, as one that is awaited."""

    async def ask(tool: str, arguments: dict[str, Any]) -> bytes:
        return client.call(tool, arguments)

    return ask


def _spent_by(pid: int) -> Callable[[], Counter[str]]:
    return lambda: spent_ms(pid, {})


def _sampled(stack: WatchedStack, plain: PlainClient, name: str) -> list[str]:
    tool, arguments = CALLS[name]
    stack.begin_sampling()
    for number in range(sampled_calls):
        plain.call(tool, arguments(f"sampled {number}"))
    return stack.end_sampling()


def _write_flames(size: int, stacks: dict[str, list[str]]) -> None:
    if not (name := os.environ.get("SEGUE_BENCH_FLAMES")):
        return
    directory = Path(name)
    directory.mkdir(parents=True, exist_ok=True)
    for call, its in stacks.items():
        (directory / f"{call}-{size}.folded").write_text("\n".join(flames(call, its)) + "\n", encoding="utf-8")
