"""The log of events in one SQLite file: every event once, on disk before it is settled at its service.

A sink has a place in it. The log is trimmed behind the last sink, and bounded: what a sink missed by that is counted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from services.integration.storage.schema import migrate
from services.kit.errors import OverQuota, RateLimited, Unavailable
from services.kit.events.outbox import OutgoingEvent, stored_event
from services.kit.observability import telemetry

Result = TypeVar("Result")
busy_timeout_s = 5.0
waiting_max = 1000
replayed_max = 10_000
"""How many delivered events stay, for streams that continue where they ended."""
dead_letters_max = 1000
intakes_max = 100
"""Of each user."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a sink does not have yet: the next events with their numbers, and how many it missed before them."""

    events: Sequence[tuple[int, OutgoingEvent]]
    missed: int
    is_retry: bool = False
    """Whether it is one dead letter that is sent once more."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a sink stands: events that wait, events it missed, and events that it refused."""

    waiting: int
    missed: int
    dead: int


@dataclass(frozen=True, slots=True)
class Intake:
    """Who may report on which project, and the secret that proves it."""

    id: str
    user: str
    provider: str
    project: str
    secret: str
    created_at: datetime


@asynccontextmanager
async def open_log(path: Path, events_max: int) -> AsyncIterator[EventLog]:
    """The log in the file at `path`, created if missing; Unavailable if it cannot be opened."""
    with ThreadPoolExecutor(1, "event-log") as thread:
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(thread, _connect, path)
        try:
            yield EventLog(connection, thread, events_max)
        finally:
            await loop.run_in_executor(thread, connection.close)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second service would send everything twice
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = 1")
        connection.execute("PRAGMA checkpoint_fullfsync = 1")
        migrate(connection)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} cannot be opened: {error}.", "Is another integration service using it?") from error
    return connection


