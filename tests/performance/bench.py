"""`make bench`: search quality, speed and memory through the public doors; a table, and JSON beside it."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.client import CallToolResult

from tests.integration.stack import ROOT, ProcessStack, segue
from tests.performance import locomo

Rows = list[tuple[str, float, str, str]]
calls = 200


def main() -> None:
    """Measures everything and prints it."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as directory, ProcessStack(Path(directory)) as stack:
        rows += _quality_and_import(stack, Path(directory))
        rows += asyncio.run(_speed(stack))
        rows += _starts(stack)
        rows.append(("resident memory of the server", _resident_mb(stack), "MB", "all of it, at the end"))
    _report(rows)


def _quality_and_import(stack: ProcessStack, directory: Path) -> Rows:
    file = locomo.path()
    if file is None:
        return [("LoCoMo", 0.0, "", "not measured: SEGUE_LOCOMO names no file")]
    samples = locomo.load(file)
    lines = [json.dumps(memory) for sample in samples for memory in locomo.memories(sample)]
    source = directory / "locomo.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    began = time.perf_counter()
    done = segue(stack, "import", source)
    assert done.returncode == 0, done.stdout + done.stderr
    rate = len(lines) / (time.perf_counter() - began)
    rows: Rows = [("import of turns", rate, "memories/s", f"{len(lines)} of them, the command's start included")]
    measured = asyncio.run(_quality(stack, samples))
    return rows + [(f"LoCoMo {name}", value, "%", "") for name, value in measured.items()]


async def _quality(stack: ProcessStack, samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    measured, categories = [], []
    async with Client(stack.url) as mcp:
        for sample in samples:
            session_of = {each["metadata"]["dia_id"]: each["session_id"] for each in locomo.memories(sample)}
            for question in locomo.questions(sample):
                arguments = {"query": question.text, "project": question.project, "limit": locomo.results_max}
                answer = (await mcp.call_tool("reflect_on_past", arguments)).structured_content or {}
                found = [(each["metadata"]["dia_id"], each["session_id"]) for each in answer["results"]]
                measured.append(locomo.measures(found, question, session_of))
                categories.append(question.category)
    means = locomo.mean(measured)
    for category in sorted(set(categories)):
        of_it = [row for row, its in zip(measured, categories, strict=True) if its == category]
        means[f"turn any@10, category {category} ({len(of_it)} questions)"] = locomo.mean(of_it)["turn any@10"]
    return means


async def _speed(stack: ProcessStack) -> Rows:
    async with Client(stack.url) as mcp:
        unseen = await _timed(lambda n: mcp.call_tool("reflect_on_past", {"query": f"what was said about topic {n}"}))
        seen = await _timed(lambda _: mcp.call_tool("reflect_on_past", {"query": "what was said about topic 1"}))
        store = await _timed(lambda n: mcp.call_tool("store_reflection", {"content": f"lesson {n}: measure first"}))
    nothing = await _nothing()
    return [
        ("reflect_on_past, unseen, p50", unseen[0], "ms", f"{unseen[0] / nothing[0]:.1f} x a tool that does nothing"),
        ("reflect_on_past, unseen, p95", unseen[1], "ms", ""),
        ("reflect_on_past, seen, p50", seen[0], "ms", f"{seen[0] / nothing[0]:.1f} x a tool that does nothing"),
        ("store_reflection, p50", store[0], "ms", "durable and indexed"),
        ("a FastMCP tool that does nothing, p50", nothing[0], "ms", "the baseline, over HTTP, in a process of its own"),
    ]


async def _nothing() -> tuple[float, float]:
    """A bare FastMCP server in a process of its own, called in the same way."""
    code = "from fastmcp import FastMCP\nm = FastMCP('x')\n@m.tool\ndef nothing() -> dict:\n    return {}\n"
    code += "import socket, uvicorn\ns = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)\n"
    code += "s.bind(('127.0.0.1', 0))\n"
    code += "print(s.getsockname()[1], flush=True)\n"
    code += "uvicorn.Server(uvicorn.Config(m.http_app(), log_config=None)).run([s])\n"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        async with Client(f"http://127.0.0.1:{process.stdout.readline().strip()}/mcp") as mcp:
            return await _timed(lambda _: mcp.call_tool("nothing"))
    finally:
        process.terminate()
        process.wait()


async def _timed(call: Callable[[int], Awaitable[CallToolResult]]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds."""
    took = []
    for number in range(calls):
        began = time.perf_counter()
        await call(number)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took), statistics.quantiles(took, n=20)[-1]


def _starts(stack: ProcessStack) -> Rows:
    bare = _started([sys.executable, "-c", "pass"])
    connect = _started([sys.executable, "-m", "services.cli", "connect", stack.url], _initialize())
    return [
        ("segue connect: start, initialize, end", connect, "ms", f"{connect / bare:.1f} x a bare Python start"),
        ("a bare Python start", bare, "ms", "the baseline"),
    ]


def _initialize() -> bytes:
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode() + b"\n"


def _started(command: list[str], given: bytes = b"") -> float:
    took = []
    for _ in range(15):
        began = time.perf_counter()
        subprocess.run(command, input=given, capture_output=True, check=True, cwd=ROOT)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


def _resident_mb(stack: ProcessStack) -> float:
    assert stack.process
    status = Path(f"/proc/{stack.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def _report(rows: Rows) -> None:
    width = max(len(name) for name, *_ in rows)
    for name, value, unit, note in rows:
        print(f"{name:{width}}  {value:9.2f} {unit:10} {note}")
    reports = ROOT / "reports"
    reports.mkdir(exist_ok=True)
    content = [{"name": name, "value": value, "unit": unit, "note": note} for name, value, unit, note in rows]
    (reports / "bench.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
