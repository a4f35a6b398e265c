"""Corrections of memories in PostgreSQL: updates, versions, withdrawals, replacements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.memory.domain.corrections import Corrections
from services.memory.domain.memories import Version
from services.memory.domain.rows import NewRow, Restated
from services.memory.storage.postgres import corrections
from services.memory.storage.postgres.access import PostgresAccess
from services.memory.storage.postgres.server.transaction import Statements


class CorrectionStore(PostgresAccess):
    """The corrections of a `MemoryStore`."""

    async def update(self, earlier: int, row: NewRow, at: datetime, model: str) -> Restated:
        return await self._write(
            "update", lambda transaction: corrections.update(transaction, self._rows, earlier, row, at, model)
        )

    async def withdraw(self, sequence: int, at: datetime | None) -> None:
        await self._write("withdraw", lambda transaction: corrections.withdraw(transaction, sequence, at))

    async def set_replaced(self, sequence: int, id: str, at: datetime | None) -> None:
        await self._write("set_replaced", lambda transaction: corrections.set_replaced(transaction, sequence, id, at))

    async def corrections(self) -> Corrections:
        async def read(statements: Statements) -> Corrections:
            return Corrections(await corrections.replacements(statements), await corrections.withdrawals(statements))

        return await self._read("corrections", read)

    async def sequences_of(self, keys: Sequence[str]) -> dict[str, int]:
        return await self._read("sequences", lambda statements: corrections.sequences_of(statements, keys))

    async def versions(self, user: str, ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
        return await self._read("versions", lambda statements: corrections.versions(statements, self._rows, user, ids))
