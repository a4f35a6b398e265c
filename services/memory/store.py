"""The truth: memories and their embeddings in DuckDB. Everything else the service keeps is derived from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from services.kit import telemetry
from services.kit.encryption.vault import Vault
from services.memory import changes, removing
from services.memory.changes import Embedded, Inserted, NewRow
from services.memory.compacting import Compaction
from services.memory.connections import Connections
from services.memory.database import open_database
from services.memory.loading import Loaded, Sequences, load_portion, portion
from services.memory.memories import Chosen, Kind, Memory, Stats, id_key
from services.memory.projects import Link, LinkType
from services.memory.removals import Reason, Removal, Removing
from services.memory.rows import LinkTexts, Rows, Texts, Whose, rows_of
from services.memory.writer import Writer

Connection = duckdb.DuckDBPyConnection
Result = TypeVar("Result")
_columns = "sequence, id, user_id, content, project, session_id, role, tags, metadata, kind, timestamp, shared"
_row_order = "timestamp, sequence"


class MemoryStore(Protocol):
    """What the service needs of a store. What `insert` returned survives a kill."""

    @property
    def troubles(self) -> Sequence[str]:
        """What could not be read when it was opened."""
        ...

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        """Those of `rows`, by their place in it, that are stored already."""
        ...

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        """Stores `rows` in one transaction; one that is there already is not stored again."""
        ...

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        """The memories under these sequences that exist."""
        ...

    async def find(self, user: str, id: str) -> int | None:
        """The sequence of the user's memory `id`."""
        ...

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        """The sequences of the user's memories that are meant, ascending."""
        ...

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        """Removes these memories, and logs that."""
        ...

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        """What was removed of the user's, of one project where `project` is not empty; the latest first."""
        ...

    async def unerased(self) -> int:
        """Removals whose text is still in a database file."""
        ...

    async def compact(self) -> None:
        """Writes the files that hold the text of what was removed anew; Unavailable where that cannot be done now."""
        ...

    async def unembedded(self, model: str, most: int) -> list[int]:
        """The first sequences that have no embedding of `model`."""
        ...

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        """Keeps these embeddings instead of what there was."""
        ...

    def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        """These memories in their order, in portions; vectors of other models are left out, texts where not `text`."""
        ...

    async def inventory(self, model: str) -> tuple[Sequences, NDArray[np.bool_]]:
        """All sequences, ascending, and which of them have an embedding of `model`."""
        ...

    async def stats(self, user: str, project: str, model: str) -> Stats:
        """Counts for one user, and for one project where `project` is not empty."""
        ...

    async def size(self) -> tuple[int, int]:
        """How many memories there are, of all users, and the bytes on disk."""
        ...

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        """The user's first `limit` memories whose sequence is over `after`, by ascending sequence."""
        ...

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        """Writes each database, as it is at one moment, into the directory; the counts of its memories and links."""
        ...

    async def projects(self, user: str) -> list[str]:
        """The user's projects that have memories, by name."""
        ...

    async def links(self, user: str) -> list[Link]:
        """The links between the user's projects, oldest first."""
        ...

    async def link(self, user: str, link: Link) -> None:
        """Keeps the link, instead of one that is there between the same two."""
        ...

    async def unlink(self, user: str, source: str, target: str) -> bool:
        """Removes the link; False where there is none."""
        ...


