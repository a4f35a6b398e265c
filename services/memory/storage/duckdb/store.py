"""The source of truth: memories and their embeddings in DuckDB. Everything else is derived from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from services.kit.background_task import background_task
from services.kit.encryption.vault import Vault
from services.memory.domain.memories import Memory, Stats, id_key
from services.memory.domain.rows import Embedded, Inserted, Loaded, Moved, NewRow, ProjectMove, Restated, Sequences
from services.memory.domain.store import Inventory
from services.memory.storage.database_file.compactor import Compaction
from services.memory.storage.database_file.migration import earlier_databases
from services.memory.storage.database_file.opening import open_database, start_database
from services.memory.storage.duckdb import restatements, writes
from services.memory.storage.duckdb.access import Access
from services.memory.storage.duckdb.bulk_reads import load_portion, portion
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.correction_store import CorrectionStore
from services.memory.storage.duckdb.deletion.deletion_store import DeletionStore
from services.memory.storage.duckdb.deletion.retention_store import RetentionStore
from services.memory.storage.duckdb.kept_rows.rewrites import no_row
from services.memory.storage.duckdb.kept_rows.row_cache import RowCache
from services.memory.storage.duckdb.kept_rows.visible_rows import VisibleRows
from services.memory.storage.duckdb.known_rows import existing
from services.memory.storage.duckdb.link_store import LinkStore
from services.memory.storage.duckdb.memory_stats import MemoryStats, Question
from services.memory.storage.duckdb.project_moves import ProjectMoves
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.memory_rows import COLUMNS, page_of
from services.memory.storage.row_codec import rows_of

Connection = duckdb.DuckDBPyConnection
_own = "'' AS author"
SPILL = "spill"
"""The directory where DuckDB writes temporary data of large queries."""


@asynccontextmanager
async def open_store(path: Path, settings: StoreSettings) -> AsyncIterator[DuckStore]:
    """The store in the database at `path`, created or migrated as needed; Unavailable if another process holds it."""
    config, rows = _config(path, settings), rows_of(settings.vault)
    opened = await asyncio.to_thread(start_database, path, config, rows)
    connections = Connections(opened.connection)
    try:
        revive = partial(connections.revive, lambda: open_database(path, config, rows).connection)
        async with Writer(opened.connection.cursor(), settings.write_queue_max, revive) as writer:
            with ThreadPoolExecutor(settings.readers, "memory-reader") as readers:
                compaction = Compaction(path, connections, writer, lambda: open_database(path, config, rows).connection)
                store = DuckStore(path, opened.trouble, Access(connections, writer, readers, rows), compaction)
                store.events_max = settings.events_max
                async with background_task("memories at hand", store.rows.keep_at_hand):
                    yield store
    finally:
        await asyncio.to_thread(connections.close)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The memory limit, the queue limit, and the vault that seals the rows."""

    memory_limit_mb: int = 256
    threads: int = 2
    readers: int = 2
    write_queue_max: int = 1000
    vault: Vault | None = None
    events_max: int = 0


