"""`python -m tests.performance.postgres.cells 50 2000 [10]`: what a user's search costs beside others, on PostgreSQL.

So many users, each with so many memories in five projects, are searched in one index of everybody's, and in a cell of
each; and a user who is alone in another database. Each is measured in a process of its own, from its start on. Texts
and vectors are made up as in `scale.py`; a question is asked of a user's index with all signals, without the embedding
of its text and without reading its page. With a third number, every tenth memory, say, is shared with all others.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

from services.memory.domain.memories import Kind, Memory, accept
from services.memory.domain.queries import EVERYTHING
from services.memory.domain.rows import NewRow
from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cells import Cells
from services.memory.index.cells.indexes import Indexes
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.postgres.store import PostgresStore, open_postgres
from tests.performance.rows import Row, spread
from tests.performance.scale import Made, _resident_bytes
from tests.servers.postgres import TEMPLATE, PostgresServer, make_schema

MODEL = "made up"
MODULE = "tests.performance.postgres.cells"
questions = 150
room_bytes = 4 << 30
ONE, CELLS = "one", "cells"


async def fill(url: str, home: Path, sizes: Mapping[str, int], model: str = MODEL, shared_every: int = 0) -> None:
    """Stores so many memories of each user, embedded by a model of that name; every so-manieth is shared, if any is."""
    made, began = Made(), datetime(2026, 1, 1, tzinfo=UTC)
    async with open_postgres(Address(url), None, home) as store:
        for user, count in sizes.items():
            for first in range(0, count, 500):
                size = min(500, count - first)
                content, context = made.vectors(size), made.vectors(size)
                memories = [_memory(made, began, user, first + at, shared_every) for at in range(size)]
                rows = [NewRow(each, user, *vectors) for each, *vectors in zip(memories, content, context, strict=True)]
                await store.insert(rows, model)


def _memory(made: Made, began: datetime, user: str, number: int, shared_every: int) -> Memory:
    words = made.words(20 + number * 7 % 70)
    memory = Memory(
        f"{user} {number} {' '.join(words)}",
        Kind.CONVERSATION,
        f"project-{number // 25 % 5}",
        began + timedelta(seconds=30 * number),
        f"session-{number // 25}",
        shared=shared_every > 0 and number % shared_every == 0,
    )
    return accept(memory, datetime.now(UTC))


async def _look(mode: str, url: str, home: Path, users: int) -> dict[str, float]:
    """What a process costs from its start on: milliseconds and megabytes."""
    idle = _resident_bytes()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_postgres(Address(url), None, home))
        began = time.perf_counter()
        indexes: Indexes
        index: MemoryIndex
        if mode == CELLS:
            cells = await stack.enter_async_context(Cells(store, MODEL, DIMENSIONS, room_bytes))
            indexes, index = cells, cells.nobody
        else:
            index = stack.enter_context(MemoryIndex(DIMENSIONS))
            indexing = Indexing(store, index, MODEL, None)
            await indexing.start()
            await indexing._read()
            indexes = index
        found = {"start": (time.perf_counter() - began) * 1e3}
        found["started"] = (_resident_bytes() - idle) / 1e6
        began = time.perf_counter()
        await indexes.of("user-0")
        found["first"] = (time.perf_counter() - began) * 1e3
        while (await indexes.of("user-0")).unread:
            await asyncio.sleep(0.05)
        found["words"] = (time.perf_counter() - began) * 1e3
        found["one"] = (_resident_bytes() - idle) / 1e6
        for number in range(users):
            while (await indexes.of(f"user-{number}")).unread:
                await asyncio.sleep(0.05)
        found["all"] = (_resident_bytes() - idle) / 1e6
        found |= await _searches(indexes, users)
        return found | await _after_writes(indexes, store, index)


async def _searches(indexes: Indexes, users: int) -> dict[str, float]:
    made = Made(2)
    took: dict[str, list[float]] = {"search": [], "project": [], "proof": []}
    for name, projects in (("search", []), ("project", ["project-1"])):
        for _, user in zip(range(questions), cycle(range(users)), strict=False):
            asked = made.asked()
            began = time.perf_counter()
            index = await indexes.of(f"user-{user}")
            took["proof"].append((time.perf_counter() - began) * 1e3)
            await index.candidates(f"user-{user}", projects, asked, EVERYTHING)
            took[name].append((time.perf_counter() - began) * 1e3)
    return {name: spread(its).p50 for name, its in took.items()} | {"p95": spread(took["search"]).p95}


async def _after_writes(indexes: Indexes, store: PostgresStore, index: MemoryIndex) -> dict[str, float]:
    """A search right after a store of the same user's."""
    made, took = Made(3), list[float]()
    storing = Storing(store, index, None, Generations(None))
    for number in range(50):
        memory = Memory(f"new {number} {' '.join(made.words(40))}", Kind.CONVERSATION, "project-1", datetime.now(UTC))
        await storing.remember("user-0", [memory])
        asked, began = made.asked(), time.perf_counter()
        await (await indexes.of("user-0")).candidates("user-0", [], asked, EVERYTHING)
        took.append((time.perf_counter() - began) * 1e3)
    return {"written": spread(took).p50}


