"""The outbox of a DuckDB store: what changes of memories tell other programs, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from services.kit.events import duckdb_outbox
from services.kit.events.outbox import Outbox, Taken
from services.memory.domain.deletion_log import Undone
from services.memory.domain.rows import Inserted, NewRow
from services.memory.storage.duckdb.access import DatabaseAccess
from services.memory.storage.duckdb.kept_rows.rewrites import no_row
from services.memory.storage.memory_events import deleted_events, stored_events, undeleted_events

Connection = duckdb.DuckDBPyConnection


class OutboxStore(DatabaseAccess):
    """The outbox of a `MemoryStore`. `events_max` is how many events are kept; none are written if it is 0."""

    events_max = 0

    @property
    def outboxes(self) -> Sequence[Outbox]:
        return (OpenOutbox(self),)

    def _note_stored(self, connection: Connection, rows: Sequence[NewRow], outcomes: Sequence[Inserted]) -> None:
        if self.events_max:
            duckdb_outbox.write(connection, stored_events(rows, outcomes), self.events_max)

    def _note_deleted(self, connection: Connection, last: int) -> None:
        """What the log of deletions has after the entry `last`."""
        if not self.events_max:
            return
        sql = "SELECT user_id, removed_at, ids, count, reason FROM removals WHERE number > ? ORDER BY number"
        entries = connection.execute(sql, [last]).fetchall()
        events = [event for entry in entries for event in deleted_events(*entry)]
        duckdb_outbox.write(connection, events, self.events_max)

    def _note_undeleted(self, connection: Connection, user: str, done: Undone) -> None:
        if self.events_max:
            duckdb_outbox.write(connection, undeleted_events(user, done), self.events_max)

    async def take_events(self, most: int) -> Taken:
        """See Outbox."""
        return await self._reading("take events", lambda cursor: duckdb_outbox.take(cursor, most))

    async def settle_events(self, number: int) -> None:
        """See Outbox."""
        await self._write("settle events", lambda it: duckdb_outbox.settle(it, number), rewritten=no_row)


@dataclass(frozen=True, slots=True)
class OpenOutbox:
    """`Outbox` of an open store."""

    store: OutboxStore

    async def take(self, most: int) -> Taken:
        """See Outbox."""
        return await self.store.take_events(most)

    async def settle(self, number: int) -> None:
        """See Outbox."""
        await self.store.settle_events(number)