def _config(path: Path, settings: StoreSettings) -> dict[str, Any]:
    return {
        "memory_limit": f"{settings.memory_limit_mb}MB",
        "threads": settings.threads,
        "temp_directory": str(path.parent / SPILL),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


class DuckStore(CorrectionStore, DeletionStore, RetentionStore, LinkStore):
    """`MemoryStore` on DuckDB."""

    def __init__(self, path: Path, trouble: str, access: Access, compaction: Compaction) -> None:
        super().__init__(access, compaction)
        self._path = path
        self.troubles = [trouble] if trouble else []
        self.moves = ProjectMoves(self._write, self._rows)
        self._stats = MemoryStats(access.writer)
        self.rows = VisibleRows(RowCache(access.writer.rewrites), self._readable, self._select)

    @property
    def insert_sees_all(self) -> bool:
        return True

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        return await self._reading("find_existing", lambda cursor: existing(cursor, self._rows, rows))

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        def insert(connection: Connection) -> list[Inserted]:
            outcomes = writes.insert(connection, self._rows, rows, model)
            self._note_stored(connection, rows, outcomes)
            return outcomes

        return await self._write("insert", insert, rewritten=no_row)

    async def restate(self, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
        def restate(connection: Connection) -> dict[int, Restated]:
            done = restatements.restate(connection, self._rows, rows, model)
            self._compaction.touch(each.sequence for each in done.values())
            return done

        done = await self._write("restate", restate, rewritten=_rewritten_rows)
        if any(each.replaced is not None for each in done.values()):
            self._usage.forget()
        return done

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        if not sequences:
            return {}
        marks = placeholders(sequences)
        sql = f"SELECT {COLUMNS}, {_own} FROM memories WHERE sequence IN ({marks})"  # noqa: S608  # marks only
        return await self._memories("fetch", sql, *sequences)

    async def find(self, user: str, id: str) -> int | None:
        sql = "SELECT sequence FROM memories WHERE key = ?"
        rows = await self._select("find", sql, str(id_key(user, id)))
        return rows[0][0] if rows else None

    async def visible(self, user: str, sequences: Sequence[int]) -> dict[int, Memory]:
        return await self.rows.visible(user, sequences)

    async def find_shared(self, id: str) -> int | None:
        rows = await self._select("find_shared", "SELECT min(sequence) FROM memories WHERE shared AND id = ?", id)
        sequence: int | None = rows[0][0]
        return sequence

    async def share(self, sequence: int, shared: bool) -> None:
        def share(connection: Connection) -> None:
            self._compaction.touch([sequence])
            connection.execute("UPDATE memories SET shared = ? WHERE sequence = ?", [shared, sequence])

        await self._write("share", share)

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        sql = f"""
            SELECT {COLUMNS}, {_own} FROM memories WHERE user_id = ? AND sequence > ? ORDER BY sequence LIMIT ?
        """  # noqa: S608  # our own names
        return await page_of(lambda start, count: self._readable("page", sql, user, start, count), after, limit)

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        return [await self._compaction.copy_to(directory / self._path.name)]

    def earlier_databases(self) -> list[Path]:
        return earlier_databases(self._path)

    async def newest(self) -> datetime | None:
        return _utc((await self._select("newest", "SELECT max(stored_at) FROM memories"))[0][0])

    async def upkeep(self, name: str) -> str | None:
        rows = await self._select("upkeep", "SELECT value FROM upkeep WHERE name = ?", name)
        return rows[0][0] if rows else None

    async def keep_upkeep(self, name: str, value: str) -> None:
        sql = "INSERT OR REPLACE INTO upkeep VALUES (?, ?)"
        await self._write("upkeep", lambda connection: connection.execute(sql, (name, value)), rewritten=no_row)

    async def without_embedding(self, model: str, most: int) -> list[int]:
        sql = """
            SELECT m.sequence FROM memories m ANTI JOIN (FROM embeddings WHERE model = ?) e USING (sequence)
            ORDER BY m.sequence LIMIT ?
        """
        return [row[0] for row in await self._select("unembedded", sql, model, most)]

    async def longer_than(self, size: int, after: int, most: int) -> list[int]:
        sql = "SELECT sequence FROM memories WHERE size > ? AND sequence > ? ORDER BY sequence LIMIT ?"
        return [row[0] for row in await self._select("longer_than", sql, size, after, most)]

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        def replace_embeddings(connection: duckdb.DuckDBPyConnection) -> None:
            self._compaction.touch(each.sequence for each in embedded)
            writes.replace_embeddings(connection, self._rows, embedded, model)

        await self._write("embed", replace_embeddings, rewritten=no_row)

    async def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        for begin in range(0, len(sequences), portion):
            yield await asyncio.to_thread(self._portion, model, sequences[begin : begin + portion], text)

    def _portion(self, model: str, sequences: Sequences, text: bool) -> Loaded:
        with self._connections.cursor() as cursor:
            return load_portion(cursor, self._rows, model, sequences, text=text)

    async def inventory(self, model: str) -> Inventory:
        sql = """
            SELECT m.sequence, e.sequence IS NOT NULL AS embedded, shared, epoch(timestamp) AS said_s
            FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ? ORDER BY m.sequence
        """

        def read() -> Inventory:
            with self._connections.cursor() as cursor:
                columns = cursor.execute(sql, [model]).fetchnumpy()
            embedded, shared = (np.asarray(columns[name], np.bool_) for name in ("embedded", "shared"))
            said_s = np.asarray(columns["said_s"], np.float64)
            return Inventory(np.asarray(columns["sequence"], np.int64), embedded, shared, said_s)

        return await asyncio.to_thread(read)

    async def stats(self, user: str, project: str, model: str, since: datetime | None = None) -> Stats:
        asked = Question(user, self._rows.name(project), model, since)
        row = self._stats.counts(asked)
        if row is None:
            row = await self._reading("stats", lambda cursor: self._stats.read(cursor, asked))
        counts = (row[0], row[1], row[2], row[3])
        return Stats(*counts, self._size(), _utc(row[4]), _utc(row[5]), row[6], row[7], row[8], _utc(row[9]))

    async def size(self) -> tuple[int, int]:
        return (await self._select("size", "SELECT count(*) FROM memories"))[0][0], self._size()

    async def usage(self, user: str) -> tuple[int, int]:
        return await self._reading("usage", lambda cursor: self._usage.read(cursor, user))

    async def projects(self, user: str) -> list[str]:
        sql = "SELECT DISTINCT project FROM memories WHERE user_id = ? OR shared"
        return sorted(self._rows.read_name(row[0]) for row in await self._select("projects", sql, user))

    async def count_move(self, move: ProjectMove) -> int:
        return await self.moves.count(move)

    async def move_project(self, move: ProjectMove) -> Moved:
        self._usage.forget()
        return await self.moves.move(move)

    def _size(self) -> int:
        beside = (self._path, self._path.with_name(f"{self._path.name}.wal"))
        return sum(path.stat().st_size for path in beside if path.exists())


def _rewritten_rows(done: Mapping[int, Restated]) -> list[int]:
    """The rows that restatements changed or removed."""
    return [sequence for each in done.values() for sequence in (each.sequence, each.replaced) if sequence is not None]


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC) if time else None
