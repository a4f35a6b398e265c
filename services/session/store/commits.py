"""One commit of the SQLite store: everything of a change, or nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import TypeAdapter

from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited, Ledger
from services.session.domain.sessions import Session
from services.session.store import Change, Stale
from services.session.store.body_codec import Bodies
from services.session.store.outbox import SqliteOutbox
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

Record = TypeVar("Record")
audit_trimmed_every = 100


def iso(time: datetime) -> str:
    """ISO 8601 in UTC, all of one length, as stored in the tables."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Commits:
    """Writes records, encoded by `bodies`."""

    bodies: Bodies
    audit_max: int
    outbox: SqliteOutbox

    def commit(self, connection: sqlite3.Connection, change: Change) -> None:
        """Writes the change; Stale if another call was first."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._write(connection, change)
        except sqlite3.IntegrityError as error:  # the directory has an active session, or the operation an answer
            raise Stale("Another call was first.") from error
        connection.execute("COMMIT")

    def _write(self, connection: sqlite3.Connection, change: Change) -> None:
        if answer := change.answer:
            body = self._body(ANSWER, answer, "answer", answer.user, answer.operation_id)
            row = (answer.user, answer.operation_id, iso(answer.at), body)
            connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", row)
        if change.session:
            self._write_session(connection, change.session)
        if done := change.checkpoint:
            body = self._body(CHECKPOINT, done, "checkpoint", done.session_id, done.number)
            connection.execute("INSERT INTO checkpoints VALUES (?, ?, ?)", (done.session_id, done.number, body))
        if deferred := change.deferred:
            body = self._body(DEFERRED_STORE, deferred, "owed", deferred.session_id, deferred.id)
            values = (deferred.id, deferred.session_id, deferred.user, iso(deferred.created_at), body)
            connection.execute("INSERT INTO owed VALUES (?, ?, ?, ?, ?)", values)
        if change.settled and change.session:
            connection.execute("DELETE FROM owed WHERE session_id = ? AND id = ?", (change.session.id, change.settled))
        self._write_talk(connection, change)
        if change.ledger:
            self._write_ledger(connection, change.ledger)
        for audited in change.audited:
            self._write_audit(connection, audited)
        events = [(self._body(EVENT, each, "event"),) for each in change.events]
        connection.executemany("INSERT INTO outbox (body) VALUES (?)", events)
        self.outbox.write(connection, change.events)

    def _write_session(self, connection: sqlite3.Connection, session: Session) -> None:
        following = replace(session, version=session.version + 1)
        names = (self.bodies.name(following.working_directory), self.bodies.name(following.project))
        times = (iso(following.created_at), iso(following.last_seen_at))
        body = self._body(SESSION, following, "session", session.id)
        values = (*names, following.state, *times, following.version, body)
        if session.version == 0:
            sql = """INSERT INTO sessions
                     (working_directory, project, state, created_at, last_seen_at, version, body, id, user)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
            connection.execute(sql, (*values, session.id, session.user))
            return
        sql = """UPDATE sessions SET working_directory = ?, project = ?, state = ?, created_at = ?, last_seen_at = ?,
                     version = ?, body = ? WHERE id = ? AND user = ? AND version = ?"""
        _must_change(connection.execute(sql, (*values, session.id, session.user, session.version)))

    def _write_talk(self, connection: sqlite3.Connection, change: Change) -> None:
        if change.conversation:
            self._write_conversation(connection, change.conversation)
        if gone := change.forgotten:
            sql = "DELETE FROM conversations WHERE user = ? AND id = ? AND version = ?"
            _must_change(connection.execute(sql, (gone.user, gone.id, gone.version)))
        if change.dropped:
            connection.execute("DELETE FROM handoffs WHERE id = ?", (change.dropped.key,))
        if change.handoff:
            self._write_handoff(connection, change.handoff)

    def _write_conversation(self, connection: sqlite3.Connection, conversation: Conversation) -> None:
        following = replace(conversation, version=conversation.version + 1)
        body = self._body(CONVERSATION, following, "conversation", following.user, following.id)
        values = (self.bodies.name(following.project), following.is_open, iso(following.heard_at), following.version)
        row = (*values, body, following.user, following.id)
        if conversation.version == 0:
            sql = """INSERT INTO conversations (project, is_open, heard_at, version, body, user, id)
                     VALUES (?, ?, ?, ?, ?, ?, ?)"""
            connection.execute(sql, row)
            return
        sql = """UPDATE conversations SET project = ?, is_open = ?, heard_at = ?, version = ?, body = ?
                 WHERE user = ? AND id = ? AND version = ?"""
        _must_change(connection.execute(sql, (*row, conversation.version)))

    def _write_handoff(self, connection: sqlite3.Connection, left: Handoff) -> None:
        """In its place, if it has one; else after all that are there."""
        body = self._body(HANDOFF, left, "handoff", left.key)
        names = (self.bodies.name(left.project), self.bodies.name(left.working_directory))
        connection.execute("DELETE FROM handoffs WHERE id = ?", (left.key,))
        sql = """INSERT INTO handoffs (place, id, session_id, user, project, working_directory, ended_at, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
        row = (left.place or None, left.key, left.session_id, left.user, *names, iso(left.ended_at), body)
        connection.execute(sql, row)

    def _write_ledger(self, connection: sqlite3.Connection, ledger: Ledger) -> None:
        following = replace(ledger, version=ledger.version + 1)
        row = (following.version, self._body(LEDGER, following, "ledger", ledger.user), ledger.user)
        if ledger.version == 0:
            connection.execute("INSERT INTO ledgers (version, body, user) VALUES (?, ?, ?)", row)
            return
        sql = "UPDATE ledgers SET version = ?, body = ? WHERE user = ? AND version = ?"
        _must_change(connection.execute(sql, (*row, ledger.version)))

    def _write_audit(self, connection: sqlite3.Connection, audited: Audited) -> None:
        body = self._body(AUDITED, audited, "audit", audited.user)
        row = (audited.user, self.bodies.name(audited.place.project), body)
        cursor = connection.execute("INSERT INTO audit (user, project, body) VALUES (?, ?, ?)", row)
        if (cursor.lastrowid or 0) % audit_trimmed_every == 0:
            self.trim_audit(connection, audited.user)

    def trim_audit(self, connection: sqlite3.Connection, user: str) -> None:
        """Removes the oldest lines of the user's log beyond the number to keep."""
        sql = """DELETE FROM audit WHERE user = ?1 AND sequence <= (
                     SELECT sequence FROM audit WHERE user = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)"""
        connection.execute(sql, (user, self.audit_max))

    def remove(self, connection: sqlite3.Connection, session: Session) -> None:
        """Removes the session; Stale if it has changed."""
        connection.execute("BEGIN IMMEDIATE")
        sql = "DELETE FROM sessions WHERE id = ? AND user = ? AND version = ?"
        _must_change(connection.execute(sql, (session.id, session.user, session.version)))
        for table in ("checkpoints", "handoffs", "owed"):
            connection.execute(f"DELETE FROM {table} WHERE session_id = ?", (session.id,))  # noqa: S608  # our own names
        connection.execute("COMMIT")

    def _body(self, record: TypeAdapter[Record], value: Record, *whose: str | int) -> str:
        return self.bodies.body(whose, record.dump_json(value).decode())


def _must_change(cursor: sqlite3.Cursor) -> None:
    if cursor.rowcount != 1:
        raise Stale("Somebody else changed it meanwhile.")
