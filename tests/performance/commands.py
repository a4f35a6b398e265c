"""How quickly the commands start that Claude Code starts."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.integration.stack import ROOT, ProcessStack
from tests.performance.rows import Row

starts, calls = 15, 50


def rows(stack: ProcessStack) -> list[Row]:
    """`segue connect` beside a bare Python."""
    bare = _started([sys.executable, "-c", "pass"])
    connect = _started([sys.executable, "-m", "services.cli", "connect", stack.url], _initialize())
    bridged, straight = asyncio.run(_calls(stack))
    return [
        Row("tools/call through segue connect", bridged, "ms", f"{bridged - straight:+.1f} ms to the same over HTTP"),
        Row("the same call straight over HTTP", straight, "ms", "the baseline"),
        Row("segue connect: start, initialize, end", connect, "ms", f"{connect / bare:.1f} x a bare Python start"),
        Row("a bare Python start", bare, "ms", "the baseline"),
    ]


async def _calls(stack: ProcessStack) -> tuple[float, float]:
    """The median of one small call each way, taken in turn."""
    through = StdioTransport(sys.executable, ["-m", "services.cli", "connect", stack.url], cwd=str(ROOT))
    async with Client(through) as bridged, Client(stack.url) as straight:
        took: dict[int, list[float]] = {0: [], 1: []}
        for _ in range(calls):
            for way, client in enumerate((bridged, straight)):
                began = time.perf_counter()
                await client.call_tool("list_project_links")
                took[way].append((time.perf_counter() - began) * 1e3)
    return statistics.median(took[0]), statistics.median(took[1])


def _initialize() -> bytes:
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode() + b"\n"


def _started(command: list[str], given: bytes = b"") -> float:
    took = []
    for _ in range(starts):
        began = time.perf_counter()
        subprocess.run(command, input=given, capture_output=True, check=True, cwd=ROOT)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)
