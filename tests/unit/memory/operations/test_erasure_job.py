"""`erased` is true from the moment it is said: the text is in no file of the data directory, whatever went wrong."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from services.kit.encryption.vault import Vault
from services.kit.errors import Unavailable
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.store import MemoryStore
from services.memory.index.entries import NewEntry
from services.memory.index.maintenance import Indexing, open_indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.snapshot import SnapshotFile, plain
from services.memory.operations import erasure_job
from services.memory.operations.erasure_job import Erasing
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.database_file import compaction_steps, compactor
from services.memory.storage.database_file.compactor import Compaction
from services.memory.storage.database_file.opening import copy_database, open_database
from services.memory.storage.duckdb import writes
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.deletion import deletes
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.row_codec import ClearRows
from services.memory.storage.sharded_store import open_shards
from tests.earlier_schemas import write_schema_2
from tests.patience import PATIENCE_S, eventually, eventually_so
from tests.unit.memory.rows import row

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "the walrus pays in amber"


class Disk(Vault):
    """Seals nothing; when it is full, a snapshot's second piece finds no room."""

    def __init__(self) -> None:
        self.is_full = False

    def sealing(self, purpose: str) -> Callable[[bytes], bytes]:  # noqa: ARG002
        pieces = iter(range(1000))

        def seal(piece: bytes) -> bytes:
            if next(pieces) and self.is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return piece

        return seal

    def opening(self, purpose: str) -> Callable[[bytes], bytes]:  # noqa: ARG002
        return plain


@dataclass(frozen=True, slots=True)
class Memories:
    """The parts of a memory service that erasing is between."""

    store: MemoryStore
    storing: Storing
    indexing: Indexing
    erasing: Erasing
    home: Path

    async def remember(self, *contents: str) -> None:
        memories = [
            Memory(each, Kind.CONVERSATION, "p", NOW, metadata={"file_path": f"{each}.md"}) for each in contents
        ]
        await self.storing.remember("ann", memories)

    async def delete(self, content: str) -> None:
        found = await self.store.page("ann", 0, 1000)
        gone = [sequence for sequence, memory in found.items() if memory.content == content]
        await self.storing.remove(gone, Removing("ann"))

    async def is_erased(self) -> bool:
        return all(each.erased for each in await self.store.removals("ann", "", 1000))

    async def holding(self, *texts: str) -> list[str]:
        return await asyncio.to_thread(holding, self.home, *texts)


def saying(content: str) -> Memory:
    return Memory(content, Kind.CONVERSATION, "p", NOW, metadata={"file_path": f"{content}.md"})


def holding(home: Path, *texts: str) -> list[str]:
    files = [(path.name, path.read_bytes().lower()) for path in home.rglob("*") if path.is_file()]
    return sorted(name for name, content in files if any(text.lower().encode() in content for text in texts))


@asynccontextmanager
async def opened(home: Path, shards: int = 1, disk: Disk | None = None) -> AsyncIterator[Memories]:
    async with open_shards(home, shards, StoreSettings()) as store:
        with MemoryIndex(384) as index:
            indexing = Indexing(store, index, "none", SnapshotFile(home / "index.snapshot", disk))
            async with open_indexing(indexing):
                storing = Storing(store, index, None, Generations(None))
                yield Memories(store, storing, indexing, Erasing(store, 0.01, [storing.settle, indexing.erase]), home)


@pytest.mark.parametrize("shards", [1, 3])
async def test_what_is_erased_is_in_no_file(tmp_path: Path, shards: int) -> None:
    async with opened(tmp_path, shards) as memories:
        await memories.remember(SECRET, "kept")
        await memories.indexing.write(1)
        assert "index.snapshot" in await memories.holding(SECRET)
        await memories.delete(SECRET)
        await memories.erasing.erase()
        assert await memories.is_erased()
        assert await memories.holding(SECRET) == []
        assert "index.snapshot" in await memories.holding("kept")
    async with opened(tmp_path, shards) as memories:
        assert await memories.is_erased()
        assert await memories.holding(SECRET) == []


async def test_a_snapshot_that_cannot_be_written_is_gone_before_erased_is_said(tmp_path: Path) -> None:
    disk = Disk()
    async with opened(tmp_path, disk=disk) as memories:
        await memories.remember(SECRET, "kept")
        await memories.indexing.write(1)
        await memories.delete(SECRET)
        disk.is_full = True
        await memories.remember("later")
        await memories.indexing.write(1)  # fails
        assert SECRET.encode() in await asyncio.to_thread((tmp_path / "index.snapshot").read_bytes)
        assert not await memories.is_erased()
        assert not await asyncio.to_thread((tmp_path / ".index.snapshot.new").exists)
        await memories.erasing.erase()
        assert await memories.is_erased()
        assert await memories.holding(SECRET) == []


