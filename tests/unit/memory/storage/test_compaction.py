"""Writing the database anew: deleted text leaves its file, and nothing that is stored meanwhile is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from services.kit.errors import Unavailable
from services.memory.domain.deletion_log import Reason, Removing
from services.memory.domain.rows import Embedded, NewRow
from services.memory.domain.store import MemoryStore
from services.memory.storage.database_file import compaction_steps, compactor
from services.memory.storage.database_file.compactor import Compaction
from services.memory.storage.database_file.opening import open_database
from services.memory.storage.duckdb import writes
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.row_codec import ClearRows
from services.memory.storage.sharded_store import open_shards
from tests.unit.memory.rows import PROJECTS, VECTOR, row

BY_ANN = Removing("ann")
SECRET = "the walrus pays in amber"


@pytest.fixture(params=[1, pytest.param(3, marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    async with open_shards(tmp_path, request.param, StoreSettings()) as opened:
        yield opened


async def stored(store: MemoryStore, *contents: str, project: str = "p") -> list[int]:
    return [each.sequence for each in await store.insert([row(each, project) for each in contents], "m")]


def holds(directory: Path, text: str) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


async def test_deleted_text_is_in_no_file_after_a_compaction(store: MemoryStore, tmp_path: Path) -> None:
    (gone,) = await stored(store, SECRET)
    kept = [(await stored(store, f"kept in {project}", project=project))[0] for project in PROJECTS]
    await store.delete([gone], BY_ANN)
    assert holds(tmp_path, SECRET)  # in the log, or in pages that are free
    assert await store.unerased_count() == 1
    await store.compact()
    assert not holds(tmp_path, SECRET)
    assert await store.unerased_count() == 0
    assert [each.erased for each in await store.removals("ann", "", 10)] == [True]
    assert len(await store.fetch(kept)) == len(kept)
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*.compacting*")))
    again = await stored(store, "after it")
    assert again[0] not in {gone, *kept}


async def test_what_is_written_meanwhile_is_in_the_new_file(store: MemoryStore, tmp_path: Path) -> None:
    first = await stored(store, *(f"memory {number}" for number in range(300)))
    bare = (await store.insert([replace(row("without"), content_vector=None)], "none"))[0].sequence
    await store.delete(first[:1], BY_ANN)
    written: list[int] = []

    async def write() -> None:
        for number in range(1000):
            if done.is_set():
                break
            written.extend(await stored(store, f"meanwhile {number}", project=PROJECTS[number % 8]))
            if number == 3:
                await store.embed([Embedded(bare, VECTOR, VECTOR)], "m")
                await store.delete(first[1:3], BY_ANN)
            await asyncio.sleep(0)

    done = asyncio.Event()
    writing = asyncio.create_task(write())
    while len(written) < 2:
        await asyncio.sleep(0)
    for _ in range(2):
        await store.compact()
    done.set()
    await writing
    found = await store.fetch([*first, *written])
    assert set(found) == set(first[3:]) | set(written)
    assert len(set(written)) == len(written)
    assert (await store.stats("ann", "", "m")).embedded == len(found) + 1
    assert [each.count for each in await store.removals("ann", "", 10)] == [2, 1]


async def test_the_new_file_is_as_whole_as_the_old_one_at_the_next_start(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        first = await stored(store, *(f"memory {number}" for number in range(20)))
        await store.delete(first[:5], BY_ANN)
        await store.compact()
        last = await stored(store, "the last")
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        assert not store.troubles
        assert list(await store.fetch([*first, *last])) == [*first[5:], *last]
        again = await store.insert([NewRow(row("memory 7").memory, "ann", VECTOR, VECTOR)], "m")
        assert again[0].duplicate
        assert (await stored(store, "newer"))[0] > last[0]


async def test_readers_go_on_while_the_file_is_replaced(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings(readers=4)) as store:
        known = await stored(store, *(f"memory {number}" for number in range(50)))
        await store.delete(known[:1], BY_ANN)

        async def read() -> int:
            reads = 0
            while not compacted.done():
                assert len(await store.fetch(known)) == 49
                reads += 1
            return reads

        compacted = asyncio.create_task(store.compact())
        assert min(await asyncio.gather(*(read() for _ in range(4)))) > 0
        await compacted


async def test_without_room_nothing_changes_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction_steps, "spare_bytes", 2**60)
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        known = await stored(store, "one", "two")
        await store.delete(known[:1], BY_ANN)
        with pytest.raises(Unavailable, match="MB are needed"):
            await store.compact()
        assert await store.unerased_count() == 1
        assert list(await store.fetch(known)) == known[1:]


async def test_a_compaction_that_is_given_up_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        known = await stored(store, *(f"memory {number}" for number in range(200)))
        await store.delete(known[:1], BY_ANN)
        for yields in range(12):
            compacting_now = asyncio.create_task(store.compact())
            for _ in range(yields):
                await asyncio.sleep(0)
            compacting_now.cancel()
            await asyncio.wait([compacting_now])
        assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*.compacting*")))
        assert len(await store.fetch(known)) == 199
        await store.compact()
        assert len(await store.fetch(known)) == 199


async def test_a_database_that_cannot_be_opened_again_is_opened_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compactor, "reopen_every_s", 0.001)
    path, tries = tmp_path / "memory.duckdb", 0

    def open_at_the_third_try() -> duckdb.DuckDBPyConnection:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable("Too many open files.")
        return open_database(path, {}).connection

    connections = Connections(open_database(path, {}).connection)
    async with Writer(connections.writing(), 10) as writer:
        await writer.run(lambda connection: writes.insert(connection, ClearRows(), [row("one"), row("two")], "m"))
        with pytest.raises(Unavailable, match="Too many"):
            await Compaction(path, connections, writer, open_at_the_third_try).run()
        await writer.run(lambda connection: writes.insert(connection, ClearRows(), [row("three")], "m"))
        with connections.cursor() as cursor:
            assert cursor.execute("SELECT count(*) FROM memories").fetchall() == [(3,)]
    connections.close()
    assert tries == 3


async def test_the_log_of_removals_has_no_content_and_an_end(store: MemoryStore) -> None:
    first = await stored(store, "one", "two", project=PROJECTS[0])
    second = await stored(store, "three", project=PROJECTS[1])
    await store.delete([*first, *second], Removing("eve", Reason.RETENTION))
    entries = await store.removals("ann", "", 10)
    assert {(each.project, each.count, len(each.ids)) for each in entries} == {(PROJECTS[0], 2, 2), (PROJECTS[1], 1, 1)}
    assert {(each.user, each.actor, each.reason) for each in entries} == {("ann", "eve", Reason.RETENTION)}
    assert [each.count for each in await store.removals("ann", PROJECTS[1], 10)] == [1]
    assert await store.removals("bob", "", 10) == []
    assert len(await store.removals("ann", "", 1)) == 1
    await store.delete(first, BY_ANN)  # gone already
    assert len(await store.removals("ann", "", 10)) == 2