NAMES = {
    "start": ("start", "ms", "without a file of an index, until all that it reads is found by its words"),
    "started": ("memory after the start", "MB", "resident, beyond an idle process"),
    "first": ("first call of a user", "ms", "until found by meaning; of 2,000 and fewer, by words as well"),
    "words": ("first call of a user, words", "ms", "until all texts are read"),
    "one": ("memory with one user's", "MB", ""),
    "all": ("memory with everybody's", "MB", ""),
    "proof": ("proof that nothing is missing", "ms", "median; a part of each search"),
    "search": ("search, all projects", "ms", "median"),
    "p95": ("search, all projects, p95", "ms", ""),
    "project": ("search, one project", "ms", "median"),
    "written": ("search after a store", "ms", "median"),
}


def rows(users: int, count: int, shared_every: int = 0) -> Iterator[Row]:
    """A user who is alone, one index of all, and cells."""
    server = PostgresServer("fsync=off", "synchronous_commit=off")
    try:
        server.start()
        server.run(f"CREATE DATABASE {TEMPLATE}")
        make_schema(server.url(TEMPLATE))
        with tempfile.TemporaryDirectory() as directory:
            for name, number in (("team", users), ("alone", 1)):
                server.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
                (Path(directory) / name).mkdir()
                sizes = {f"user-{user}": count for user in range(number)}
                asyncio.run(fill(server.url(name), Path(directory) / name, sizes, shared_every=shared_every))
                server.run("ANALYZE", name)
            for mode, name, number in ((ONE, "alone", 1), (CELLS, "team", users), (ONE, "team", users)):
                words = [
                    sys.executable,
                    "-m",
                    MODULE,
                    "look",
                    mode,
                    server.url(name),
                    f"{directory}/{name}",
                    str(number),
                ]
                answer = subprocess.run(words, check=True, capture_output=True, text=True)
                yield from _titled(f"{mode}, {number} x {count:,}", json.loads(answer.stdout))
    finally:
        server.remove()


def _titled(what: str, found: Mapping[str, float]) -> Iterator[Row]:
    for key, (title, unit, note) in NAMES.items():
        yield Row(f"{what}: {title}", found[key], unit, note)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints the rows."""
    if arguments[:1] == ["look"]:
        mode, url, home, users = arguments[1:]
        print(json.dumps(asyncio.run(_look(mode, url, Path(home), int(users)))))
        return
    for name, value, unit, note in rows(*map(int, arguments or ("50", "2000"))):
        print(f"{name:58}  {value:10.2f} {unit:5} {note}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