@pytest.mark.parametrize("is_full_at_the_end", [True, False])
async def test_a_snapshot_that_failed_once_does_not_outlive_a_clean_stop(
    tmp_path: Path, is_full_at_the_end: bool
) -> None:
    disk = Disk()
    async with opened(tmp_path, disk=disk) as memories:
        await memories.remember(SECRET, "kept")
        await memories.indexing.write(1)
        await memories.delete(SECRET)
        disk.is_full = True
        await memories.indexing.write(1)
        disk.is_full = is_full_at_the_end
    assert "index.snapshot" not in holding(tmp_path, SECRET)
    assert ("index.snapshot" in holding(tmp_path, "kept")) is not is_full_at_the_end
    async with opened(tmp_path, disk=Disk()) as memories:
        await memories.erasing.erase()
        assert await memories.is_erased()
        assert await memories.holding(SECRET) == []
        assert {each.content for each in (await memories.store.page("ann", 0, 10)).values()} == {"kept"}


@pytest.mark.parametrize("left", [".index.snapshot.new", "memory.duckdb.compacting", "memory.duckdb.migrating",
                                  "memory.duckdb.compacting.wal", "spill/duckdb_temp_storage-0.tmp"])  # fmt: skip
async def test_what_a_killed_process_left_half_written_is_gone_at_the_next_start(tmp_path: Path, left: str) -> None:
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).write_text(f"half of {SECRET}")
    async with opened(tmp_path) as memories:
        assert await memories.holding(SECRET) == []


async def test_a_snapshot_that_cannot_be_read_is_erased_with_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as memories:
        await memories.remember(SECRET, "kept")
        await memories.indexing.write(1)
        await memories.delete(SECRET)
    (tmp_path / "index.snapshot").write_text(f"of another version: {SECRET}")
    async with opened(tmp_path) as memories:
        await memories.erasing.erase()
        assert await memories.is_erased()
        assert await memories.holding(SECRET) == []


async def test_without_room_nothing_is_said_and_with_room_it_is_erased_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as memories:
        await memories.remember(SECRET, "kept")
        await memories.delete(SECRET)
        with monkeypatch.context() as full:
            full.setattr(compaction_steps, "spare_bytes", 2**60)
            for _ in range(2):
                with pytest.raises(Unavailable, match="MB are needed"):
                    await memories.erasing.erase()
            assert not await memories.is_erased()
        running = asyncio.create_task(memories.erasing.run())
        while not await memories.is_erased():
            await asyncio.sleep(0)
        assert await memories.holding(SECRET) == []
        running.cancel()
        await asyncio.wait([running])


class BusyOnce(Connections):
    """Somebody reads for too long when the database is to be replaced for the first time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self.was_busy = threading.Event()

    def replace(self, open_other: Callable[[], duckdb.DuckDBPyConnection], patience_s: float) -> bool:
        if not self.was_busy.is_set():
            self.was_busy.set()
            return False
        return super().replace(open_other, patience_s)


async def test_what_is_removed_while_the_copy_waits_for_its_second_try_is_not_erased_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compactor, "pause_s", 0.2)
    path = tmp_path / "memory.duckdb"
    connections = BusyOnce(open_database(path, {}).connection)
    async with Writer(connections.writing(), 10) as writer:
        rows = [row("the first"), row(SECRET)]
        first, second = await writer.run(lambda writing: writes.insert(writing, ClearRows(), rows, "m"))
        await writer.run(lambda writing: deletes.delete(writing, ClearRows(), [first.sequence], Removing("ann")))
        compaction_job = Compaction(path, connections, writer, lambda: open_database(path, {}).connection)
        compacted = asyncio.create_task(compaction_job.run())
        await asyncio.to_thread(connections.was_busy.wait)
        await writer.run(lambda writing: deletes.delete(writing, ClearRows(), [second.sequence], Removing("ann")))
        await compacted
        with connections.cursor() as cursor:
            erased = cursor.execute("SELECT erased FROM removals ORDER BY number").fetchall()
        assert erased == [(True,), (False,)]
        assert (holding(tmp_path, "the first"), holding(tmp_path, SECRET) != []) == ([], True)
        await compaction_job.run()
        with connections.cursor() as cursor:
            assert cursor.execute("SELECT DISTINCT erased FROM removals").fetchall() == [(True,)]
    connections.close()
    assert holding(tmp_path, SECRET) == []


async def test_removals_after_the_named_one_are_not_erased(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        one, two = await store.insert([row("one"), row("two")], "m")
        await store.delete([one.sequence], Removing("ann"))
        named = await store.last_removals()
        await store.delete([two.sequence], Removing("ann"))
        await store.compact(named)
        assert [each.erased for each in await store.removals("ann", "", 10)] == [False, True]
        assert await store.unerased_count() == 1


class Interrupted:
    """A cursor whose first DETACH is interrupted, as by a backup that is given up at its last moment."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._is_first = True

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        if sql.startswith("DETACH backup") and self._is_first:
            self._is_first = False
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
        return self._cursor.execute(sql)


