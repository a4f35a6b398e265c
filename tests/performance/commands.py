"""How quickly the commands start that Claude Code starts."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from tests.integration.stack import ROOT, ProcessStack
from tests.performance.rows import Row

starts = 15


def rows(stack: ProcessStack) -> list[Row]:
    """`segue connect` beside a bare Python."""
    bare = _started([sys.executable, "-c", "pass"])
    connect = _started([sys.executable, "-m", "services.cli", "connect", stack.url], _initialize())
    return [
        Row("segue connect: start, initialize, end", connect, "ms", f"{connect / bare:.1f} x a bare Python start"),
        Row("a bare Python start", bare, "ms", "the baseline"),
    ]


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
