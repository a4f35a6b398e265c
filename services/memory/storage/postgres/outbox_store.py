"""The outboxes of a PostgreSQL store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.events.outbox import Outbox, Taken
from services.memory.storage.postgres.access import PostgresAccess
from services.memory.storage.postgres.server.database import Database
from services.memory.storage.postgres.server.outgoing import PARTS, settle_events, take_events


class OutboxStore(PostgresAccess):
    """What a `MemoryStore` tells others."""

    @property
    def outboxes(self) -> Sequence[Outbox]:
        """One for each part."""
        return [PartOutbox(self._database, part) for part in range(PARTS)]


@dataclass(frozen=True, slots=True)
class PartOutbox:
    """`Outbox` of one part."""

    database: Database
    part: int

    async def take(self, most: int) -> Taken:
        """See Outbox."""
        return await self.database.read("take events", lambda statements: take_events(statements, self.part, most))

    async def settle(self, number: int) -> None:
        """See Outbox."""
        await self.database.write("settle events", lambda transaction: settle_events(transaction, self.part, number))
