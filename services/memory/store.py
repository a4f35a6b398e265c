"""The truth: memories and their embeddings in DuckDB. Everything else the service keeps is derived from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace

from services.kit.errors import AlreadyExists, Unavailable
from services.memory.memories import Chosen, Kind, Memory, Stats
from services.memory.schema import migrate
from services.memory.writer import Writer

Vectors = NDArray[np.float16]
_columns = "sequence, id, content, kind, project, timestamp, session_id, role, tags, metadata"
_row_order = "timestamp, sequence"


@dataclass(frozen=True, slots=True)
class NewRow:
    """A memory to insert, with its embeddings where there are any (float16[384], unit length)."""

    memory: Memory
    user: str
    content_vector: Vectors | None = None
    context_vector: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embeddings of a memory that is stored already (float16[384], unit length)."""

    sequence: int
    content_vector: Vectors
    context_vector: Vectors


@dataclass(frozen=True, slots=True)
class Inserted:
    """Where a memory is: its sequence and id; `duplicate` where it was there before."""

    sequence: int
    id: str
    stored_at: datetime
    duplicate: bool
    embedded: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """Columns of many memories, for building the indexes; vectors are empty bytes where there are none."""

    sequence: NDArray[np.int64]
    user: Sequence[str]
    project: Sequence[str]
    session_id: Sequence[str]
    role: Sequence[str]
    timestamp_s: NDArray[np.float64]
    content: Sequence[str]
    content_vector: Sequence[bytes]
    context_vector: Sequence[bytes]


class MemoryStore(Protocol):
    """What the service needs of a store. What `insert` returned survives a kill."""

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

    async def delete(self, sequences: Sequence[int]) -> None:
        """Removes these memories."""
        ...

    async def unembedded(self, model: str, most: int) -> list[int]:
        """The first sequences that have no embedding of `model`."""
        ...

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        """Keeps these embeddings instead of what there was."""
        ...

    def load(self, model: str) -> AsyncIterator[Loaded]:
        """Everything, in order of storing, in portions; vectors of other models than `model` are left out."""
        ...

    async def stats(self, user: str, project: str, model: str) -> Stats:
        """Counts for one user, and for one project where `project` is not empty."""
        ...


