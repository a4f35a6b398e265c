"""What keeping costs: writing a database anew and retention, beside serving; and how well secrets are found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.kit.redaction import redact
from services.memory.domain.deletion_log import Removing
from services.memory.domain.retention_policy import Rule
from services.memory.domain.store import MemoryStore
from services.memory.embedder import DIMENSIONS
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.retention_job import Retaining
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.performance.corpora.synthetic import Synthetic, fill
from tests.performance.rows import Row
from tests.security.redaction.corpus import covers, harmless_lines, secret_lines

size = 10_000


def rows(directory: Path) -> Iterator[Row]:
    """In a database of its own below the directory."""
    yield from _redaction()
    directory.mkdir()
    asyncio.run(fill(directory, size))
    yield from asyncio.run(_measured(directory))


def _redaction() -> Iterator[Row]:
    """Of lines, as the corpus has them: all of each secret found, nothing of a harmless line touched."""
    secrets, harmless = secret_lines(), harmless_lines()
    found = sum(map(covers, secrets))
    wrong = sum(redact(line.text).text != line.text for line in harmless)
    yield Row("redaction, recall", found / len(secrets), "", f"of {len(secrets)} lines; wanted: 0.98")
    yield Row("redaction, precision", found / (found + wrong), "", f"{len(harmless)} harmless lines; wanted: 0.98")


async def _measured(directory: Path) -> list[Row]:
    made = Synthetic(seed=2)
    async with open_shards(directory, 1, StoreSettings()) as store:
        known = list(await store.page("local", 0, 200))
        await store.delete(known[:100], Removing("local"))
        compacting = asyncio.create_task(store.compact())
        stored = asyncio.create_task(_longest(compacting, lambda n: store.insert(made.rows(size + n, 1), "m")))
        read = asyncio.create_task(_longest(compacting, lambda n: store.fetch(known[100 + n % 100 : 101 + n % 100])))
        began = time.perf_counter()
        await compacting
        took = time.perf_counter() - began
        note = f"{size:,} memories"
        return [
            Row("writing the database anew after deletions", took, "s", f"{note}, while others store and read"),
            Row("  longest that a store waited meanwhile", await stored, "ms", note),
            Row("  longest that a read waited meanwhile", await read, "ms", note),
            *await _retention(store),
        ]


async def _longest(meanwhile: asyncio.Task[None], call: Callable[[int], Awaitable[Any]]) -> float:
    """Milliseconds, of calls one after the other."""
    longest, number = 0.0, 0
    while not meanwhile.done():
        began = time.perf_counter()
        await call(number)
        longest, number = max(longest, time.perf_counter() - began), number + 1
    return longest * 1e3


async def _retention(store: MemoryStore) -> list[Row]:
    """Half of them are older than the rule keeps."""
    now = datetime.now(UTC) + timedelta(days=2)
    with MemoryIndex(DIMENSIONS) as index:
        storing = Storing(store, index, None, Generations(None))
        middle = (await store.page("local", size // 2, 1)).popitem()[1].timestamp
        rule = Rule(days=(now - middle).days, is_default=True)
        await Retaining(store, storing, rule, lambda: now - timedelta(hours=1)).look()  # a rule waits for its hour
        retaining = Retaining(store, storing, rule, lambda: now)
        began = time.perf_counter()
        await store.due_counts("local", rule, now)
        looked = time.perf_counter() - began
        began = time.perf_counter()
        removed = await retaining.look()
        took = time.perf_counter() - began
    return [
        Row("retention, looking for what is due", looked * 1e3, "ms", f"{size:,} memories"),
        Row("retention, removing", removed / took if removed else 0.0, "memories/s", f"{removed:,} in batches"),
    ]
