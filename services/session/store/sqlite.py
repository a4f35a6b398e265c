"""`SessionStore` in one SQLite file, for one process: every commit is on disk before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from services.kit import telemetry
from services.kit.allowance import ProcessAllowance
from services.kit.errors import LimitExceeded, Unavailable
from services.session.events import Event
from services.session.permissions import Audited, Ledger
from services.session.sessions import Answer, Checkpoint, Handoff, Owed, Session
from services.session.store import Change, Listing, Stale, audit_max
from services.session.store.records import (
    ANSWER,
    AUDITED,
    CHECKPOINT,
    EVENT,
    HANDOFF,
    LEDGER,
    OWED,
    SESSION,
)
from services.session.store.schema import migrate
from services.session.store.sqlite_tokens import SqliteTokens

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Record = TypeVar("Record")

busy_timeout_s = 5.0
events_taken_max = 100
audit_trimmed_every = 100
_disk_errors = frozenset(
    {"BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "CORRUPT", "NOTADB", "NOMEM", "PERM", "PROTOCOL"}
)


@asynccontextmanager
async def open_sqlite(path: Path, *, queue_max: int) -> AsyncIterator[SqliteStore]:
    """The database at `path`, made or migrated as needed; Unavailable where it cannot be."""
    with ThreadPoolExecutor(1, "session-store") as thread:
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(thread, _connect, path)
        try:
            yield SqliteStore(path, connection, thread, queue_max)
        finally:
            await loop.run_in_executor(thread, connection.close)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)  # its journal files take the same mode
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} cannot be opened: {error}.", "Is another program using it?") from error
    return connection


class SqliteStore:
    """`SessionStore` and `EventSource` on a connection that lives on a thread of its own."""

    def __init__(self, path: Path, connection: sqlite3.Connection, thread: ThreadPoolExecutor, queue_max: int) -> None:
        self._path = path
        self._connection = connection
        self._thread = thread
        self._queue_max = queue_max
        self._waiting = 0
        self._has_events = asyncio.Event()
        self._has_events.set()  # there may be some from before
        self.tokens = SqliteTokens(self._rows)
        self.allowance = ProcessAllowance()

    @property
    def events(self) -> SqliteStore:
        return self

    async def _run(self, name: str, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """What `job` returned; LimitExceeded when too much is waiting. `name` is the SQL command it amounts to."""
        if self._waiting >= self._queue_max:
            raise LimitExceeded("Too many calls are waiting for the session store.", "Try again later.")
        self._waiting += 1
        try:
            with telemetry.query("sqlite", name):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, job)
        finally:
            self._waiting -= 1

    def _guarded(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return job(self._connection)
        except sqlite3.Error as error:
            raise _as_service_error(error) from error
        finally:
            if self._connection.in_transaction:
                self._connection.rollback()

    async def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        command = sql.split(maxsplit=1)[0]
        return await self._run(command, lambda connection: connection.execute(sql, parameters).fetchall())

    async def _one(self, record: TypeAdapter[Record], sql: str, *parameters: Any) -> Record | None:
        rows = await self._rows(sql, *parameters)
        return record.validate_json(rows[0][0]) if rows else None

    async def _every(self, record: TypeAdapter[Record], sql: str, *parameters: Any) -> list[Record]:
        return [record.validate_json(body) for (body, *_) in await self._rows(sql, *parameters)]

    async def commit(self, change: Change) -> None:
        await self._run("COMMIT", lambda connection: _commit(connection, change))
        if change.events:
            self._has_events.set()

    async def answered(self, user: str, operation_id: str) -> Answer | None:
        return await self._one(
            ANSWER, "SELECT body FROM answers WHERE user = ? AND operation_id = ?", user, operation_id
        )

    async def forget_answers(self, before: datetime) -> None:
        await self._rows("DELETE FROM answers WHERE at < ?", _iso(before))

    async def session(self, id: str) -> Session | None:
        return await self._one(SESSION, "SELECT body FROM sessions WHERE id = ?", id)

    async def active_in(self, user: str, working_directory: str) -> Session | None:
        sql = "SELECT body FROM sessions WHERE user = ? AND working_directory = ? AND state = 'active'"
        return await self._one(SESSION, sql, user, working_directory)

    async def listed(self, user: str, listing: Listing) -> list[Session]:
        terms, values = ["user = ?"], [user]
        if listing.project:
            terms, values = [*terms, "project = ?"], [*values, listing.project]
        if listing.state:
            terms, values = [*terms, "state = ?"], [*values, listing.state]
        if listing.after:
            terms, values = [*terms, "(created_at, id) < (?, ?)"], [*values, _iso(listing.after[0]), listing.after[1]]
        sql = f"SELECT body FROM sessions WHERE {' AND '.join(terms)} ORDER BY created_at DESC, id DESC LIMIT ?"  # noqa: S608  # our own terms
        return await self._every(SESSION, sql, *values, listing.limit)

    async def last_seen_before(self, time: datetime, most: int) -> list[Session]:
        sql = "SELECT body FROM sessions WHERE state = 'active' AND last_seen_at < ? ORDER BY last_seen_at LIMIT ?"
        return await self._every(SESSION, sql, _iso(time), most)

    async def active_count(self) -> int:
        count: int = (await self._rows("SELECT count(*) FROM sessions WHERE state = 'active'"))[0][0]
        return count

    async def checkpoint(self, session_id: str, number: int) -> Checkpoint | None:
        sql = "SELECT body FROM checkpoints WHERE session_id = ? AND number = ?"
        return await self._one(CHECKPOINT, sql, session_id, number)

    async def checkpoints(self, session_id: str, most: int) -> list[Checkpoint]:
        sql = "SELECT body FROM checkpoints WHERE session_id = ? ORDER BY number DESC LIMIT ?"
        return (await self._every(CHECKPOINT, sql, session_id, most))[::-1]

    async def owed(self, user: str, most: int) -> list[Owed]:
        return await self._every(
            OWED, "SELECT body FROM owed WHERE user = ? ORDER BY created_at, rowid LIMIT ?", user, most
        )

    async def handoff(self, session_id: str) -> Handoff | None:
        return await self._one(HANDOFF, "SELECT body FROM handoffs WHERE session_id = ?", session_id)

    async def latest_handoff(self, user: str, project: str) -> Handoff | None:
        sql = "SELECT body FROM handoffs WHERE user = ? AND project = ? ORDER BY ended_at DESC LIMIT 1"
        return await self._one(HANDOFF, sql, user, project)

    async def ledger(self, user: str) -> Ledger:
        return await self._one(LEDGER, "SELECT body FROM ledgers WHERE user = ?", user) or Ledger(user)

    async def audit(self, user: str, project: str, most: int) -> list[Audited]:
        term, values = ("AND project = ?", [user, project]) if project else ("", [user])
        sql = f"SELECT body FROM audit WHERE user = ? {term} ORDER BY sequence DESC LIMIT ?"  # noqa: S608  # our own term
        return await self._every(AUDITED, sql, *values, most)

    async def troubles(self) -> Mapping[str, str]:
        await self._rows("SELECT 1 FROM sessions LIMIT 1")
        return {}

    async def take(self) -> Sequence[Event]:
        while True:
            await self._has_events.wait()
            self._has_events.clear()
            if found := await self._every(EVENT, "SELECT body FROM outbox ORDER BY sequence LIMIT ?", events_taken_max):
                self._has_events.set()  # until a look finds none
                return found

    async def settle(self, events: Sequence[Event]) -> None:
        sql = "DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM outbox ORDER BY sequence LIMIT ?)"
        await self._rows(sql, len(events))  # they are the oldest: only this reader takes any away


def _as_service_error(error: sqlite3.Error) -> Exception:
    """Troubles of the disk are the caller's to know; anything else is a bug."""
    name = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_")
    if name.split("_")[0] not in _disk_errors:
        return error
    logger.error("session store: %s", name)
    return Unavailable(
        f"The database cannot be used ({name.lower()}): is the disk full or read-only?",
        "Mend it and try again.",
    )


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


