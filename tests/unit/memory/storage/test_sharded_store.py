"""Several databases of which one refuses: what the others did is found, and the error says what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from services.kit.errors import LimitExceeded, NotReady, RateLimited, ServiceError, Unavailable
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Chosen, Kind, Memory
from services.memory.domain.partial_changes import DoneInPart, partial_store_error
from services.memory.domain.queries import EVERYTHING
from services.memory.domain.rows import Embedded, NewRow
from services.memory.index.asked import Asked
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.delete_memories import Deleting
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.duckdb.store import DuckStore, StoreSettings, open_store
from services.memory.storage.sharded_store import ShardedStore, open_shards
from services.memory.storage.shards import shard_of
from tests.unit.memory.rows import VECTOR, row

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 3
FULL = LimitExceeded("Too many writes are waiting.", "Try again later.")
PROJECTS = [next(f"p{n}" for n in range(99) if shard_of("ann", f"p{n}", COUNT) == at) for at in range(COUNT)]


class Refusing:
    """A database that changes nothing while it has a reason."""

    def __init__(self, store: DuckStore) -> None:
        self._store = store
        self.reason: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        if self.reason and name in {"insert", "delete", "embed"}:
            return self._refuse
        return getattr(self._store, name)

    async def _refuse(self, *_: object) -> None:
        raise self.reason or AssertionError


@dataclass(frozen=True, slots=True)
class Sharded:
    """Databases behind one store, and what is stored through it."""

    shards: Sequence[Refusing]
    store: ShardedStore
    index: MemoryIndex
    storing: Storing

    async def found(self, word: str) -> int:
        """How many memories a search finds by a word."""
        asked = Asked([word], frozenset(), np.zeros(384, np.float32))
        return len((await self.index.candidates("ann", [], asked, EVERYTHING)).sequence)


@pytest.fixture
async def sharded(tmp_path: Path) -> AsyncIterator[Sharded]:
    async with AsyncExitStack() as stack:
        paths = [tmp_path / f"memory-{number}.duckdb" for number in range(COUNT)]
        shards = [Refusing(await stack.enter_async_context(open_store(path, StoreSettings()))) for path in paths]
        store = ShardedStore(cast("list[DuckStore]", shards))
        index = stack.enter_context(MemoryIndex(384))
        yield Sharded(shards, store, index, Storing(store, index, None, Generations(None)))


def batch(count: int = 6) -> list[Memory]:
    """One after the other for each database."""
    return [
        Memory(f"heron {number}", Kind.CONVERSATION, PROJECTS[number % COUNT], NOW, id=f"id-{number}")
        for number in range(count)
    ]


async def test_what_other_shards_stored_of_a_refused_batch_is_found_and_the_rest_can_be_sent_again(
    sharded: Sharded,
) -> None:
    sharded.shards[1].reason = FULL
    with pytest.raises(LimitExceeded) as refused:
        await sharded.storing.remember("ann", batch())
    assert refused.value.message.startswith("Memories 2, 5 of 6 are not stored, the others are: Too many writes")
    assert refused.value.suggestions[-1] == "Send the same again: nothing is stored twice."
    assert await sharded.found("heron") == 4
    sharded.shards[1].reason = None
    again = await sharded.storing.remember("ann", batch())
    assert [each.duplicate for each in again] == [True, False, True, True, False, True]
    assert (await sharded.found("heron"), (await sharded.store.size())[0]) == (6, 6)


async def test_the_places_in_the_error_are_those_of_the_whole_batch(sharded: Sharded) -> None:
    await sharded.storing.remember("ann", batch(3))
    sharded.shards[2].reason = FULL
    with pytest.raises(LimitExceeded, match=r"^Memory 6 of 6 is not stored"):
        await sharded.storing.remember("ann", batch())


@pytest.mark.parametrize("reason", [FULL, Unavailable("The database cannot be written."), RuntimeError("a bug")])
async def test_where_all_refuse_it_is_the_reason_alone(sharded: Sharded, reason: Exception) -> None:
    for shard in sharded.shards:
        shard.reason = reason
    with pytest.raises(type(reason)) as refused:
        await sharded.storing.remember("ann", batch())
    assert str(refused.value) == str(reason)
    assert (await sharded.found("heron"), (await sharded.store.size())[0]) == (0, 0)


async def test_a_bug_in_one_shard_costs_nothing_of_what_the_others_did(sharded: Sharded) -> None:
    sharded.shards[0].reason = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        await sharded.storing.remember("ann", batch())
    assert await sharded.found("heron") == 4


async def test_what_other_shards_deleted_is_found_no_more_and_the_rest_can_be_deleted_again(sharded: Sharded) -> None:
    await sharded.storing.remember("ann", batch())
    chosen = Chosen(before=datetime.now(UTC))
    asked = await Deleting(sharded.storing).forget("ann", chosen, "")
    sharded.shards[0].reason = Unavailable("The database cannot be written.")
    with pytest.raises(Unavailable, match=r"^4 of 6 memories are removed, the others are not: The database"):
        await Deleting(sharded.storing).forget("ann", chosen, asked.confirmation)
    assert (await sharded.found("heron"), (await sharded.store.size())[0]) == (2, 2)
    sharded.shards[0].reason = None
    asked = await Deleting(sharded.storing).forget("ann", chosen, "")
    assert asked.would_delete == 2
    assert (await Deleting(sharded.storing).forget("ann", chosen, asked.confirmation)).deleted == 2
    assert (await sharded.found("heron"), (await sharded.store.size())[0]) == (0, 0)


async def test_a_change_in_part_says_which_part(sharded: Sharded) -> None:
    rows = [NewRow(row(f"memory {at}", PROJECTS[at]).memory, "ann") for at in range(COUNT)]
    inserted = await sharded.store.insert(rows, "none")
    sharded.shards[1].reason = FULL
    with pytest.raises(DoneInPart) as embedding:
        await sharded.store.embed([Embedded(each.sequence, VECTOR, VECTOR) for each in inserted], "m")
    assert (embedding.value.done, embedding.value.missing(3)) == ([0, 2], [1])
    with pytest.raises(DoneInPart) as deleting:
        await sharded.store.delete([each.sequence for each in inserted], Removing("ann"))
    assert (deleting.value.done, deleting.value.error) == ([0, 2], FULL)


@pytest.mark.parametrize(
    ("missing", "told"),
    [([0], "Memory 1 of 9 is"), ([0, 1, 2], "Memories 1-3 of 9 are"), ([1, 3, 4, 8], "Memories 2, 4-5, 9 of 9 are")],
)
def test_what_is_missing_is_numbered_from_one(missing: list[int], told: str) -> None:
    error = RateLimited("No.", "Wait.")
    error.retry_after_s = 7.0
    changed = partial_store_error(error, missing, 9)
    assert isinstance(changed, RateLimited)
    assert changed.message == f"{told} not stored, the others are: No."
    assert (changed.retry_after_s, changed.suggestions[0], error.message) == (7.0, "Wait.", "No.")


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("left", ["", "\n", None])
async def test_an_empty_count_of_shards_is_told_by_the_databases(tmp_path: Path, count: int, left: str | None) -> None:
    async with open_shards(tmp_path, count, StoreSettings()) as store:
        inserted = await store.insert([row("one", project) for project in PROJECTS], "m")
        sequences = [each.sequence for each in inserted]
    (tmp_path / "shards").unlink() if left is None else (tmp_path / "shards").write_text(left)
    with pytest.raises(NotReady, match=f"in {count} shards"):
        async with open_shards(tmp_path, count + 1, StoreSettings()):
            pass
    async with open_shards(tmp_path, count, StoreSettings()) as store:
        assert len(await store.fetch(sequences)) == 3
    assert (tmp_path / "shards").read_text() == f"{count}\n"


async def test_a_first_start_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("")
    (tmp_path / "memory-0.duckdb").write_bytes(b"")
    with pytest.raises(ServiceError):  # no database: DuckDB says so
        async with open_shards(tmp_path, 3, StoreSettings()):
            pass
    assert (tmp_path / "shards").read_text() == "3\n"


async def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 3, StoreSettings()):
        pass
    (tmp_path / "shards").write_text("")
    (tmp_path / "memory-1.duckdb").unlink()
    with pytest.raises(Unavailable, match=r"memory-1\.duckdb is missing"):
        async with open_shards(tmp_path, 3, StoreSettings()):
            pass
