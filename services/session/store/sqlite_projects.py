"""`ProjectStore` in the session database: projects as JSON, and a row for each key that one is found by."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited
from services.session.domain.projects import Page, Project, Registered, RegistryChange, Relabelling
from services.session.domain.relabelling import relabelled_ledger
from services.session.domain.sessions import Session, State, abandon
from services.session.store import Stale
from services.session.store.body_codec import Bodies
from services.session.store.commits import iso
from services.session.store.records import AUDITED, CONVERSATION, HANDOFF, LEDGER, PROJECT, SESSION

Run = Callable[[str, Callable[[sqlite3.Connection], Any]], Awaitable[Any]]

keys_at_once = 200
found_max = 1_000
"""Answers of `find` that are kept: every call that names a project asks for the same one again."""


class SqliteProjects:
    """Reads and writes registries through `run`, which has the connection."""

    def __init__(self, run: Run, bodies: Bodies) -> None:
        self._run = run
        self._bodies = bodies
        self._found: dict[tuple[str, ...], Registered] = {}
        self._changes = 0

    async def find(self, user: str, keys: Iterable[str]) -> Registered:
        """See ProjectStore. A read that overlaps a change is not kept."""
        wanted = tuple(dict.fromkeys(keys))
        if (kept := self._found.get((user, *wanted))) is not None:
            return kept
        before = self._changes
        found: Registered = await self._run("SELECT", lambda connection: self._find(connection, user, wanted))
        if self._changes == before:
            if len(self._found) >= found_max:
                self._found.clear()
            self._found[user, *wanted] = found
        return found

    def _find(self, connection: sqlite3.Connection, user: str, keys: Sequence[str]) -> Registered:
        by_key: dict[str, list[Project]] = {}
        names = {self._bodies.name(key): key for key in keys}
        columns = list(names)
        for start in range(0, len(columns), keys_at_once):
            part = columns[start : start + keys_at_once]
            marks = ", ".join("?" * len(part))
            sql = f"""SELECT k.key, p.id, p.body FROM project_keys k JOIN projects p ON p.user = k.user AND p.id = k.id
                      WHERE k.user = ? AND k.key IN ({marks}) ORDER BY p.id"""  # noqa: S608  # marks alone
            for key, project_id, body in connection.execute(sql, [user, *part]).fetchall():
                by_key.setdefault(names[key], []).append(self._project(user, project_id, body))
        return Registered(_version(connection, user), by_key)

    async def project(self, user: str, id: str) -> Project | None:
        """See ProjectStore."""
        sql = "SELECT body FROM projects WHERE user = ? AND id = ?"
        found = await self._run("SELECT", lambda connection: connection.execute(sql, (user, id)).fetchone())
        return self._project(user, id, found[0]) if found else None

    async def page(self, user: str, most: int, after: tuple[datetime, str] | None = None) -> Page:
        """See ProjectStore."""
        term, values = ("AND (seen_at, id) < (?, ?)", [iso(after[0]), after[1]]) if after else ("", [])

        def read(connection: sqlite3.Connection) -> Page:
            sql = f"SELECT id, body FROM projects WHERE user = ? {term} ORDER BY seen_at DESC, id DESC LIMIT ?"  # noqa: S608
            rows = connection.execute(sql, [user, *values, most]).fetchall()
            total = connection.execute("SELECT count(*) FROM projects WHERE user = ?", (user,)).fetchone()[0]
            return Page([self._project(user, each, body) for each, body in rows], total)

        page: Page = await self._run("SELECT", read)
        return page

    async def commit(self, change: RegistryChange) -> None:
        """See ProjectStore."""
        try:
            await self._run("COMMIT", lambda connection: self._commit(connection, change))
        finally:  # whoever gives up does not stop it, and what is read from here on is read after it
            self._changes += 1
            self._found.clear()

    def _commit(self, connection: sqlite3.Connection, change: RegistryChange) -> None:
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection, change.user) != change.version:
            raise Stale("Somebody else changed it meanwhile.")
        for project in change.put:
            self._put(connection, project)
        for gone in change.remove:
            for table in ("projects", "project_keys"):
                connection.execute(f"DELETE FROM {table} WHERE user = ? AND id = ?", (change.user, gone))  # noqa: S608
        connection.execute("INSERT OR REPLACE INTO registries VALUES (?, ?)", (change.user, change.version + 1))
        connection.execute("COMMIT")

    def _put(self, connection: sqlite3.Connection, project: Project) -> None:
        whose = ("project", project.user, project.id)
        body = self._bodies.body(whose, PROJECT.dump_json(project).decode())
        row = (project.user, project.id, iso(project.seen_at), body)
        connection.execute("INSERT OR REPLACE INTO projects VALUES (?, ?, ?, ?)", row)
        connection.execute("DELETE FROM project_keys WHERE user = ? AND id = ?", (project.user, project.id))
        rows = [(project.user, self._bodies.name(key), project.id) for key in sorted(project.keys)]
        connection.executemany("INSERT INTO project_keys VALUES (?, ?, ?)", rows)

    def _project(self, user: str, id: str, body: str) -> Project:
        return PROJECT.validate_json(self._bodies.read(("project", user, id), body))

    async def session_roots(self, user: str, label: str) -> Mapping[str, int]:
        """See ProjectStore."""
        sql = "SELECT id, body FROM sessions WHERE user = ? AND project = ?"

        def read(connection: sqlite3.Connection) -> Mapping[str, int]:
            roots: dict[str, int] = {}
            for each, body in connection.execute(sql, (user, self._bodies.name(label))):
                root = SESSION.validate_json(self._bodies.read(("session", each), body)).root
                roots[root] = roots.get(root, 0) + 1
            return roots

        found: Mapping[str, int] = await self._run("SELECT", read)
        return found

    # --- filing under another label -------------------------------------------------------------

    async def relabel(self, relabelling: Relabelling) -> int:
        """See ProjectStore."""
        count: int = await self._run("UPDATE", lambda connection: self._relabel(connection, relabelling))
        return count

    def _relabel(self, connection: sqlite3.Connection, asked: Relabelling) -> int:
        connection.execute("BEGIN IMMEDIATE")
        count = self._relabel_sessions(connection, asked)
        self._relabel_handoffs(connection, asked)
        self._relabel_conversations(connection, asked)
        self._relabel_audit(connection, asked)
        self._relabel_ledger(connection, asked)
        connection.execute("COMMIT")
        return count

    def _relabel_sessions(self, connection: sqlite3.Connection, asked: Relabelling) -> int:
        sql = "SELECT id, body FROM sessions WHERE user = ? AND project = ?"
        rows = connection.execute(sql, (asked.user, self._bodies.name(asked.source))).fetchall()
        every = [SESSION.validate_json(self._bodies.read(("session", each), body)) for each, body in rows]
        taken = [each for each in every if asked.takes(each.root)]
        for session in taken:
            known = session if not self._is_one_active(connection, session, asked.target) else abandon(session)
            following: Session = replace(known, project=asked.target, version=session.version + 1)
            body = self._bodies.body(("session", session.id), SESSION.dump_json(following).decode())
            values = (self._bodies.name(asked.target), following.state, following.version, body, session.id)
            connection.execute("UPDATE sessions SET project = ?, state = ?, version = ?, body = ? WHERE id = ?", values)
        return len(taken)

    def _is_one_active(self, connection: sqlite3.Connection, session: Session, project: str) -> bool:
        """Whether the session's directory has an active one of the project already."""
        sql = "SELECT 1 FROM sessions WHERE user = ? AND working_directory = ? AND project = ? AND state = 'active'"
        where = (session.user, self._bodies.name(session.working_directory), self._bodies.name(project))
        return session.state is State.ACTIVE and connection.execute(sql, where).fetchone() is not None

    def _relabel_handoffs(self, connection: sqlite3.Connection, asked: Relabelling) -> None:
        sql = "SELECT id, body FROM handoffs WHERE user = ? AND project = ?"
        for each, body in connection.execute(sql, (asked.user, self._bodies.name(asked.source))).fetchall():
            handoff: Handoff = HANDOFF.validate_json(self._bodies.read(("handoff", each), body))
            if not asked.takes(handoff.working_directory):
                continue
            text = HANDOFF.dump_json(replace(handoff, project=asked.target)).decode()
            values = (self._bodies.name(asked.target), self._bodies.body(("handoff", each), text), each)
            connection.execute("UPDATE handoffs SET project = ?, body = ? WHERE id = ?", values)

    def _relabel_conversations(self, connection: sqlite3.Connection, asked: Relabelling) -> None:
        sql = "SELECT id, body FROM conversations WHERE user = ? AND project = ?"
        for each, body in connection.execute(sql, (asked.user, self._bodies.name(asked.source))).fetchall():
            whose = ("conversation", asked.user, each)
            conversation: Conversation = CONVERSATION.validate_json(self._bodies.read(whose, body))
            if not asked.takes(conversation.working_directory):
                continue
            following = replace(conversation, project=asked.target, version=conversation.version + 1)
            text = self._bodies.body(whose, CONVERSATION.dump_json(following).decode())
            values = (self._bodies.name(asked.target), following.version, text, asked.user, each)
            sql = "UPDATE conversations SET project = ?, version = ?, body = ? WHERE user = ? AND id = ?"
            connection.execute(sql, values)

    def _relabel_audit(self, connection: sqlite3.Connection, asked: Relabelling) -> None:
        sql = "SELECT sequence, body FROM audit WHERE user = ? AND project = ?"
        for sequence, body in connection.execute(sql, (asked.user, self._bodies.name(asked.source))).fetchall():
            line: Audited = AUDITED.validate_json(self._bodies.read(("audit", asked.user), body))
            if not asked.takes(line.place.root):
                continue
            moved = replace(line, place=replace(line.place, project=asked.target))
            text = self._bodies.body(("audit", asked.user), AUDITED.dump_json(moved).decode())
            values = (self._bodies.name(asked.target), text, sequence)
            connection.execute("UPDATE audit SET project = ?, body = ? WHERE sequence = ?", values)

    def _relabel_ledger(self, connection: sqlite3.Connection, asked: Relabelling) -> None:
        found = connection.execute("SELECT body FROM ledgers WHERE user = ?", (asked.user,)).fetchone()
        if not found:
            return
        ledger = LEDGER.validate_json(self._bodies.read(("ledger", asked.user), found[0]))
        following = replace(relabelled_ledger(ledger, asked), version=ledger.version + 1)
        body = self._bodies.body(("ledger", asked.user), LEDGER.dump_json(following).decode())
        values = (following.version, body, asked.user)
        connection.execute("UPDATE ledgers SET version = ?, body = ? WHERE user = ?", values)


def _version(connection: sqlite3.Connection, user: str) -> int:
    found = connection.execute("SELECT version FROM registries WHERE user = ?", (user,)).fetchone()
    return int(found[0]) if found else 0