# --- one commit ---------------------------------------------------------------------------------


def _commit(connection: sqlite3.Connection, change: Change) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        _write(connection, change)
    except sqlite3.IntegrityError as error:  # the directory has an active session, or the operation its answer
        raise Stale("Another call was first.") from error
    connection.execute("COMMIT")


def _write(connection: sqlite3.Connection, change: Change) -> None:
    if change.answer:
        row = (change.answer.user, change.answer.operation_id, _iso(change.answer.at), _json(ANSWER, change.answer))
        connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", row)
    if change.session:
        _write_session(connection, change.session)
    if change.checkpoint:
        row_of = (change.checkpoint.session_id, change.checkpoint.number, _json(CHECKPOINT, change.checkpoint))
        connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?)", row_of)
    if owed := change.owed:
        values = (owed.id, owed.session_id, owed.user, _iso(owed.created_at), _json(OWED, owed))
        connection.execute("INSERT INTO owed VALUES (?, ?, ?, ?, ?)", values)
    if change.paid and change.session:
        connection.execute("DELETE FROM owed WHERE session_id = ? AND id = ?", (change.session.id, change.paid))
    if left := change.handoff:
        values = (left.session_id, left.user, left.project, _iso(left.ended_at), _json(HANDOFF, left))
        connection.execute("INSERT OR REPLACE INTO handoffs VALUES (?, ?, ?, ?, ?)", values)
    if change.ledger:
        _write_ledger(connection, change.ledger)
    for audited in change.audited:
        _write_audit(connection, audited)
    connection.executemany("INSERT INTO outbox (body) VALUES (?)", [(_json(EVENT, each),) for each in change.events])


