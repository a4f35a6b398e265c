"""The outbox in SQLite: events for other programs, written by the commit that they tell of."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.kit.events.outbox import OutgoingEvent, Taken, outgoing, stored_event, trimmed_every
from services.session.operations.events import Event
from services.session.store.body_codec import Bodies


def outgoing_event(event: Event) -> OutgoingEvent:
    """The event as others get it, under the same id."""
    return outgoing(event.name, event.user, event.at, {**event.data, "session_id": event.session_id}, event.id)


@dataclass(frozen=True, slots=True)
class SqliteOutbox:
    """Statements for the store's connection. About `events_max` events are kept; none are written if that is 0."""

    bodies: Bodies
    events_max: int

    def write(self, connection: sqlite3.Connection, events: Sequence[Event]) -> None:
        """Adds them, in the transaction that the connection is in."""
        if not self.events_max:
            return
        for event in events:
            (number,) = connection.execute("INSERT INTO outgoing (body) VALUES ('') RETURNING number").fetchone()
            body = self.bodies.body(("outgoing", number), outgoing_event(event).text())
            connection.execute("UPDATE outgoing SET body = ? WHERE number = ?", (body, number))
            if number % trimmed_every == 0:
                connection.execute("DELETE FROM outgoing WHERE number <= ?", (number - self.events_max,))

    def take(self, connection: sqlite3.Connection, most: int) -> Taken:
        """See Outbox."""
        (settled,) = connection.execute("SELECT number FROM outgoing_settled").fetchone()
        sql = "SELECT number, body FROM outgoing WHERE number > ? ORDER BY number LIMIT ?"
        rows = connection.execute(sql, (settled, most)).fetchall()
        events = [(number, stored_event(self.bodies.read(("outgoing", number), body))) for number, body in rows]
        return Taken(events, rows[0][0] - settled - 1 if rows else 0)

    def settle(self, connection: sqlite3.Connection, number: int) -> None:
        """See Outbox."""
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM outgoing WHERE number <= ?", (number,))
        last = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outgoing'), 0)"
        connection.execute(f"UPDATE outgoing_settled SET number = max(number, min(?, {last}))", (number,))  # noqa: S608
        connection.execute("COMMIT")


class Run(Protocol):
    """Runs a job on the store's connection, in its thread."""

    def __call__(self, name: str, job: Callable[[sqlite3.Connection], Any]) -> Awaitable[Any]:
        """The job's result."""
        ...


@dataclass(frozen=True, slots=True)
class OpenOutbox:
    """`Outbox` of an open store."""

    statements: SqliteOutbox
    run: Run

    async def take(self, most: int) -> Taken:
        taken: Taken = await self.run("SELECT", lambda connection: self.statements.take(connection, most))
        return taken

    async def settle(self, number: int) -> None:
        await self.run("DELETE", lambda connection: self.statements.settle(connection, number))
