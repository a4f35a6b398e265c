"""What telemetry costs: searches on two servers side by side, one that measures and sends, one with all of it off.

Both are asked in turns, so that what else the machine does weighs on both; the processor time that a search takes is
the cost on a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.performance.rows import Row

rounds, clients, searches_each = 12, 4, 20
every_trace = {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}
_no_calls = "all of telemetry off: OTEL_SDK_DISABLED=true"


def rows(model: Path) -> Iterator[Row]:
    """The cost of what is on by itself, of sending with default sampling, and of sending every trace."""
    with tempfile.TemporaryDirectory() as name, _collector() as endpoint:
        sent = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        for what, settings in (
            ("metrics alone, nothing sent", {}),
            ("sent, default sampling", sent),
            ("sent, every trace", sent | every_trace),
        ):
            with_ms, without_ms, share = _compared(Path(name) / what, model, settings)
            note = f"processor time a search {with_ms:.2f} ms, without {without_ms:.2f} ms"
            yield Row(f"telemetry: {what}", 100 * (with_ms / without_ms - 1), "% more", f"{note}; wanted: under 5 %")
            yield Row(f"telemetry: {what}, throughput", 100 * share, "% of", _no_calls)


def _compared(home: Path, model: Path, settings: dict[str, str]) -> tuple[float, float, float]:
    """Milliseconds of processor time a search with and without, and the throughput with as a share of that without."""
    home.mkdir()
    common = {"SEGUE_MEMORY_MODEL_DIRECTORY": str(model)}
    with (
        ProcessStack(home / "with", **common, **settings) as measuring,
        ProcessStack(home / "without", **common, OTEL_SDK_DISABLED="true") as silent,
    ):
        for stack in (measuring, silent):
            asyncio.run(_fill(stack))
            asyncio.run(_round(stack, -1))
        taken: dict[ProcessStack, list[tuple[float, float]]] = {measuring: [], silent: []}
        for number in range(rounds):
            for stack in (measuring, silent) if number % 2 else (silent, measuring):
                taken[stack].append(asyncio.run(_round(stack, number)))
    processor = {stack: statistics.median(each[0] for each in found) for stack, found in taken.items()}
    shares = [on[1] / off[1] for on, off in zip(taken[silent], taken[measuring], strict=True)]
    return processor[measuring], processor[silent], statistics.median(shares)


async def _fill(stack: ProcessStack) -> None:
    async with Client(stack.url) as mcp:
        for number in range(100):
            content = (
                f"Note {number}: the cache of service {number % 7} is cleared when its generation {number} moves on."
            )
            await mcp.call_tool("store_reflection", {"content": content})


async def _round(stack: ProcessStack, number: int) -> tuple[float, float]:
    """Processor time in milliseconds and seconds passed, a search."""
    processor, began = _processor_s(stack), time.perf_counter()
    await asyncio.gather(*(_search(stack, f"{number} {client}") for client in range(clients)))
    count = clients * searches_each
    return (_processor_s(stack) - processor) * 1e3 / count, (time.perf_counter() - began) / count


async def _search(stack: ProcessStack, name: str) -> None:
    async with Client(stack.url) as mcp:
        for number in range(searches_each):
            await mcp.call_tool("reflect_on_past", {"query": f"which cache is cleared, {name} {number}"})


def _processor_s(stack: ProcessStack) -> float:
    assert stack.process
    fields = Path(f"/proc/{stack.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _collector() -> Iterator[str]:
    """Takes what it is sent, and does nothing with it."""

    class Discards(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs alone
        def service(self, _: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda *_: b"")

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Discards()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


if __name__ == "__main__":  # python -m tests.performance.calls.telemetry MODEL_DIRECTORY
    for row in rows(Path(sys.argv[1])):
        print(f"{row.name:44} {row.value:8.2f} {row.unit:8} {row.note}", flush=True)
