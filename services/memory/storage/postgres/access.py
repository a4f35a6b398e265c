"""What every group of statements uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from services.memory.domain.memories import Memory
from services.memory.storage.memory_rows import memory_of, readable_memory
from services.memory.storage.postgres.server.database import Database
from services.memory.storage.postgres.server.transaction import Statements, Transaction
from services.memory.storage.row_codec import Rows

Result = TypeVar("Result")


class PostgresAccess:
    """Reads and writes of one database."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows

    async def _select(self, name: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self._database.read(name, lambda statements: statements.rows(sql, *parameters))

    async def _memories(self, name: str, sql: str, *parameters: Any) -> dict[int, Memory]:
        """Memories by sequence; the statement selects `COLUMNS`. Raises if one of them cannot be read."""
        return {row[0]: memory_of(row, self._rows) for row in await self._select(name, sql, *parameters)}

    async def _readable(self, name: str, sql: str, *parameters: Any) -> dict[int, Memory | None]:
        """Memories by sequence, None for those that cannot be read."""
        return {row[0]: readable_memory(row, self._rows) for row in await self._select(name, sql, *parameters)}

    async def _read(self, name: str, work: Callable[[Statements], Awaitable[Result]]) -> Result:
        return await self._database.read(name, work)

    async def _write(self, name: str, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        return await self._database.write(name, work)