@asynccontextmanager
async def open_store(path: Path, settings: StoreSettings) -> AsyncIterator[DuckStore]:
    """The database at `path`, created or migrated as needed; Unavailable where another process holds it."""
    connection = await asyncio.to_thread(_connect, path, settings)
    try:
        async with Writer(connection.cursor(), settings.write_queue_max) as writer:
            with ThreadPoolExecutor(settings.readers, "memory-reader") as readers:
                yield DuckStore(path, connection, writer, readers)
    finally:
        await asyncio.to_thread(connection.close)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How much DuckDB may use, and how much may wait."""

    memory_limit_mb: int = 256
    threads: int = 2
    readers: int = 2
    write_queue_max: int = 1000


def _connect(path: Path, settings: StoreSettings) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {
        "memory_limit": f"{settings.memory_limit_mb}MB",
        "threads": settings.threads,
        "temp_directory": str(path.parent / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        connection = duckdb.connect(path, config=config)
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection)
    except (duckdb.IOException, OSError) as error:
        raise Unavailable(f"{path} cannot be opened: {_first_line(error)}") from error
    path.chmod(0o600)
    return connection


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


class DuckStore:
    """`MemoryStore` on DuckDB."""

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, writer: Writer, readers: ThreadPoolExecutor
    ) -> None:
        self._path = path
        self._connection = connection
        self._writer = writer
        self._readers = readers
        self._tracer = trace.get_tracer("segue.memory")

    async def _read(self, name: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            with self._connection.cursor() as cursor:
                return cursor.execute(sql, parameters).fetchall()

        with self._tracer.start_as_current_span(f"store.{name}"):
            return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        def read() -> dict[int, Inserted]:
            with self._connection.cursor() as cursor:
                return _existing(cursor, rows)

        return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        with self._tracer.start_as_current_span("store.insert", attributes={"segue.memories": len(rows)}):
            return await self._writer.run(lambda connection: _insert(connection, rows, model))

    async def fetch(self, sequences: Sequence[int]) -> dict[int, Memory]:
        if not sequences:
            return {}
        marks = ", ".join("?" * len(sequences))  # a list as one parameter scans; single ones use the index
        sql = f"SELECT {_columns} FROM memories WHERE sequence IN ({marks})"  # noqa: S608  # marks only
        return {row[0]: _memory(row) for row in await self._read("fetch", sql, *sequences)}

    async def find(self, user: str, id: str) -> int | None:
        sql = "SELECT sequence FROM memories WHERE id = ? AND user_id = ?"
        rows = await self._read("find", sql, id, user)
        return rows[0][0] if rows else None

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        sql = """
            SELECT sequence FROM memories
            WHERE user_id = ? AND (len(?::TEXT[]) = 0 OR list_contains(?::TEXT[], id))
              AND (? = '' OR project = ?) AND (?::TIMESTAMPTZ IS NULL OR timestamp < ?::TIMESTAMPTZ)
            ORDER BY sequence
        """
        ids, project, before = list(chosen.ids), chosen.project, chosen.before
        return [row[0] for row in await self._read("choose", sql, user, ids, ids, project, project, before, before)]

    async def delete(self, sequences: Sequence[int]) -> None:
        await self._writer.run(lambda connection: _delete(connection, sequences))

    async def unembedded(self, model: str, most: int) -> list[int]:
        sql = """
            SELECT m.sequence FROM memories m ANTI JOIN (FROM embeddings WHERE model = ?) e USING (sequence)
            ORDER BY m.sequence LIMIT ?
        """
        return [row[0] for row in await self._read("unembedded", sql, model, most)]

    async def embed(self, embedded: Sequence[Embedded], model: str) -> None:
        rows = [
            (each.sequence, model, each.content_vector.tobytes(), each.context_vector.tobytes()) for each in embedded
        ]
        await self._writer.run(lambda connection: _replace_embeddings(connection, rows))

    async def load(self, model: str) -> AsyncIterator[Loaded]:
        portion = 20_000
        after = -1
        while True:
            columns = await asyncio.to_thread(self._portion, model, after, portion)
            if not len(columns.sequence):
                return
            yield columns
            after = int(columns.sequence[-1])

    def _portion(self, model: str, after: int, limit: int) -> Loaded:
        sql = """
            SELECT m.sequence, user_id, project, session_id, role, epoch(timestamp) AS timestamp_s, m.content,
                   coalesce(e.content, ''::BLOB) AS content_vector, coalesce(e.context, ''::BLOB) AS context_vector
            FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ?
            WHERE m.sequence > ? ORDER BY m.sequence LIMIT ?
        """
        with self._connection.cursor() as cursor:
            columns: dict[str, Any] = cursor.execute(sql, [model, after, limit]).fetchnumpy()
        return Loaded(user=columns.pop("user_id"), **columns)

    async def stats(self, user: str, project: str, model: str) -> Stats:
        sql = """
            SELECT count(*) FILTER (kind = 'conversation'), count(*) FILTER (kind = 'reflection'),
                   count(DISTINCT project), count(e.sequence), min(timestamp), max(timestamp)
            FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ?
            WHERE user_id = ? AND (? = '' OR project = ?)
        """
        row = (await self._read("stats", sql, model, user, project, project))[0]
        return Stats(row[0], row[1], row[2], row[3], self._size(), _utc(row[4]), _utc(row[5]))

    def _size(self) -> int:
        beside = (self._path, self._path.with_name(f"{self._path.name}.wal"))
        return sum(path.stat().st_size for path in beside if path.exists())


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC) if time else None


def _memory(row: tuple[Any, ...]) -> Memory:
    _, name, content, kind, project, timestamp, session_id, role, tags, metadata = row
    when = timestamp.astimezone(UTC)
    return Memory(content, Kind(kind), project, when, session_id, role, tuple(tags), json.loads(metadata), name)


def _existing(connection: duckdb.DuckDBPyConnection, rows: Sequence[NewRow]) -> dict[int, Inserted]:
    """By place in `rows`; AlreadyExists where an id belongs to another user's memory."""
    prints = [str(row.memory.fingerprint(row.user)) for row in rows]
    known = [
        *_known(connection, "id", [row.memory.id for row in rows]),
        *_known(connection, "fingerprint", prints),
    ]
    by_id, by_print = {row[1]: row for row in known}, {row[2]: row for row in known}
    existing = {}
    for place, row in enumerate(rows):
        found = by_id.get(row.memory.id) or by_print.get(prints[place])
        if found and found[4] != row.user:
            raise AlreadyExists("That id is taken.", "Leave the id out and one is made.")
        if found:
            existing[place] = Inserted(found[0], found[1], found[3].astimezone(UTC), duplicate=True, embedded=found[5])
    return existing


