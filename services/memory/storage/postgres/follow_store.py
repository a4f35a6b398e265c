"""Users' memories followed by version in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np

from services.memory.domain.followed_store import Change, SessionRow, UserCorrections, UserVersions
from services.memory.domain.rows import Loaded, Sequences
from services.memory.domain.store import Inventory
from services.memory.storage.postgres import bulk_reads, user_rows
from services.memory.storage.postgres.access import PostgresAccess
from services.memory.storage.postgres.changes import changes_since, version_of
from services.memory.storage.postgres.server.transaction import Statements


class FollowStore(PostgresAccess):
    """What `FollowedStore` has besides a `MemoryStore`."""

    identity: str

    async def version(self, user: str) -> int:
        """The user's version, which every change raises."""
        return await self._read("version", lambda statements: version_of(statements, user))

    async def user_versions(self, user: str) -> UserVersions:
        return await self._read("version", lambda statements: user_rows.user_versions(statements, self.identity, user))

    async def changes(self, user: str, since: int) -> list[Change] | None:
        async def read(statements: Statements) -> list[Change] | None:
            return await changes_since(statements, user, since)

        return await self._read("changes", read)

    async def inventory_of(self, model: str, user: str, only: Sequence[int] | None = None) -> Inventory:
        return inventory_from(
            await self._read("inventory", lambda statements: user_rows.inventory(statements, model, user, only))
        )

    async def load_of(self, user: str, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        for begin in range(0, len(sequences), bulk_reads.portion):
            yield await self._user_portion(user, model, sequences[begin : begin + bulk_reads.portion], text)

    async def _user_portion(self, user: str, model: str, sequences: Sequences, text: bool) -> Loaded:
        return await self._read(
            "load",
            lambda statements: bulk_reads.load_user_portion(statements, self._rows, model, user, sequences, text=text),
        )

    async def session_rows(self, user: str, only: Sequence[int] | None = None) -> list[SessionRow]:
        return await self._read(
            "sessions", lambda statements: user_rows.session_rows(statements, self._rows, user, only)
        )

    async def corrections_of(self, user: str) -> UserCorrections:
        return await self._read("corrections", lambda statements: user_rows.user_corrections(statements, user))

    async def removal_versions(self) -> dict[str, int]:
        return await self._read("removals", user_rows.removal_versions)

    async def owners(self, sequences: Sequence[int]) -> dict[int, str]:
        return await self._read("owners", lambda statements: user_rows.owners(statements, sequences))


def inventory_from(rows: tuple[Any, ...]) -> Inventory:
    """The inventory of its columns."""
    sequences, embedded, shared, said_s = rows
    return Inventory(
        np.array(sequences, np.int64),
        np.array(embedded, np.bool_),
        np.array(shared, np.bool_),
        np.array(said_s, np.float64),
    )
