"""The source of truth: memories and their embeddings in DuckDB. Everything else is derived from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from services.kit.encryption.vault import Vault
from services.kit.errors import Unavailable
from services.kit.observability import telemetry
from services.memory.domain.deletion_log import Reason, Removal, Removing
from services.memory.domain.memories import Chosen, Kind, Memory, Stats, Tally, id_key
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.retention_policy import Due, Rule, Standing
from services.memory.domain.rows import Embedded, Inserted, Loaded, NewRow, Restated, Sequences
from services.memory.domain.store import Inventory
from services.memory.storage.database_file.compaction_steps import last_removal
from services.memory.storage.database_file.compactor import Compaction
from services.memory.storage.database_file.migration import earlier_databases
from services.memory.storage.database_file.opening import open_database, start_database
from services.memory.storage.duckdb import deletes, restatements, writes
from services.memory.storage.duckdb.bulk_reads import load_portion, portion
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.memory_rows import COLUMNS, memory_of, readable_memory
from services.memory.storage.duckdb.usage_counts import UsageCounts
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.duckdb.writes import placeholders
from services.memory.storage.row_codec import LinkTexts, Rows, rows_of

Connection = duckdb.DuckDBPyConnection
Result = TypeVar("Result")
_own = "'' AS author"
_row_order = "timestamp, sequence"
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
                yield DuckStore(path, opened.trouble, Access(connections, writer, readers, rows), compaction)
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


def _config(path: Path, settings: StoreSettings) -> dict[str, Any]:
    return {
        "memory_limit": f"{settings.memory_limit_mb}MB",
        "threads": settings.threads,
        "temp_directory": str(path.parent / SPILL),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


@dataclass(frozen=True, slots=True)
class Access:
    """The means to read and write the database."""

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
        self._usage = UsageCounts()

    async def _select(self, name: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self._reading(name, lambda cursor: cursor.execute(sql, parameters).fetchall())

    async def _memories(self, name: str, sql: str, *parameters: Any) -> dict[int, Memory]:
        """Memories by sequence; the statement selects `COLUMNS`. Raises if one of them cannot be read."""

        def read(cursor: Connection) -> dict[int, Memory]:
            return {row[0]: memory_of(row, self._rows) for row in cursor.execute(sql, parameters).fetchall()}

        return await self._reading(name, read)

    async def _readable(self, name: str, sql: str, *parameters: Any) -> dict[int, Memory | None]:
        """Memories by sequence, None for those that cannot be read."""

        def read(cursor: Connection) -> dict[int, Memory | None]:
            return {row[0]: readable_memory(row, self._rows) for row in cursor.execute(sql, parameters).fetchall()}

        return await self._reading(name, read)

    async def _reading(self, name: str, work: Callable[[Connection], Result]) -> Result:
        def read() -> Result:
            with self._connections.cursor() as cursor:
                return work(cursor)

        with telemetry.query("duckdb", name, "memories"):
            try:
                return await asyncio.get_running_loop().run_in_executor(self._readers, read)
            except (duckdb.FatalException, duckdb.InterruptException, Unavailable):
                await self._writer.run(lambda connection: connection.execute("SELECT 1"))  # reopens the database
                return await asyncio.get_running_loop().run_in_executor(self._readers, read)

    async def _write(self, name: str, job: Callable[[Connection], Result]) -> Result:
        with telemetry.query("duckdb", name, "memories"):
            return await self._writer.run(job)

    async def find_existing(self, rows: Sequence[NewRow]) -> dict[int, Inserted]:
        return await self._reading("find_existing", lambda cursor: writes.existing(cursor, self._rows, rows))

    async def insert(self, rows: Sequence[NewRow], model: str) -> list[Inserted]:
        return await self._write("insert", lambda connection: writes.insert(connection, self._rows, rows, model))

    async def restate(self, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
        def restate(connection: Connection) -> dict[int, Restated]:
            done = restatements.restate(connection, self._rows, rows, model)
            self._compaction.touch(each.sequence for each in done.values())
            return done

        done = await self._write("restate", restate)
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
        if not sequences:
            return {}
        marks = placeholders(sequences)
        sql = f"""
            SELECT {COLUMNS}, CASE WHEN user_id = ? THEN '' ELSE user_id END AS author FROM memories
            WHERE sequence IN ({marks}) AND (user_id = ? OR shared)
        """  # noqa: S608  # marks only
        found = await self._readable("seen", sql, user, *sequences, user)
        return {sequence: memory for sequence, memory in found.items() if memory}

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
        found: dict[int, Memory] = {}
        while len(found) < limit:
            rows = await self._readable("page", sql, user, after, limit - len(found))
            if not rows:
                break
            found |= {sequence: memory for sequence, memory in rows.items() if memory}
            after = max(rows)
        return found

    async def copy_to(self, directory: Path) -> list[dict[str, int]]:
        return [await self._compaction.copy_to(directory / self._path.name)]

    async def unerased_count(self) -> int:
        return int((await self._select("unerased", "SELECT count(*) FROM removals WHERE NOT erased"))[0][0])

    async def last_removals(self) -> list[int]:
        return [await self._reading("last_removals", last_removal)]

    async def compact(self, erased_to: Sequence[int] | None = None) -> None:
        await self._compaction.run(None if erased_to is None else erased_to[0])

    def earlier_databases(self) -> list[Path]:
        return earlier_databases(self._path)

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        sql = """
            SELECT sequence FROM memories
            WHERE user_id = ? AND (len(?::TEXT[]) = 0 OR list_contains(?::TEXT[], id))
              AND (? = '' OR project = ?) AND (?::TIMESTAMPTZ IS NULL OR timestamp < ?::TIMESTAMPTZ)
              AND (len(?::TEXT[]) = 0 OR list_contains(?::TEXT[], kind))
            ORDER BY sequence
        """
        ids, project, before = list(chosen.ids), self._rows.name(chosen.project), chosen.before
        kinds = [str(kind) for kind in chosen.kinds]
        asked = (user, ids, ids, project, project, before, before, kinds, kinds)
        return [row[0] for row in await self._select("choose", sql, *asked)]

    async def tally(self, sequences: Sequence[int]) -> list[Tally]:
        sql = """
            SELECT kind, project, count(*), min(timestamp), max(timestamp)
            FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[])) GROUP BY kind, project
        """
        found = [
            Tally(_kind(kind), self._rows.read_name(of), count, oldest.astimezone(UTC), newest.astimezone(UTC))
            for kind, of, count, oldest, newest in await self._select("tally", sql, list(sequences))
        ]
        return sorted(found, key=lambda tally: (tally.kind, tally.project))

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        await self._write("delete", lambda connection: deletes.delete(connection, sequences, by))

    async def delete_due(self, due: Due, by: Removing) -> list[int]:
        return await self._write("delete", lambda connection: deletes.delete_due(connection, due, by))

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        sql = """
            SELECT removed_at, user_id, actor, reason, project, ids, count, erased FROM removals
            WHERE user_id = ? AND (? = '' OR project = ?) ORDER BY number DESC LIMIT ?
        """
        name = self._rows.name(project)
        return [
            Removal(at.astimezone(UTC), owner, actor, Reason(why), self._rows.read_name(of), *rest)
            for at, owner, actor, why, of, *rest in await self._select("removals", sql, user, name, name, limit)
        ]

    async def has_rules(self) -> bool:
        sql = "SELECT 1 FROM retention WHERE days IS NOT NULL OR size_mb IS NOT NULL LIMIT 1"
        return bool(await self._select("rules", sql))

    async def rules(self, user: str) -> list[Rule]:
        sql = "SELECT project, days, size_mb, reflections FROM retention WHERE user_id = ? AND NOT is_reset"
        found = [Rule(self._rows.read_name(of), *rest) for of, *rest in await self._select("rules", sql, user)]
        return sorted(found, key=lambda rule: rule.project)

    async def set_rule(self, user: str, rule: Rule, now: datetime) -> None:
        sealed = replace(rule, project=self._rows.name(rule.project))
        await self._write("set_rule", lambda connection: deletes.set_rule(connection, user, sealed, now))

    async def reset_rule(self, user: str, project: str, now: datetime) -> None:
        name = self._rows.name(project)
        await self._write("reset_rule", lambda connection: deletes.reset_rule(connection, user, name, now))

    async def due(self, default: Standing, now: datetime) -> Due:
        return await self._reading("due", lambda cursor: deletes.due(cursor, default, now))

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        rows = await self._reading("due", lambda cursor: deletes.due_counts(cursor, user, default, now))
        return {self._rows.read_name(of): count for of, count in rows}

    async def newest(self) -> datetime | None:
        return _utc((await self._select("newest", "SELECT max(stored_at) FROM memories"))[0][0])

    async def upkeep(self, name: str) -> str | None:
        rows = await self._select("upkeep", "SELECT value FROM upkeep WHERE name = ?", name)
        return rows[0][0] if rows else None

    async def keep_upkeep(self, name: str, value: str) -> None:
        sql = "INSERT OR REPLACE INTO upkeep VALUES (?, ?)"
        await self._write("upkeep", lambda connection: connection.execute(sql, (name, value)))

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

        await self._write("embed", replace_embeddings)

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
        sql = """
            SELECT count(*) FILTER (kind = 'conversation'), count(*) FILTER (kind = 'reflection'),
                   count(DISTINCT project), count(e.sequence), min(first_said), max(timestamp),
                   count(*) FILTER (shared AND user_id = ?), count(*) FILTER (user_id <> ?),
                   count(*) FILTER (stored_at >= ?), max(stored_at)
            FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ?
            WHERE (user_id = ? OR shared) AND (? = '' OR project = ?)
        """
        name = self._rows.name(project)
        row = (await self._select("stats", sql, user, user, since, model, user, name, name))[0]
        counts = (row[0], row[1], row[2], row[3])
        return Stats(*counts, self._size(), _utc(row[4]), _utc(row[5]), row[6], row[7], row[8], _utc(row[9]))

    async def size(self) -> tuple[int, int]:
        return (await self._select("size", "SELECT count(*) FROM memories"))[0][0], self._size()

    async def usage(self, user: str) -> tuple[int, int]:
        return await self._reading("usage", lambda cursor: self._usage.read(cursor, user))

    async def projects(self, user: str) -> list[str]:
        sql = "SELECT DISTINCT project FROM memories WHERE user_id = ? OR shared"
        return sorted(self._rows.read_name(row[0]) for row in await self._select("projects", sql, user))

    async def links(self, user: str) -> list[Link]:
        sql = """
            SELECT source, target, description, type, created_at FROM project_links WHERE user_id = ?
        """
        rows = await self._select("links", sql, user)
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


def _kind(name: str) -> Kind:
    """The kind; an invalid one counts as a conversation."""
    return Kind(name) if name in set(Kind) else Kind.CONVERSATION
