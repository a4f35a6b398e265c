"""How quickly a session begins and is recorded, beside what git takes for the same commit."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fastmcp import Client

from tests.integration.stack import ProcessStack
from tests.performance.rows import Row, timed

files, changed, times = 5_000, 20, 15


def rows(stack: ProcessStack) -> Iterator[Row]:
    """`init` and `checkpoint` in a repository of 5,000 files, and 50 checkpoints at once over 10 projects."""
    with tempfile.TemporaryDirectory() as name:
        large = _repository(Path(name) / "large", files)
        init, checkpoint = asyncio.run(_one(stack, large))
        by_hand = _by_hand(large)
        yield Row(f"init, {files:,} files, p50", init, "ms", "wanted: 300")
        note = f"git's own add and commit: {by_hand:.0f} ms"
        yield Row(f"checkpoint, {files:,} files, {changed} changed, p50", checkpoint, "ms", note)
        small = [_repository(Path(name) / f"project-{number}", 50) for number in range(10)]
        took, made = asyncio.run(_many(stack, small))
        yield Row("50 checkpoints at once over 10 projects", took, "s", f"{made} recorded; wanted: 5 s")


def _repository(directory: Path, count: int) -> Path:
    directory.mkdir()
    for number in range(count):
        place = directory / f"part{number % 50}"
        place.mkdir(exist_ok=True)
        (place / f"module{number}.py").write_text(f"value = {number}\n")
    for arguments in (["init", "-q"], ["config", "user.name", "Ada"], ["config", "user.email", "ada@example.org"]):
        subprocess.run(["git", *arguments], cwd=directory, check=True)
    subprocess.run(["git", "add", "."], cwd=directory, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "begin"], cwd=directory, check=True)
    return directory


def _change(directory: Path, turn: int) -> None:
    for path in sorted(directory.glob("part0/*.py"))[:changed]:
        path.write_text(f"value = {turn}\n")


async def _one(stack: ProcessStack, directory: Path) -> tuple[float, float]:
    async with Client(stack.url) as mcp:
        init = await timed(lambda _: mcp.call_tool("init", {"working_directory": str(directory)}), times)
        took = []
        for turn in range(times):
            await asyncio.to_thread(_change, directory, turn)
            began = time.perf_counter()
            await mcp.call_tool("checkpoint", {})
            took.append((time.perf_counter() - began) * 1e3)
    return init.p50, statistics.median(took)


def _by_hand(directory: Path) -> float:
    took = []
    for turn in range(times, 2 * times):
        _change(directory, turn)
        began = time.perf_counter()
        subprocess.run(["git", "add", "-u"], cwd=directory, check=True)
        subprocess.run(["git", "commit", "-q", "-m", "by hand"], cwd=directory, check=True)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


async def _many(stack: ProcessStack, directories: list[Path]) -> tuple[float, int]:
    async with Client(stack.url) as mcp:
        begun = [
            (await mcp.call_tool("init", {"working_directory": str(each)})).structured_content for each in directories
        ]
        sessions = [each["session_id"] for each in begun if each]
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(mcp.call_tool("checkpoint", {"session_id": sessions[number % 10]}) for number in range(50))
        )
        took = time.perf_counter() - began
    return took, sum(not answer.is_error for answer in answers)
