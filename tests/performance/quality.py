"""What a check of quality costs: a small and a large repository, looked at anew and unchanged."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from services.kit import rpc
from services.pb import quality_pb2_grpc
from services.pb.quality_pb2 import CheckRequest, CheckResponse

Rows = list[tuple[str, float, str, str]]
root = Path(__file__).parents[2]
files_a_directory = 100
function = """def work_{n}(count: int) -> int:
    \"\"\"Counts.\"\"\"
    if count > {n}:
        return count
    return {n}


"""
source = '"""Module {number}."""\n\n\n' + "".join(function.format(n=n) for n in range(30))


def rows() -> Rows:
    """`(name, value, unit, note)` for repositories of 5,000 and 50,000 files."""
    return [*_measured(5_000, times=9), *_measured(50_000, times=3)]


def _measured(files: int, times: int) -> Rows:
    with tempfile.TemporaryDirectory() as scratch:
        repository = Path(scratch, "repository")
        _make(repository, files)
        return asyncio.run(_served(Path(scratch), repository, files, times))


def _make(repository: Path, files: int) -> None:
    for number in range(files):
        path = repository / f"package_{number // files_a_directory}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.format(number=number))
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Add the modules"]):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0"]
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)


async def _served(scratch: Path, repository: Path, files: int, times: int) -> Rows:
    """A service in a process of its own, so that its memory is its own."""
    address = f"unix:{scratch / 'quality.sock'}"
    environment = {"SEGUE_QUALITY_ADDRESS": address, "SEGUE_QUALITY_DIRECTORY": str(scratch / "data")}
    command = ["env", *(f"{name}={value}" for name, value in environment.items()), sys.executable]
    process = await asyncio.create_subprocess_exec(*command, "-m", "services.quality", cwd=root)
    try:
        async with rpc.open_channel(address) as channel:
            await channel.channel_ready()
            stub = quality_pb2_grpc.QualityStub(channel)  # type: ignore[no-untyped-call]
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
    return [
        (f"{name}, p50", statistics.median(anew), "ms", f"median of {times}, changed each time"),
        (f"{name}, unchanged, p50", statistics.median(unchanged), "ms", ""),
        (f"{name}, peak memory", peak_mb, "MB", "the service's own process"),
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
    for name, value, unit, note in rows():
        print(f"{name:45} {value:9.1f} {unit:4} {note}")
