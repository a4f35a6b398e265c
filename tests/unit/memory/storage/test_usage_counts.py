"""How much is a user's: always what the database says, and at each look only what came since is read."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from services.memory.domain.deletion_log import Removing
from services.memory.domain.retention_policy import Rule
from services.memory.domain.store import MemoryStore
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.retention_job import Retaining
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.database_file.opening import open_database
from services.memory.storage.duckdb import writes
from services.memory.storage.duckdb.deletion import deletes
from services.memory.storage.duckdb.usage_counts import UsageCounts
from services.memory.storage.row_codec import ClearRows
from tests.unit.memory.rows import row
from tests.unit.memory.stores import POSTGRES, open_any


@pytest.fixture(
    params=[1, pytest.param(3, marks=pytest.mark.slow), pytest.param(POSTGRES, id="postgres", marks=pytest.mark.slow)]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    async with open_any(tmp_path, request.param) as opened:
        yield opened


async def whole(store: MemoryStore, user: str) -> tuple[int, int]:
    found = await store.page(user, 0, 10_000)
    return len(found), sum(memory.size for memory in found.values())


@pytest.mark.slow
async def test_usage_is_what_is_stored_whatever_comes_and_goes(store: MemoryStore) -> None:
    rng = random.Random(7)  # no secret
    assert await store.usage("ann") == (0, 0)
    for number in range(60):
        user = rng.choice(["ann", "bob"])
        if rng.random() < 0.7:
            texts = [f"{number} " + "é" * rng.randrange(40) for _ in range(rng.randrange(1, 4))]
            await store.insert([row(each, f"p{number % 5}", user) for each in texts], "m")
        else:
            page = list(await store.page(user, 0, 10_000))
            await store.delete(rng.sample(page, min(len(page), rng.randrange(4))), Removing(user))
        for each in ("ann", "bob"):
            assert await store.usage(each) == await whole(store, each)
    await store.compact()
    assert await store.usage("ann") == await whole(store, "ann")


class Recording:
    """A cursor that notes from which sequence on was counted."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self.begins: list[int] = []

    def execute(self, sql: str, parameters: list[Any]) -> duckdb.DuckDBPyConnection:
        if "versions" not in sql:
            self.begins.append(parameters[-1])
        return self._cursor.execute(sql, parameters)


def test_only_what_came_since_is_read_and_all_of_it_after_a_removal_of_the_user_s_own(tmp_path: Path) -> None:
    with open_database(tmp_path / "memory.duckdb", {}).connection as connection:
        recording, counts = Recording(connection), UsageCounts()
        cursor = cast("duckdb.DuckDBPyConnection", recording)

        def insert(content: str, user: str) -> int:
            new = row(content, user=user)
            new = replace(new, memory=replace(new.memory, metadata={}))
            return writes.insert(connection, ClearRows(), [new], "m")[0].sequence

        first, others = insert("one", "ann"), insert("a", "bob")
        assert counts.read(cursor, "ann") == (1, 3)
        last = insert("three", "ann")
        assert counts.read(cursor, "ann") == (2, 8)
        deletes.delete(connection, ClearRows(), [others], Removing("bob"))
        assert counts.read(cursor, "ann") == (2, 8)
        assert recording.begins == [0, first, last]
        deletes.delete(connection, ClearRows(), [first], Removing("ann"))
        assert counts.read(cursor, "ann") == (1, 5)
        assert recording.begins[3:] == [last, 0]


class CountingDue:
    """A store that notes for whom it was asked what rules remove."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        self.asked.append(user)
        return await self._store.due_counts(user, default, now)


@pytest.mark.parametrize(
    ("default", "own", "is_asked"),
    [
        (Rule(is_default=True), None, False),
        (Rule(is_default=True), Rule("p"), False),
        (Rule(is_default=True), Rule("p", days=3), True),
        (Rule(days=90, is_default=True), None, True),
    ],
)
async def test_what_is_due_is_counted_only_where_a_rule_removes_anything(
    store: MemoryStore, default: Rule, own: Rule | None, is_asked: bool
) -> None:
    counting = CountingDue(store)
    with MemoryIndex(384) as index:
        at_work = cast("MemoryStore", counting)
        retaining = Retaining(at_work, Storing(store, index, None, Generations(None)), default)
        if own:
            await store.set_rule("ann", own, datetime.now(UTC))
        told = await retaining.describe("ann", "p")
    assert (told != "", counting.asked) == (is_asked, ["ann"] if is_asked else [])
