"""Reads and writes of one DuckDB database: a pool of reading threads, and the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb

from services.kit.errors import Unavailable
from services.kit.observability import telemetry
from services.memory.domain.memories import Memory
from services.memory.storage.database_file.compactor import Compaction
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.kept_rows.rewrites import RewrittenBy, any_row
from services.memory.storage.duckdb.usage_counts import UsageCounts
from services.memory.storage.duckdb.writer import Writer
from services.memory.storage.memory_rows import memory_of, readable_memory
from services.memory.storage.row_codec import Rows

Connection = duckdb.DuckDBPyConnection
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Access:
    """The means to read and write the database."""

    connections: Connections
    writer: Writer
    readers: ThreadPoolExecutor
    rows: Rows


class DatabaseAccess:
    """What every group of statements uses."""

    def __init__(self, access: Access, compaction: Compaction) -> None:
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

    async def _write(
        self, name: str, job: Callable[[Connection], Result], *, rewritten: RewrittenBy = any_row
    ) -> Result:
        with telemetry.query("duckdb", name, "memories"):
            return await self._writer.run(job, rewritten=rewritten)
