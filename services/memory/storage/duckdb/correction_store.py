"""Corrections of memories in DuckDB: updates, versions, withdrawals, replacements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb

from services.memory.domain.corrections import Corrections
from services.memory.domain.memories import Version
from services.memory.domain.rows import NewRow, Restated
from services.memory.storage.duckdb import corrections
from services.memory.storage.duckdb.access import DatabaseAccess


class CorrectionStore(DatabaseAccess):
    """The corrections of a `MemoryStore`."""

    async def update(self, earlier: int, row: NewRow, at: datetime, model: str) -> Restated:
        def update(connection: duckdb.DuckDBPyConnection) -> Restated:
            done = corrections.update(connection, self._rows, earlier, row, at, model)
            self._compaction.touch([done.sequence])
            return done

        done = await self._write("update", update)
        self._usage.forget()
        return done

    async def withdraw(self, sequence: int, at: datetime | None) -> None:
        def withdraw(connection: duckdb.DuckDBPyConnection) -> None:
            self._compaction.touch([sequence])
            corrections.withdraw(connection, sequence, at)

        await self._write("withdraw", withdraw)

    async def set_replaced(self, sequence: int, id: str, at: datetime | None) -> None:
        def set_replaced(connection: duckdb.DuckDBPyConnection) -> None:
            self._compaction.touch([sequence])
            corrections.set_replaced(connection, sequence, id, at)

        await self._write("set_replaced", set_replaced)

    async def corrections(self) -> Corrections:
        def read(cursor: duckdb.DuckDBPyConnection) -> Corrections:
            return Corrections(corrections.replacements(cursor), corrections.withdrawals(cursor))

        return await self._reading("corrections", read)

    async def sequences_of(self, keys: Sequence[str]) -> dict[str, int]:
        return await self._reading("sequences", lambda cursor: corrections.sequences_of(cursor, keys))

    async def versions(self, user: str, ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
        return await self._reading("versions", lambda cursor: corrections.versions(cursor, self._rows, user, ids))
