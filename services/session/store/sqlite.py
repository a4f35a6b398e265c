"""`SessionStore` in one SQLite file, for one process: every commit is on disk before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from services.kit.encryption.keyring import KEYRING
from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady, RateLimited, Unavailable
from services.kit.observability import telemetry
from services.kit.token_bucket import ProcessAllowance
from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited, Ledger
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, Session
from services.session.operations.events import Event
from services.session.store import Change, Listing, StoreSize, audit_max
from services.session.store.body_codec import bodies_of
from services.session.store.commits import Commits, iso
from services.session.store.outbox import OpenOutbox, SqliteOutbox
from services.session.store.records import (
    ANSWER,
    AUDITED,
    CHECKPOINT,
    CONVERSATION,
    DEFERRED_STORE,
    EVENT,
    HANDOFF,
    LEDGER,
    SESSION,
)
from services.session.store.schema import migrate
from services.session.store.sqlite_projects import SqliteProjects
from services.session.store.sqlite_tokens import SqliteTokens

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Record = TypeVar("Record")

busy_timeout_s = 5.0
events_taken_max = 100
_session = "SELECT body, 'session', id FROM sessions"
_checkpoint = "SELECT body, 'checkpoint', session_id, number FROM checkpoints"
_conversation = "SELECT body, 'conversation', user, id FROM conversations"
_handoff = "SELECT body, place, working_directory, id FROM handoffs"
_handoff_since = "SELECT 1 FROM handoffs WHERE session_id = sessions.id AND ended_at >= last_seen_at"
_disk_errors = frozenset(
    {"BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "CORRUPT", "NOTADB", "NOMEM", "PERM", "PROTOCOL"}
)


@asynccontextmanager
async def open_sqlite(
    path: Path, *, queue_max: int, vault: Vault | None = None, audit_max: int = audit_max, events_max: int = 0
) -> AsyncIterator[SqliteStore]:
    """Opens the database at `path`, created or migrated as needed; Unavailable if that fails.

    NotReady if it is not sealed by `vault`, or is sealed and `vault` is None.
    """
    bodies = bodies_of(vault)
    with ThreadPoolExecutor(1, "session-store") as thread:
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(thread, connect, path, bodies.mark)
        try:
            commits = Commits(bodies, audit_max, SqliteOutbox(bodies, events_max))
            yield SqliteStore(connection, thread, queue_max, commits)
        finally:
            await loop.run_in_executor(thread, connection.close)


def connect(path: Path, mark: int) -> sqlite3.Connection:
    """A connection to the database, which must have this mark; see open_sqlite."""
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)  # its journal files get the same mode
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what a cleared handoff said
        connection.execute("PRAGMA fullfsync = 1")  # as kit/durable_files does, for the same reason
        connection.execute("PRAGMA checkpoint_fullfsync = 1")
        is_new = connection.execute("PRAGMA user_version").fetchone() == (0,)
        migrate(connection)
        _require_mark(connection, path, mark, is_new=is_new)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} cannot be opened: {error}.", "Is another program using it?") from error
    return connection


def _require_mark(connection: sqlite3.Connection, path: Path, mark: int, *, is_new: bool) -> None:
    """Marks a new database, or one that a kill left empty; raises NotReady and closes it if it has another mark."""
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    is_empty = is_new or not connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchall()
    if found == 0 and mark and is_empty:
        connection.execute(f"PRAGMA application_id = {mark}")
        found = mark
    if found != mark:
        connection.close()
        raise NotReady(f"{path} and {KEYRING} beside it do not belong together.", "Restore both from the same backup.")


class SqliteStore:
    """`SessionStore` and `EventSource` on a connection with a thread of its own."""

    def __init__(
        self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, queue_max: int, commits: Commits
    ) -> None:
        self._connection = connection
        self._bodies = commits.bodies
        self._commits = commits
        self._thread = thread
        self._queue_max = queue_max
        self._waiting = 0
        self._has_events = asyncio.Event()
        self._has_events.set()  # there may be some from an earlier run
        self.tokens = SqliteTokens(self._rows)
        self.projects = SqliteProjects(self._run, commits.bodies)
        self.allowance = ProcessAllowance()

    @property
    def events(self) -> SqliteStore:
        return self

    @property
    def outbox(self) -> OpenOutbox:
        return OpenOutbox(self._commits.outbox, self._run)

    async def _run(self, name: str, job: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs `job` and returns its result; RateLimited if too many are waiting. `name` is its SQL command."""
        if self._waiting >= self._queue_max:
            raise RateLimited("Too many calls are waiting for the session store.", "Try again later.")
        self._waiting += 1
        try:
            with telemetry.query("sqlite", name):
                run = copy_context().run  # events know the trace that they happened in
                return await asyncio.get_running_loop().run_in_executor(self._thread, run, self._guard, job)
        finally:
            self._waiting -= 1

    def _guard(self, job: Callable[[sqlite3.Connection], Result]) -> Result:
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
        return next(iter(await self._every(record, sql, *parameters)), None)

    async def _every(self, record: TypeAdapter[Record], sql: str, *parameters: Any) -> list[Record]:
        """The records of a statement that selects the body, the record's name, and the row's key."""

        def read(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(sql, parameters).fetchall()
            return [self._bodies.read(tuple(whose), body) for body, *whose in rows]

        return [record.validate_json(body) for body in await self._run("SELECT", read)]

    async def commit(self, change: Change) -> None:
        try:
            await self._run("COMMIT", lambda connection: self._commits.commit(connection, change))
        finally:  # a caller that gives up does not stop a commit that is being made
            if change.events:
                self._has_events.set()

    async def earlier_answer(self, user: str, operation_id: str) -> Answer | None:
        sql = "SELECT body, 'answer', user, operation_id FROM answers WHERE user = ? AND operation_id = ?"
        return await self._one(ANSWER, sql, user, operation_id)

    async def forget_answers(self, before: datetime, most: int) -> None:
        await self._rows("DELETE FROM answers WHERE at < ?", iso(before))
        sql = """DELETE FROM answers WHERE (user, operation_id) IN (
                     SELECT user, operation_id FROM (
                         SELECT user, operation_id, row_number() OVER (PARTITION BY user ORDER BY at DESC) AS place
                         FROM answers WHERE user IN (SELECT user FROM answers GROUP BY user HAVING count(*) > ?1))
                     WHERE place > ?1)"""
        await self._rows(sql, most)

    async def session(self, id: str) -> Session | None:
        return await self._one(SESSION, f"{_session} WHERE id = ?", id)

    async def active_in(self, user: str, working_directory: str) -> Sequence[Session]:
        terms = "user = ? AND working_directory = ? AND state = 'active'"
        sql = f"{_session} WHERE {terms} ORDER BY last_seen_at DESC, id"  # our own terms
        return await self._every(SESSION, sql, user, self._bodies.name(working_directory))

    async def session_page(self, user: str, listing: Listing) -> list[Session]:
        terms, values = ["user = ?"], [user]
        if listing.project:
            terms, values = [*terms, "project = ?"], [*values, self._bodies.name(listing.project)]
        if listing.state:
            terms, values = [*terms, "state = ?"], [*values, listing.state]
        if listing.after:
            terms, values = [*terms, "(created_at, id) < (?, ?)"], [*values, iso(listing.after[0]), listing.after[1]]
        if listing.without_handoff:  # a resumed session will leave another one
            terms = [*terms, "state = 'abandoned'", f"NOT EXISTS ({_handoff_since})"]
        sql = f"{_session} WHERE {' AND '.join(terms)} ORDER BY created_at DESC, id DESC LIMIT ?"  # our own terms
        return await self._every(SESSION, sql, *values, listing.limit)

    async def last_seen_before(self, time: datetime, most: int) -> list[Session]:
        sql = f"{_session} WHERE state = 'active' AND last_seen_at < ? ORDER BY last_seen_at LIMIT ?"
        return await self._every(SESSION, sql, iso(time), most)

    async def finished_before(
        self, time: datetime, most: int, after: tuple[datetime, str] | None = None
    ) -> list[Session]:
        begin = (iso(after[0]), after[1]) if after else ("", "")
        sql = f"""{_session} WHERE state <> 'active' AND last_seen_at < ? AND (last_seen_at, id) > (?, ?)
                  ORDER BY last_seen_at, id LIMIT ?"""
        return await self._every(SESSION, sql, iso(time), *begin, most)

    async def remove_session(self, session: Session) -> None:
        await self._run("DELETE", lambda connection: self._commits.remove(connection, session))

    async def tidy(self) -> None:
        for (user,) in await self._rows("SELECT DISTINCT user FROM audit"):
            await self._run("DELETE", lambda connection, user=user: self._commits.trim_audit(connection, user))  # type: ignore[misc]

    async def size(self) -> StoreSize | None:
        return None

    async def active_count(self) -> int:
        count: int = (await self._rows("SELECT count(*) FROM sessions WHERE state = 'active'"))[0][0]
        return count

    async def checkpoint(self, session_id: str, number: int) -> Checkpoint | None:
        sql = f"{_checkpoint} WHERE session_id = ? AND number = ?"
        return await self._one(CHECKPOINT, sql, session_id, number)

    async def checkpoints(self, session_id: str, most: int) -> list[Checkpoint]:
        sql = f"{_checkpoint} WHERE session_id = ? ORDER BY number DESC LIMIT ?"
        return (await self._every(CHECKPOINT, sql, session_id, most))[::-1]

    async def pending(self, user: str, most: int) -> list[DeferredStore]:
        sql = "SELECT body, 'owed', session_id, id FROM owed WHERE user = ? ORDER BY created_at, rowid LIMIT ?"
        return await self._every(DEFERRED_STORE, sql, user, most)

    async def handoff(self, id: str) -> Handoff | None:
        return next(iter(await self._handoffs(f"{_handoff} WHERE id = ?", id)), None)

    async def handoffs(self, user: str, project: str, most: int, before: int = 0) -> list[Handoff]:
        terms, values = ["user = ?"], [user]
        if project:
            terms, values = [*terms, "project = ?"], [*values, self._bodies.name(project)]
        if before:
            terms, values = [*terms, "place < CAST(? AS INTEGER)"], [*values, str(before)]
        sql = f"{_handoff} WHERE {' AND '.join(terms)} ORDER BY place DESC LIMIT ?"  # our own terms
        return await self._handoffs(sql, *values, most)

    async def latest_handoff(self, user: str, project: str) -> Handoff | None:
        return next(iter(await self.handoffs(user, project, 1)), None)

    async def _handoffs(self, sql: str, *parameters: Any) -> list[Handoff]:
        """Each with what its columns say of it."""

        def read(connection: sqlite3.Connection) -> list[tuple[int, str, str]]:
            rows = connection.execute(sql, parameters).fetchall()
            return [
                (place, self._bodies.read_name(directory), self._bodies.read(("handoff", key), body))
                for body, place, directory, key in rows
            ]

        found = await self._run("SELECT", read)
        return [
            replace(HANDOFF.validate_json(body), place=place, working_directory=where) for place, where, body in found
        ]

    async def conversation(self, user: str, id: str) -> Conversation | None:
        return await self._one(CONVERSATION, f"{_conversation} WHERE user = ? AND id = ?", user, id)

    async def open_conversations(self, user: str, project: str, most: int) -> list[Conversation]:
        term, values = ("AND project = ?", [self._bodies.name(project)]) if project else ("", [])
        sql = f"{_conversation} WHERE user = ? {term} AND is_open = 1 ORDER BY heard_at DESC LIMIT ?"  # our own term
        return await self._every(CONVERSATION, sql, user, *values, most)

    async def old_conversations(self, before: datetime, most: int) -> list[Conversation]:
        sql = f"{_conversation} WHERE heard_at < ? ORDER BY heard_at LIMIT ?"
        return await self._every(CONVERSATION, sql, iso(before), most)

    async def ledger(self, user: str) -> Ledger:
        return await self._one(LEDGER, "SELECT body, 'ledger', user FROM ledgers WHERE user = ?", user) or Ledger(user)

    async def audit(self, user: str, project: str, most: int) -> list[Audited]:
        term, values = ("AND project = ?", [user, self._bodies.name(project)]) if project else ("", [user])
        sql = f"SELECT body, 'audit', user FROM audit WHERE user = ? {term} ORDER BY sequence DESC LIMIT ?"  # noqa: S608  # our own term
        return await self._every(AUDITED, sql, *values, most)

    async def troubles(self) -> Mapping[str, str]:
        await self._rows("SELECT 1 FROM sessions LIMIT 1")
        return {}

    async def take(self) -> Sequence[Event]:
        while True:
            await self._has_events.wait()
            self._has_events.clear()
            sql = "SELECT body, 'event' FROM outbox ORDER BY sequence LIMIT ?"
            try:
                found = await self._every(EVENT, sql, events_taken_max)
            except BaseException:
                self._has_events.set()
                raise
            if found:
                self._has_events.set()  # until none are found
                return found

    async def settle(self, events: Sequence[Event]) -> None:
        sql = "DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM outbox ORDER BY sequence LIMIT ?)"
        await self._rows(sql, len(events))  # these are the oldest: only this reader removes any


def _as_service_error(error: sqlite3.Error) -> Exception:
    """Disk errors become service errors; anything else is a bug."""
    name = str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_")
    if name.split("_")[0] not in _disk_errors:
        return error
    logger.error("session store: %s", name)
    return Unavailable(
        f"The database cannot be used ({name.lower()}): is the disk full or read-only?",
        "Fix that and try again.",
    )
