"""Statistics are kept until something is written, and are always what a scan of the database says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from services.memory.domain.deletion_log import Removing, Undoing
from services.memory.domain.memories import Memory, Stats
from services.memory.domain.rows import ProjectMove
from services.memory.operations.correct_memories import Correcting
from services.memory.storage.database_file.opening import open_database
from services.memory.storage.duckdb.memory_stats import MemoryStats, Question, kept_max
from services.memory.storage.duckdb.store import DuckStore
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.sharded_store import ShardedStore
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, noted, said, served

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=STORES)
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


async def test_they_are_exact_after_whatever_is_written(service: Service) -> None:
    rng, correcting = random.Random(11), Correcting(service.storing)  # no secret

    async def change(number: int) -> None:
        user = rng.choice(["ann", "bob"])
        page = await service.store.page(user, 0, 1_000)
        sequence, memory = rng.choice([*page.items()]) if page else (None, None)
        new = replace(
            (noted if rng.random() < 0.5 else said)(f"Text number {number} of {user}", MARCH + timedelta(hours=number)),
            project=rng.choice(["p", "q"]),
            shared=rng.random() < 0.2,
        )
        what = rng.randrange(8)
        if memory is None or sequence is None or what < 3:
            await service.storing.remember(user, [new])
        elif what == 3:
            later = replace(memory, timestamp=memory.timestamp + timedelta(days=number), tags=("again",))
            await service.storing.remember(user, [later])
        elif what == 4:
            await service.storing.remove([sequence], Removing(user))
            if rng.random() < 0.5:
                await service.storing.restore(Undoing(user, (memory.id,), datetime.now(UTC)))
        elif what == 5:
            await service.storing.share(user, memory.id, rng.random() < 0.5)
        elif what == 6:
            await correcting.withdraw(user, memory.id, withdrawn=True)
        else:
            await service.storing.move_project(ProjectMove(user, "q", "p"))

    for number in range(24):
        await change(number)
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