async def test_a_copy_that_is_interrupted_at_its_end_is_in_no_other_s_way(tmp_path: Path) -> None:
    with open_database(tmp_path / "memory.duckdb", {}).connection as connection:
        writes.insert(connection, ClearRows(), [row("one")], "m")
        with pytest.raises(Unavailable, match="interrupted"):
            copy_database(
                cast("duckdb.DuckDBPyConnection", Interrupted(connection)), tmp_path / "first.duckdb", deleted_too=True
            )
        connection.execute(f"ATTACH '{tmp_path}/left.duckdb' AS backup")  # if even that had failed
        assert copy_database(connection, tmp_path / "second.duckdb", deleted_too=True)["memories"] == 1


async def test_the_database_of_before_a_migration_keeps_erased_from_being_said_until_the_next_start(
    tmp_path: Path,
) -> None:
    write_schema_2(tmp_path / "memory.duckdb", 30)
    async with opened(tmp_path) as memories:
        content = (await memories.store.page("ann", 0, 1))[1].content
        await memories.delete(content)
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"memory\.duckdb\.schema-2, .* is kept until the next start"):
                await memories.erasing.erase()
        assert not await memories.is_erased()
        assert await memories.holding(content) == ["memory.duckdb.schema-2"]  # the database has it no more
    async with opened(tmp_path) as memories:
        await memories.erasing.erase()
        assert await memories.is_erased()
        assert await memories.holding(content) == []


async def test_a_compaction_of_the_same_run_leaves_the_database_of_before_a_migration(tmp_path: Path) -> None:
    write_schema_2(tmp_path / "memory.duckdb", 30)
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        await store.delete([1], Removing("ann"))
        await store.compact()
        assert [path.name for path in store.earlier_databases()] == ["memory.duckdb.schema-2"]
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        assert store.earlier_databases() == []


class SlowIndex(MemoryIndex):
    """Takes memories in when it is let."""

    def __init__(self) -> None:
        super().__init__(384)
        self.may_add, self.is_adding = asyncio.Event(), asyncio.Event()

    async def add(self, entries: Sequence[NewEntry]) -> None:
        self.is_adding.set()
        await self.may_add.wait()
        await super().add(entries)


async def test_what_is_deleted_before_it_was_indexed_is_in_no_index(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        index = SlowIndex()
        with index:
            storing = Storing(store, index, None, Generations(None))
            remembering = asyncio.create_task(storing.remember("ann", [saying(SECRET)]))
            await index.is_adding.wait()
            (sequence,) = await store.page("ann", 0, 10)
            removing_it = asyncio.create_task(storing.remove([sequence], Removing("ann")))
            async with asyncio.timeout(PATIENCE_S):
                while not await store.unerased_count():
                    await asyncio.sleep(0)
            index.may_add.set()
            await asyncio.gather(remembering, removing_it)
            assert len(index) == 0


class Server:
    """A store whose database is on a server that can be away."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.away = frozenset[str]()
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        self.looks += name == "unerased_count"
        return self._refuse if name in self.away else getattr(self._store, name)

    async def _refuse(self, *_: object) -> None:
        raise Unavailable("PostgreSQL does not answer.")

    async def looks_more(self) -> None:
        seen = self.looks
        await eventually_so(lambda: self.looks > seen + 3)


@asynccontextmanager
async def erasing_on(server: Server, within_s: float) -> AsyncIterator[Erasing]:
    erasing = Erasing(cast("MemoryStore", server), within_s)
    running = asyncio.create_task(erasing.run())
    yield erasing
    running.cancel()
    await asyncio.wait([running])


async def test_a_server_that_is_away_is_not_taken_for_text_that_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as memories:
        server = Server(memories.store)
        async with erasing_on(server, 0.01) as erasing:
            server.away = frozenset({"unerased_count"})
            await server.looks_more()
            assert not erasing.trouble
            server.away = frozenset()
            await server.looks_more()
            assert not erasing.trouble


async def test_what_failed_is_tried_again_long_before_the_time_for_more_deletions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_job, "look_every_s", 0.01)
    async with opened(tmp_path) as memories:
        await memories.remember(SECRET)
        found = await memories.store.page("ann", 0, 10)
        await memories.store.delete(list(found), Removing("ann", at=NOW))
        server = Server(memories.store)
        server.away = frozenset({"compact"})
        async with erasing_on(server, 3600) as erasing:
            await eventually_so(lambda: "does not answer" in erasing.trouble)
            server.away = frozenset({"unerased_count"})
            await server.looks_more()
            assert erasing.trouble  # it is there, as far as anybody knows
            server.away = frozenset()
            await eventually(memories.is_erased)
            await eventually_so(lambda: not erasing.trouble)
