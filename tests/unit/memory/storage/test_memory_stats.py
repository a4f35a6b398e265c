"""Statistics are kept until something is written, and are always what a scan of the database says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import duckdb
import pytest

from services.memory.domain.memories import Memory, Stats
from services.memory.storage.database_file.opening import open_database
from services.memory.storage.duckdb.memory_stats import MemoryStats, Question, kept_max
from services.memory.storage.duckdb.store import DuckStore
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.sharded_store import ShardedStore
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, said, served
from tests.unit.memory.storage.random_changes import change_something
from tests.unit.memory.stores import POSTGRES

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=[each for each in STORES if cast("tuple[int, object]", each.values[0])[0] != POSTGRES])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    shards, vault = request.param
    async with served(tmp_path, shards, vault) as opened:
        yield opened


async def both(service: Service, project: str = "") -> tuple[Stats, Stats]:
    """As they are kept, and as a scan says."""
    model = "fake/bag-of-words"
    kept = await service.store.stats("ann", project, model, SINCE)
    shards = service.store._shards if isinstance(service.store, ShardedStore) else [service.store]
    for each in shards:
        assert isinstance(each, DuckStore)
        each._stats._kept.clear()
    return kept, await service.store.stats("ann", project, model, SINCE)


@pytest.mark.slow
async def test_they_are_exact_after_whatever_is_written(service: Service) -> None:
    rng = random.Random(11)  # no secret
    for number in range(24):
        await change_something(service, rng, number)
        for project in ("", "p"):
            kept, scanned = await both(service, project)
            assert kept == scanned


async def test_a_store_beside_a_scan_is_counted_by_the_next_look(service: Service) -> None:
    for number in range(8):
        memories: list[Memory] = [said(f"Beside, number {number}", MARCH)]
        await asyncio.gather(service.storing.remember("ann", memories), both(service))
        kept, scanned = await both(service)
        assert kept == scanned
        assert kept.conversations == number + 1


async def test_nothing_is_scanned_while_nothing_is_written(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "memory.duckdb", {}).connection
    async with Writer(connection.cursor(), 10) as writer:
        stats, asked = MemoryStats(writer), Question("ann", "", "m", None)
        assert stats.counts(asked) is None
        counts = stats.read(connection, asked)
        assert stats.counts(asked) == counts
        assert stats.counts(Question("bob", "", "m", None)) is None
        await writer.run(lambda cursor: cursor.execute("SELECT 1"))
        assert stats.counts(asked) is None

        def fail(_: duckdb.DuckDBPyConnection) -> None:
            raise LookupError("nothing there")

        stats.read(connection, asked)
        with pytest.raises(LookupError):
            await writer.run(fail)
        assert stats.counts(asked) is None
        for number in range(kept_max + 5):
            stats.read(connection, Question(f"user {number}", "", "m", None))
        assert len(stats._kept) == kept_max
    connection.close()
