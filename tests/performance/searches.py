"""Searching and storing among many memories, over HTTP, beside a FastMCP tool that does nothing."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.integration.whole import index_settled
from tests.performance.bare_server import bare_server
from tests.performance.corpora.synthetic import PROJECT, question
from tests.performance.rows import Row, Took, spread, timed

clients, searches_each = 8, 60


@dataclass(frozen=True, slots=True)
class Measured:
    """What one size of a data directory gives."""

    size: int
    ready_s: float
    nothing: Took
    unseen: Took
    seen: Took
    store: Took
    at_once: Took
    per_second: float
    late: tuple[int, int]
    resident_mb: float


def measure(data: Path, size: int) -> Measured:
    """Of a server that starts on `data`, which holds `size` memories and the snapshot of their index."""
    began = time.perf_counter()
    with ProcessStack(data) as stack:
        ready_s = time.perf_counter() - began
        resident = _resident_mb(stack)
        nothing = asyncio.run(_nothing())
        return asyncio.run(_measure(stack, size, ready_s, nothing, resident))


async def _measure(stack: ProcessStack, size: int, ready_s: float, nothing: Took, resident_mb: float) -> Measured:
    async with Client(stack.url) as mcp:
        await timed(lambda n: mcp.call_tool("reflect_on_past", asked(f"warm up {n}")), 20)
        unseen = await timed(lambda n: mcp.call_tool("reflect_on_past", asked(f"{n}")))
        seen = await timed(lambda _: mcp.call_tool("reflect_on_past", asked("again")))
        store = await timed(lambda n: mcp.call_tool("store_reflection", {"content": f"lesson {n}: measure first"}))
    took: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_search(stack, number, took) for number in range(clients)))
    per_second = len(took) / (time.perf_counter() - began)
    resident_mb = max(resident_mb, _resident_mb(stack))
    late = await asyncio.to_thread(_late, stack)
    return Measured(size, ready_s, nothing, unseen, seen, store, spread(took), per_second, late, resident_mb)


def asked(what: str) -> dict[str, str]:
    """The arguments of a search that differs by `what`, and finds ten memories."""
    return {"query": f"{question(what)}?", "project": PROJECT}


async def _search(stack: ProcessStack, client: int, took: list[float]) -> None:
    async with Client(stack.url) as mcp:
        for number in range(searches_each):
            began = time.perf_counter()
            await mcp.call_tool("reflect_on_past", asked(f"of client {client}, number {number}"))
            took.append((time.perf_counter() - began) * 1e3)


def rows(measured: Measured, first: Measured) -> Iterator[Row]:
    """The lines of the report; `first` is the smallest size, which the others are held against."""
    at = f"at {measured.size:,}"
    of_first = measured.unseen.p50 / first.unseen.p50
    factor = f"; {of_first:.2f} x that at {first.size:,}" if measured is not first else ""
    per_memory = (measured.resident_mb - first.resident_mb) * 1e6 / max(measured.size - first.size, 1)
    nothing = measured.nothing.p50
    yield Row(f"{at}: start to ready", measured.ready_s, "s", "from the snapshot of the index")
    yield Row(f"{at}: a FastMCP tool that does nothing, p50", nothing, "ms", "the baseline, in a process of its own")
    unseen, seen, store = measured.unseen, measured.seen, measured.store
    yield Row(f"{at}: reflect_on_past, unseen, p50", unseen.p50, "ms", f"{unseen.p50 / nothing:.1f} x nothing{factor}")
    yield Row(f"{at}: reflect_on_past, unseen, p95", unseen.p95, "ms")
    yield Row(f"{at}: reflect_on_past, seen, p50", seen.p50, "ms", f"{seen.p50 / nothing:.1f} x nothing")
    yield Row(f"{at}: store_reflection, p50", store.p50, "ms", f"durable; {store.p50 / nothing:.1f} x nothing")
    yield Row(f"{at}: {clients} clients at once, unseen", measured.per_second, "searches/s", "all on these cores")
    yield Row(f"{at}: {clients} clients at once, unseen, p99", measured.at_once.p99, "ms")
    late, looks = measured.late
    yield Row(f"{at}: event loop late by more than 20 ms", late, "times", f"of {looks:,} looks, start included")
    note = f"{per_memory:,.0f} bytes a memory beyond {first.size:,}" if measured is not first else "the whole server"
    yield Row(f"{at}: resident memory", measured.resident_mb, "MB", note)


async def settled(stack: ProcessStack) -> None:
    """Waits until the index has read every text."""
    async with Client(stack.url) as mcp:
        await index_settled(mcp)


def _late(stack: ProcessStack) -> tuple[int, int]:
    """How often the event loop was late by more than 20 ms, and how often that was looked at."""
    url = stack.url.removesuffix("/mcp") + "/metrics"
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    looks = int(float(re.findall(r"^segue_loop_lag_seconds_count\S* (\S+)", text, re.MULTILINE)[0]))
    quick = int(float(re.findall(r'^segue_loop_lag_seconds_bucket\{.*le="0.02".*\} (\S+)', text, re.MULTILINE)[0]))
    return looks - quick, looks


async def _nothing() -> Took:
    """A bare FastMCP server, called in the same way."""
    with bare_server() as (url, _):
        async with Client(url) as mcp:
            return await timed(lambda _: mcp.call_tool("nothing"))


def _resident_mb(stack: ProcessStack) -> float:
    assert stack.process
    status = Path(f"/proc/{stack.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