@asynccontextmanager
async def open_store(path: Path, settings: StoreSettings) -> AsyncIterator[DuckStore]:
    """The database at `path`, created or migrated as needed; Unavailable where another process holds it."""
    config, rows = _config(path, settings), rows_of(settings.vault)
    opened = await asyncio.to_thread(open_database, path, config, rows.data_key)
    connections = Connections(opened.connection)
    try:
        async with Writer(opened.connection.cursor(), settings.write_queue_max) as writer:
            with ThreadPoolExecutor(settings.readers, "memory-reader") as readers:
                compaction = Compaction(
                    path, connections, writer, lambda: open_database(path, config, rows.data_key).connection
                )
                yield DuckStore(path, opened.trouble, Access(connections, writer, readers, rows), compaction)
    finally:
        await asyncio.to_thread(connections.close)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How much DuckDB may use, how much may wait, and what seals the rows."""

    memory_limit_mb: int = 256
    threads: int = 2
    readers: int = 2
    write_queue_max: int = 1000
    vault: Vault | None = None


def _config(path: Path, settings: StoreSettings) -> dict[str, Any]:
    return {
        "memory_limit": f"{settings.memory_limit_mb}MB",
        "threads": settings.threads,
        "temp_directory": str(path.parent / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


@dataclass(frozen=True, slots=True)
class Access:
    """How the database is read and written."""

    connections: Connections
    writer: Writer
    readers: ThreadPoolExecutor
    rows: Rows


class DuckStore:
    """`MemoryStore` on DuckDB."""

    def __init__(self, path: Path, trouble: str, access: Access, compaction: Compaction) -> None:
        self._path = path
        self.troubles = [trouble] if trouble else []
        self._connections, self._writer, self._readers = access.connections, access.writer, access.readers
        self._rows = access.rows
        self._compaction = compaction

    async def _read(self, name: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self._reading(name, lambda cursor: cursor.execute(sql, parameters).fetchall())

    async def _memories(self, name: str, sql: str, *parameters: Any) -> dict[int, Memory]:
        """Memories by their sequence; the statement selects `_columns`."""

        def read(cursor: Connection) -> dict[int, Memory]:
            return {row[0]: self._memory(row) for row in cursor.execute(sql, parameters).fetchall()}

        return await self._reading(name, read)

    async def _reading(self, name: str, work: Callable[[Connection], Result]) -> Result:
        def read() -> Result:
            with self._connections.cursor() as cursor:
                return work(cursor)

        with telemetry.query("duckdb", name, "memories"):
            return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def _write(self, name: str, job: Callable[[Connection], Result]) -> Result:
        with telemetry.query("duckdb", name, "memories"):
            return await self._writer.run(job)

    def _memory(self, row: tuple[Any, ...]) -> Memory:
        sequence, name, user, *columns, kind, timestamp, shared = row
        texts = self._rows.read(Whose(sequence, name, user), Texts(*columns))
        return Memory(
            content=texts.content,
            kind=Kind(kind),
            project=texts.project,
            timestamp=timestamp.astimezone(UTC),
            session_id=texts.session_id,
            role=texts.role,
            tags=tuple(texts.tags),
            metadata=json.loads(texts.metadata),
            id=name,
            shared=shared,
        )

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        return await self._reading("find_existing", lambda cursor: changes.existing(cursor, self._rows, rows))

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        return await self._write("insert", lambda connection: changes.insert(connection, self._rows, rows, model))

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        if not sequences:
            return {}
        marks = ", ".join("?" * len(sequences))  # a list as one parameter scans; single ones use the index
        sql = f"SELECT {_columns} FROM memories WHERE sequence IN ({marks})"  # noqa: S608  # marks only
        return await self._memories("fetch", sql, *sequences)

    async def find(self, user: str, id: str) -> int | None:
        sql = "SELECT sequence FROM memories WHERE key = ?"
        rows = await self._read("find", sql, str(id_key(user, id)))
        return rows[0][0] if rows else None

    async def page(self, user: str, after: int, limit: int) -> dict[int, Memory]:
        sql = f"SELECT {_columns} FROM memories WHERE user_id = ? AND sequence > ? ORDER BY sequence LIMIT ?"  # noqa: S608
        return await self._memories("page", sql, user, after, limit)

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        return [await self._compaction.copy_to(directory / self._path.name)]

    async def unerased(self) -> int:
        return int((await self._read("unerased", "SELECT count(*) FROM removals WHERE NOT erased"))[0][0])

    async def compact(self) -> None:
        await self._compaction.run()

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        sql = """
            SELECT sequence FROM memories
            WHERE user_id = ? AND (len(?::TEXT[]) = 0 OR list_contains(?::TEXT[], id))
              AND (? = '' OR project = ?) AND (?::TIMESTAMPTZ IS NULL OR timestamp < ?::TIMESTAMPTZ)
            ORDER BY sequence
        """
        ids, project, before = list(chosen.ids), self._rows.name(chosen.project), chosen.before
        return [row[0] for row in await self._read("choose", sql, user, ids, ids, project, project, before, before)]

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        await self._write("delete", lambda connection: removing.delete(connection, sequences, by))

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        sql = """
            SELECT removed_at, user_id, actor, reason, project, ids, count, erased FROM removals
            WHERE user_id = ? AND (? = '' OR project = ?) ORDER BY number DESC LIMIT ?
        """
        name = self._rows.name(project)
        return [
            Removal(at.astimezone(UTC), owner, actor, Reason(why), self._rows.read_name(of), *rest)
            for at, owner, actor, why, of, *rest in await self._read("removals", sql, user, name, name, limit)
        ]

    async def unembedded(self, model: str, most: int) -> list[int]:
        sql = """
            SELECT m.sequence FROM memories m ANTI JOIN (FROM embeddings WHERE model = ?) e USING (sequence)
            ORDER BY m.sequence LIMIT ?
        """
        return [row[0] for row in await self._read("unembedded", sql, model, most)]

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        def replace_embeddings(connection: duckdb.DuckDBPyConnection) -> None:
            self._compaction.touch(each.sequence for each in embedded)
            changes.replace_embeddings(connection, self._rows, embedded, model)

        await self._write("embed", replace_embeddings)

    async def load(self, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        for begin in range(0, len(sequences), portion):
            yield await asyncio.to_thread(self._portion, model, sequences[begin : begin + portion], text)

    def _portion(self, model: str, sequences: Sequences, text: bool) -> Loaded:
        with self._connections.cursor() as cursor:
            return load_portion(cursor, self._rows, model, sequences, text=text)

    async def inventory(self, model: str) -> tuple[Sequences, NDArray[np.bool_]]:
        sql = """
            SELECT m.sequence, e.sequence IS NOT NULL AS embedded
            FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ? ORDER BY m.sequence
        """

        def read() -> tuple[Sequences, NDArray[np.bool_]]:
            with self._connections.cursor() as cursor:
                columns = cursor.execute(sql, [model]).fetchnumpy()
            return np.asarray(columns["sequence"], np.int64), np.asarray(columns["embedded"], np.bool_)

        return await asyncio.to_thread(read)

    async def stats(self, user: str, project: str, model: str) -> Stats:
        sql = """
            SELECT count(*) FILTER (kind = 'conversation'), count(*) FILTER (kind = 'reflection'),
                   count(DISTINCT project), count(e.sequence), min(timestamp), max(timestamp)
            FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ?
            WHERE user_id = ? AND (? = '' OR project = ?)
        """
        name = self._rows.name(project)
        row = (await self._read("stats", sql, model, user, name, name))[0]
        return Stats(row[0], row[1], row[2], row[3], self._size(), _utc(row[4]), _utc(row[5]))

    async def size(self) -> tuple[int, int]:
        return (await self._read("size", "SELECT count(*) FROM memories"))[0][0], self._size()

    async def projects(self, user: str) -> list[str]:
        sql = "SELECT DISTINCT project FROM memories WHERE user_id = ?"
        return sorted(self._rows.read_name(row[0]) for row in await self._read("projects", sql, user))

    async def links(self, user: str) -> list[Link]:
        sql = """
            SELECT source, target, description, type, created_at FROM project_links WHERE user_id = ?
        """
        rows = await self._read("links", sql, user)
        texts = [self._rows.read_link(user, LinkTexts(*row[:3])) for row in rows]
        links = [
            Link(each.source, each.target, LinkType(kind), each.description, created_at.astimezone(UTC))
            for each, (*_, kind, created_at) in zip(texts, rows, strict=True)
        ]
        return sorted(links, key=lambda link: (link.created_at, link.source, link.target))

    async def link(self, user: str, link: Link) -> None:
        texts = self._rows.link(user, LinkTexts(link.source, link.target, link.description))
        values = (user, texts.source, texts.target, str(link.type), texts.description, link.created_at)
        sql = "INSERT OR REPLACE INTO project_links VALUES (?, ?, ?, ?, ?, ?)"
        await self._write("link", lambda connection: connection.execute(sql, values))

    async def unlink(self, user: str, source: str, target: str) -> bool:
        values = (user, self._rows.name(source), self._rows.name(target))
        sql = "DELETE FROM project_links WHERE user_id = ? AND source = ? AND target = ? RETURNING 1"
        return bool(await self._write("unlink", lambda connection: connection.execute(sql, values).fetchall()))

    def _size(self) -> int:
        beside = (self._path, self._path.with_name(f"{self._path.name}.wal"))
        return sum(path.stat().st_size for path in beside if path.exists())


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC) if time else None