class EventLog:
    """One connection, used by one thread. `added` is set, and replaced, when events come."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, events_max: int) -> None:
        self._connection = connection
        self._thread = thread
        self._events_max = events_max
        self._waiting = 0
        self.added = asyncio.Event()

    async def run(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """The job's result; it is one transaction. RateLimited, Unavailable."""
        if self._waiting >= waiting_max:
            raise RateLimited("Too many calls wait for the log of events.", "Try again later.")
        self._waiting += 1
        try:
            with telemetry.query("sqlite", "TRANSACTION"):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, job)
        except sqlite3.OperationalError as error:
            raise Unavailable(
                "The log of events cannot be used: is the disk full or read-only?", "Fix that."
            ) from error
        finally:
            self._waiting -= 1

    def _transact(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(self._connection)
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.rollback()
        return result

    async def wait(self, added: asyncio.Event, seconds: float) -> None:
        """Until `added`, which was read before the log was, is set; so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await added.wait()

    async def add(self, events: Sequence[OutgoingEvent]) -> int:
        """Adds those that are not there yet, and returns how many those are."""

        def add(connection: sqlite3.Connection) -> int:
            sql = "INSERT OR IGNORE INTO events (id, user, body) VALUES (?, ?, ?)"
            fresh = sum(connection.execute(sql, (each.id, each.user, each.text())).rowcount for each in events)
            if fresh:
                self._trim(connection)
            return fresh

        fresh = await self.run(add)
        if fresh:
            self.announce()
        return fresh

    def announce(self) -> None:
        """Says that there may be something to send."""
        added, self.added = self.added, asyncio.Event()
        added.set()

    def _trim(self, connection: sqlite3.Connection) -> None:
        (last,) = connection.execute("SELECT max(number) FROM events").fetchone()
        bound = last - self._events_max
        missed = "(SELECT count(*) FROM events WHERE events.number > sinks.number AND events.number <= ?1)"
        sql = f"UPDATE sinks SET dropped = dropped + {missed}, number = ?1 WHERE number < ?1"  # noqa: S608
        connection.execute(sql, (bound,))
        (reached,) = connection.execute("SELECT coalesce(min(number), ?) FROM sinks", (last,)).fetchone()
        gone = max(bound, min(reached, last - min(replayed_max, self._events_max)))
        connection.execute("DELETE FROM events WHERE number <= ?", (gone,))

    async def register_sinks(self, names: Sequence[str]) -> None:
        """A new sink gets what comes from now on; one that is no longer set is forgotten."""

        def register(connection: sqlite3.Connection) -> None:
            known = {name for (name,) in connection.execute("SELECT name FROM sinks").fetchall()}
            for name in known - set(names):
                for table, column in (("sinks", "name"), ("dead_letters", "sink")):
                    connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))  # noqa: S608
            last = "(SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events')"
            for name in set(names) - known:
                connection.execute(f"INSERT INTO sinks VALUES (?, {last}, 0)", (name,))  # noqa: S608

        await self.run(register)

    async def next(self, sink: str, most: int) -> Waiting:
        """What the sink gets next."""

        def read(connection: sqlite3.Connection) -> Waiting:
            again = "SELECT body FROM dead_letters WHERE sink = ? AND again ORDER BY rowid LIMIT 1"
            if row := connection.execute(again, (sink,)).fetchone():
                return Waiting([(0, stored_event(row[0]))], 0, is_retry=True)
            number, missed = connection.execute("SELECT number, dropped FROM sinks WHERE name = ?", (sink,)).fetchone()
            sql = "SELECT number, body FROM events WHERE number > ? ORDER BY number LIMIT ?"
            rows = connection.execute(sql, (number, most)).fetchall()
            return Waiting([(place, stored_event(body)) for place, body in rows], missed)

        return await self.run(read)

    async def settle(self, sink: str, number: int, missed: int = 0) -> None:
        """The sink has everything up to this number, and was told of so many that it missed."""
        sql = "UPDATE sinks SET number = max(number, ?), dropped = max(0, dropped - ?) WHERE name = ?"
        await self.run(lambda connection: connection.execute(sql, (number, missed, sink)))

    async def bury(self, sink: str, number: int, event: OutgoingEvent, reason: str) -> None:
        """The sink does not get this event: it becomes a dead letter."""

        def bury(connection: sqlite3.Connection) -> None:
            row = (sink, event.id, datetime.now(UTC).isoformat(), reason, event.text())
            columns = "sink, id, buried_at, reason, body"
            connection.execute(f"INSERT OR REPLACE INTO dead_letters ({columns}) VALUES (?, ?, ?, ?, ?)", row)  # noqa: S608
            sql = """DELETE FROM dead_letters WHERE sink = ?1 AND rowid <= (
                         SELECT rowid FROM dead_letters WHERE sink = ?1 ORDER BY rowid DESC LIMIT 1 OFFSET ?2)"""
            connection.execute(sql, (sink, dead_letters_max))
            connection.execute("UPDATE sinks SET number = max(number, ?) WHERE name = ?", (number, sink))

        await self.run(bury)

    async def unbury(self, sink: str, id: str) -> None:
        """The sink has taken a dead letter."""
        sql = "DELETE FROM dead_letters WHERE sink = ? AND id = ?"
        await self.run(lambda connection: connection.execute(sql, (sink, id)))

    async def backlogs(self) -> dict[str, Backlog]:
        """How each sink stands."""
        sql = """SELECT name, (SELECT count(*) FROM events WHERE events.number > sinks.number), dropped,
                     (SELECT count(*) FROM dead_letters WHERE sink = name) FROM sinks"""
        rows = await self.run(lambda connection: connection.execute(sql).fetchall())
        return {name: Backlog(*counts) for name, *counts in rows}

    async def events_of(self, user: str, after: int, most: int) -> tuple[list[tuple[int, OutgoingEvent]], int]:
        """The user's events, and nobody's, after a number (-1: none of those that are there); and the place reached."""

        def read(connection: sqlite3.Connection) -> tuple[list[tuple[int, str]], int]:
            sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
            (last,) = connection.execute(sql).fetchone()
            if after < 0 or after > last:  # of another log
                return [], last
            sql = "SELECT number, body FROM events WHERE user IN (?, '') AND number > ? ORDER BY number LIMIT ?"
            rows = connection.execute(sql, (user, after, most)).fetchall()
            return rows, rows[-1][0] if len(rows) == most else last

        rows, reached = await self.run(read)
        return [(number, stored_event(body)) for number, body in rows], reached

    async def add_intake(self, intake: Intake) -> None:
        """OverQuota if the user has too many."""

        def add(connection: sqlite3.Connection) -> None:
            (count,) = connection.execute("SELECT count(*) FROM intakes WHERE user = ?", (intake.user,)).fetchone()
            if count >= intakes_max:
                raise OverQuota(f"You have {intakes_max} intakes already.", "Revoke one first.")
            values = (intake.id, intake.user, intake.provider, intake.project, intake.secret)
            connection.execute(
                "INSERT INTO intakes VALUES (?, ?, ?, ?, ?, ?)", (*values, intake.created_at.isoformat())
            )

        await self.run(add)

    async def intakes(self, *, user: str = "", id: str = "") -> list[Intake]:
        """A user's, oldest first, or the one with that id."""
        sql = "SELECT * FROM intakes WHERE user = ? OR id = ? ORDER BY created_at, id"
        rows = await self.run(lambda connection: connection.execute(sql, (user, id)).fetchall())
        return [
            Intake(name, whose, provider, project, secret, datetime.fromisoformat(at))
            for name, whose, provider, project, secret, at in rows
        ]

    async def remove_intake(self, user: str, id: str) -> int:
        """How many were removed."""
        sql = "DELETE FROM intakes WHERE user = ? AND id = ?"
        return await self.run(lambda connection: connection.execute(sql, (user, id)).rowcount)
