"""The outbox of a DuckDB store: what changes of memories tell other programs, in the transaction of the change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from services.kit.events import duckdb_outbox
from services.kit.events.outbox import Outbox, OutgoingEvent, Taken, outgoing
from services.memory.domain.deletion_log import Reason, Undone
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import Inserted, NewRow
from services.memory.storage.duckdb.access import DatabaseAccess

Connection = duckdb.DuckDBPyConnection
_reasons_said = (str(Reason.USER), str(Reason.RETENTION))
"""Deletions for other reasons take nothing from a user: the same is stored elsewhere, or again."""


class OutboxStore(DatabaseAccess):
    """The outbox of a `MemoryStore`. `events_max` is how many events are kept; none are written if it is 0."""

    events_max = 0

    @property
    def outboxes(self) -> Sequence[Outbox]:
        return (OpenOutbox(self),)

    def _note_stored(self, connection: Connection, rows: Sequence[NewRow], outcomes: Sequence[Inserted]) -> None:
        if not self.events_max:
            return
        fresh = defaultdict[str, list[Memory]](list)
        for row, outcome in zip(rows, outcomes, strict=True):
            if not outcome.duplicate and not outcome.was_deleted:
                fresh[row.user].append(row.memory)
        now = datetime.now(UTC)
        events = [_stored_event(user, memories, now) for user, memories in fresh.items()]
        duckdb_outbox.write(connection, events, self.events_max)

    def _note_deleted(self, connection: Connection, last: int) -> None:
        """What the log of deletions has after the entry `last`."""
        if not self.events_max:
            return
        sql = "SELECT user_id, removed_at, ids, count, reason FROM removals WHERE number > ? ORDER BY number"
        events = [
            outgoing("memory.deleted", user, at.astimezone(UTC), {"ids": ids, "count": count, "reason": reason})
            for user, at, ids, count, reason in connection.execute(sql, [last]).fetchall()
            if reason in _reasons_said
        ]
        duckdb_outbox.write(connection, events, self.events_max)

    def _note_undeleted(self, connection: Connection, user: str, done: Undone) -> None:
        if self.events_max and done.restored:
            ids = sorted(done.restored)
            event = outgoing("memory.undeleted", user, datetime.now(UTC), {"ids": ids, "count": len(ids)})
            duckdb_outbox.write(connection, [event], self.events_max)

    async def take_events(self, most: int) -> Taken:
        """See Outbox."""
        return await self._reading("take events", lambda cursor: duckdb_outbox.take(cursor, most))

    async def settle_events(self, number: int) -> None:
        """See Outbox."""
        await self._write("settle events", lambda it: duckdb_outbox.settle(it, number), keeps_rows=True)


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


def _stored_event(user: str, memories: Sequence[Memory], now: datetime) -> OutgoingEvent:
    reflections = sum(memory.kind is Kind.REFLECTION for memory in memories)
    counts = {"count": len(memories), "conversations": len(memories) - reflections, "reflections": reflections}
    return outgoing("memory.stored", user, now, {"ids": [memory.id for memory in memories], **counts})