def _write_session(connection: sqlite3.Connection, session: Session) -> None:
    following = replace(session, version=session.version + 1)
    columns = (following.working_directory, following.project, following.state, _iso(following.created_at))
    values = (*columns, _iso(following.last_seen_at), following.version, _json(SESSION, following))
    if session.version == 0:
        sql = """INSERT INTO sessions
                 (working_directory, project, state, created_at, last_seen_at, version, body, id, user)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        connection.execute(sql, (*values, session.id, session.user))
        return
    sql = """UPDATE sessions SET working_directory = ?, project = ?, state = ?, created_at = ?, last_seen_at = ?,
                 version = ?, body = ? WHERE id = ? AND user = ? AND version = ?"""
    _must_change(connection.execute(sql, (*values, session.id, session.user, session.version)))


def _write_ledger(connection: sqlite3.Connection, ledger: Ledger) -> None:
    following = replace(ledger, version=ledger.version + 1)
    row = (following.version, _json(LEDGER, following), ledger.user)
    if ledger.version == 0:
        connection.execute("INSERT INTO ledgers (version, body, user) VALUES (?, ?, ?)", row)
        return
    sql = "UPDATE ledgers SET version = ?, body = ? WHERE user = ? AND version = ?"
    _must_change(connection.execute(sql, (*row, ledger.version)))


def _must_change(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount != 1:
        raise Stale("Somebody else changed it meanwhile.")


def _write_audit(connection: sqlite3.Connection, audited: Audited) -> None:
    row = (audited.user, audited.place.project, _json(AUDITED, audited))
    cursor = connection.execute("INSERT INTO audit (user, project, body) VALUES (?, ?, ?)", row)
    if (cursor.lastrowid or 0) % audit_trimmed_every == 0:
        sql = """DELETE FROM audit WHERE user = ?1 AND sequence <= (
                     SELECT sequence FROM audit WHERE user = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)"""
        connection.execute(sql, (audited.user, audit_max))


def _json(record: TypeAdapter[Record], value: Record) -> str:
    return record.dump_json(value).decode()