def _known(connection: duckdb.DuckDBPyConnection, column: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
    marks = ", ".join("?" * len(values))  # single parameters use the column's index, a list would scan
    sql = f"""
        SELECT m.sequence, m.id, fingerprint::TEXT, stored_at, user_id,
               EXISTS (FROM embeddings e WHERE e.sequence = m.sequence)
        FROM memories m WHERE {column} IN ({marks})
    """  # noqa: S608  # our own names
    return connection.execute(sql, values).fetchall()


def _insert(connection: duckdb.DuckDBPyConnection, rows: Sequence[NewRow], model: str) -> list[Inserted]:
    stored_at = datetime.now(UTC)
    outcomes = _existing(connection, rows)
    first: dict[tuple[str, object], int] = {}  # twice in one call is stored once, too
    fresh: list[int] = []
    for place, row in enumerate(rows):
        if place in outcomes:
            continue
        names = [("id", row.memory.id), ("fingerprint", row.memory.fingerprint(row.user))]
        twin = next((first[name] for name in names if name in first), None)
        if twin is None:
            fresh.append(place)
            first.update(dict.fromkeys(names, place))  # two entries
        else:
            outcomes[place] = Inserted(-1, rows[twin].memory.id, stored_at, duplicate=True, embedded=False)
    for place, sequence in zip(fresh, _sequences(connection, len(fresh)), strict=True):
        embedded = rows[place].content_vector is not None
        outcomes[place] = Inserted(sequence, rows[place].memory.id, stored_at, duplicate=False, embedded=embedded)
    _insert_rows(connection, [(outcomes[place], rows[place]) for place in fresh], model)
    return [outcomes[place] for place in range(len(rows))]


def _sequences(connection: duckdb.DuckDBPyConnection, count: int) -> list[int]:
    rows = connection.execute("SELECT nextval('memory_sequence') FROM range(?)", [count]).fetchall()
    return sorted(row[0] for row in rows)


def _insert_rows(connection: duckdb.DuckDBPyConnection, fresh: Sequence[tuple[Inserted, NewRow]], model: str) -> None:
    if not fresh:
        return
    memories = [_row(inserted, row) for inserted, row in fresh]
    _insert_columns(connection, "memories", memories, _memory_types)
    embeddings = [
        (inserted.sequence, model, row.content_vector.tobytes(), row.context_vector.tobytes())
        for inserted, row in fresh
        if row.content_vector is not None and row.context_vector is not None
    ]
    _insert_columns(connection, "embeddings", embeddings, ("BIGINT", "TEXT", "BLOB", "BLOB"))


def _replace_embeddings(connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Only of memories that still exist: one may have been deleted meanwhile."""
    sequences = [row[0] for row in rows]
    sql = "SELECT sequence FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    alive = {row[0] for row in connection.execute(sql, [sequences]).fetchall()}
    kept = [row for row in rows if row[0] in alive]
    for row in kept:
        connection.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", row)


_memory_types = (
    *("BIGINT", "TEXT", "UUID", "TEXT", "TEXT", "TEXT", "TEXT", "TIMESTAMPTZ", "TIMESTAMPTZ"),
    *("TEXT", "TEXT", "TEXT[]", "TEXT"),
)


def _row(inserted: Inserted, row: NewRow) -> tuple[Any, ...]:
    memory = row.memory
    return (
        *(inserted.sequence, memory.id, str(memory.fingerprint(row.user)), row.user, memory.project),
        *(str(memory.kind), memory.content, memory.timestamp, inserted.stored_at, memory.session_id),
        *(memory.role, list(memory.tags), json.dumps(dict(memory.metadata))),
    )


def _insert_columns(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]], types: Sequence[str]
) -> None:
    """Inserts few rows one by one and many as columns, whichever is faster (the crossing is near four rows)."""
    if len(rows) <= 4:
        marks = ", ".join("?" * len(types))
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608  # our own names
        return
    columns = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    connection.execute(f"INSERT INTO {table} SELECT {columns}", [list(column) for column in zip(*rows, strict=True)])


def _delete(connection: duckdb.DuckDBPyConnection, sequences: Sequence[int]) -> None:
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [list(sequences)])  # noqa: S608
