"""What encryption at rest costs: two servers on the same memories, one of them encrypted, called in turns."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fastmcp import Client

from services.kit.encryption.key_file import generate_key
from services.memory.config import KEY_FILE_SETTING
from tests.integration.stack import ProcessStack, segue
from tests.performance.corpora.synthetic import PROJECT, fill
from tests.performance.rows import Row
from tests.performance.searches import settled

starts, calls = 5, 200


def rows(clear: Path, encrypted: Path, size: int) -> Iterator[Row]:
    """`clear` is a data directory that is empty but for the model, `encrypted` is made from it."""
    asyncio.run(fill(clear / "memory", size))
    shutil.copytree(clear, encrypted, symlinks=True)
    key_file = encrypted.with_name("memory.key")
    generate_key(key_file)
    began = time.perf_counter()
    done = segue(ProcessStack(encrypted), "key", "encrypt", str(key_file))
    assert done.returncode == 0, done.stderr
    yield Row(f"encrypting {size:,} memories", time.perf_counter() - began, "s", "written, verified, put in place")
    pair = (ProcessStack(clear), ProcessStack(encrypted, **{KEY_FILE_SETTING: str(key_file)}))
    for stack in pair:
        with stack:
            asyncio.run(settled(stack))  # builds the index, and leaves its snapshot
    yield _held("start to ready", "s", _starts(pair))
    with pair[0], pair[1]:
        yield from asyncio.run(_called(pair))


def _held(name: str, unit: str, took: Sequence[Sequence[float]]) -> Row:
    clear, encrypted = (statistics.median(each) for each in took)
    note = f"{encrypted / clear:.2f} x in clear, {clear:.2f} {unit}"
    return Row(f"encrypted: {name}, p50", encrypted, unit, note)


def _starts(pair: Sequence[ProcessStack]) -> list[list[float]]:
    took: list[list[float]] = [[], []]
    for _ in range(starts):
        for place, stack in enumerate(pair):
            began = time.perf_counter()
            with stack:
                took[place].append(time.perf_counter() - began)
    return took


async def _called(pair: Sequence[ProcessStack]) -> list[Row]:
    async with Client(pair[0].url) as clear, Client(pair[1].url) as encrypted:
        both = (clear, encrypted)
        asked = [{"query": f"how did we fix problem {number}?", "project": PROJECT} for number in range(calls)]
        search = await _in_turns(both, "reflect_on_past", asked)
        stored = [{"content": f"lesson {number}: measure first"} for number in range(calls)]
        store = await _in_turns(both, "store_reflection", stored)
    return [_held("reflect_on_past, unseen", "ms", search), _held("store_reflection", "ms", store)]


async def _in_turns(both: Sequence[Client[Any]], tool: str, asked: Sequence[dict[str, str]]) -> list[list[float]]:
    took: list[list[float]] = [[], []]
    for arguments in asked:
        for place, client in enumerate(both):
            began = time.perf_counter()
            await client.call_tool(tool, arguments)
            took[place].append((time.perf_counter() - began) * 1e3)
    return took


def main() -> None:
    """Measures it alone, at `SEGUE_BENCH_ENCRYPTED` memories."""
    import tempfile

    from services.memory.embedder.build import build_model

    ProcessStack.is_preloaded = False
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        build_model(directory / "model")
        clear = directory / "clear"
        (clear / "memory").mkdir(mode=0o700, parents=True)
        (clear / "memory" / "model").symlink_to(directory / "model")
        for row in rows(clear, directory / "encrypted", int(os.environ.get("SEGUE_BENCH_ENCRYPTED", "10000"))):
            print(f"{row.name:62} {row.value:10.2f} {row.unit:11} {row.note}", flush=True)


if __name__ == "__main__":
    main()
