"""What a check of quality costs: a small and a large repository, looked at anew and unchanged."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fastmcp import Client

from services.cli.directory.directory_work import DirectoryWork
from services.kit.transport import rpc
from services.pb import quality_pb2_grpc
from services.pb.quality_pb2 import CheckRequest, CheckResponse
from tests.integration.stack import ProcessStack
from tests.performance.rows import Row, timed

root = Path(__file__).parents[2]
files_a_directory = 100
function = """def work_{n}(count: int) -> int:
    \"\"\"Counts.\"\"\"
    if count > {n}:
        return count
    return {n}


"""
source = '"""Module {number}."""\n\n\n' + "".join(function.format(n=n) for n in range(30))


def rows(stack: ProcessStack) -> Iterator[Row]:
    """Repositories of 5,000 and 50,000 files: the service alone, the gateway over all, and a client's own report."""
    for files, times in ((5_000, 9), (50_000, 3)):
        with tempfile.TemporaryDirectory() as scratch:
            repository = Path(scratch, "repository")
            _make(repository, files)
            git = _median(lambda: _git_status(repository), times)  # noqa: B023 - called at once
            yield Row(f"git status itself, {files:,} files", git, "ms", "the baseline")
            yield from asyncio.run(_served(Path(scratch), repository, files, times))
            yield asyncio.run(_through_the_gateway(stack, repository, files))
            yield from _reported(repository, files, times)


def _git_status(repository: Path) -> None:
    subprocess.run(["git", "status", "--porcelain=v2", "-z"], cwd=repository, check=True, capture_output=True)


def _median(call: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


async def _through_the_gateway(stack: ProcessStack, repository: Path, files: int) -> Row:
    async with Client(stack.url) as mcp:
        arguments = {"working_directory": str(repository)}
        await mcp.call_tool("quality_check", arguments)
        took = await timed(lambda _: mcp.call_tool("quality_check", arguments), 15)
    return Row(f"quality_check of {files:,} files, unchanged, p50", took.p50, "ms", "MCP over HTTP; wanted: 30")


def _reported(repository: Path, files: int, times: int) -> Iterator[Row]:
    """What `segue connect` spends where the gateway does not see the directory."""
    name = f"report of {files:,} files by segue connect"
    yield Row(f"{name}, the first", _median(lambda: DirectoryWork().report(str(repository)), times), "ms")
    work = DirectoryWork()
    report = work.report(str(repository))
    size_kb = len(json.dumps(report)) / 1e3
    yield Row(f"{name}, unchanged", _median(lambda: work.report(str(repository)), times), "ms", f"{size_kb:.0f} KB")


def _make(repository: Path, files: int) -> None:
    for number in range(files):
        path = repository / f"package_{number // files_a_directory}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.format(number=number))
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Add the modules"]):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0"]
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)


async def _served(scratch: Path, repository: Path, files: int, times: int) -> list[Row]:
    """A service in a process of its own, so that its memory is its own."""
    address = f"unix:{scratch / 'quality.sock'}"
    environment = {"SEGUE_QUALITY_ADDRESS": address, "SEGUE_QUALITY_DIRECTORY": str(scratch / "data")}
    command = ["env", *(f"{name}={value}" for name, value in environment.items()), sys.executable]
    process = await asyncio.create_subprocess_exec(*command, "-m", "services.quality", cwd=root)
    try:
        async with rpc.open_channel(address) as channel:
            await channel.channel_ready()
            stub = quality_pb2_grpc.QualityStub(channel)
            anew, unchanged = [], []
            for number in range(times):
                (repository / "CHANGED").write_text(str(number))
                anew.append(await _check(stub, repository, is_cached=False))
                unchanged.append(await _check(stub, repository, is_cached=True))
            peak_mb = _status_kb(process.pid, "VmHWM") / 1024
    finally:
        process.terminate()
        await process.wait()
    name = f"quality of {files:,} files"
    wanted = 500 if files == 5_000 else 2_000
    return [
        Row(f"{name}, for the first time", anew[0], "ms", f"wanted: {wanted}"),
        Row(f"{name}, changed, p50", statistics.median(anew[1:]), "ms", f"of {times - 1}; wanted: {wanted}"),
        Row(f"{name}, unchanged, p50", statistics.median(unchanged), "ms", "wanted: 30"),
        Row(f"{name}, peak memory", peak_mb, "MB", "the service's own process; wanted: 200"),
    ]


async def _check(stub: quality_pb2_grpc.QualityStub, repository: Path, *, is_cached: bool) -> float:
    began = time.perf_counter()
    request = CheckRequest(working_directory=str(repository))
    answer: CheckResponse = await rpc.call(stub.Check, request, user="bench", timeout_s=60)
    assert answer.report.cached is is_cached
    return (time.perf_counter() - began) * 1e3


def _status_kb(process_id: int, name: str) -> int:
    status = Path(f"/proc/{process_id}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data, ProcessStack(Path(data)) as running:
        for row in rows(running):
            print(f"{row.name:62} {row.value:10.2f} {row.unit:6} {row.note}", flush=True)
