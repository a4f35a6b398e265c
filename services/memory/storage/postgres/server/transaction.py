"""Statements of one connection, and the transactions that change what users have.

A transaction locks the rows of its users, which orders the changes of each, and raises their versions: who knows a
version finds all that came after it in the table `changes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncCursor

from services.kit.events.outbox import OutgoingEvent

LEASE = "memory"
"""The lease that whoever writes must hold."""
_locked = "SELECT user_id FROM users WHERE user_id = ANY(%s::TEXT[]) ORDER BY user_id FOR UPDATE"
_new_users = "INSERT INTO users SELECT unnest(%s::TEXT[]), 0 ON CONFLICT DO NOTHING"
_held = "SELECT 1 FROM leases WHERE name = %s AND holder = %s FOR KEY SHARE"
_raised = """
    WITH noted AS (
        SELECT * FROM unnest(%s::TEXT[], %s::TEXT[], %s::TEXT[]) AS n (user_id, what, sequences)
    ), raised AS (
        UPDATE users u SET version = u.version + 1, shares = u.shares OR EXISTS (
            SELECT FROM noted o JOIN memories m ON m.user_id = o.user_id AND m.sequence = ANY(o.sequences::BIGINT[])
            WHERE o.user_id = u.user_id AND m.user_id = ANY(%s::TEXT[]) AND m.shared
        )
        FROM (SELECT DISTINCT user_id FROM noted) n WHERE u.user_id = n.user_id AND u.user_id = ANY(%s::TEXT[])
        RETURNING u.user_id, u.version
    )
    INSERT INTO changes
    SELECT r.user_id, r.version, n.what, n.sequences::BIGINT[], now() FROM noted n JOIN raised r USING (user_id)
    RETURNING user_id, version, at
"""
STORED, REMOVED, CHANGED, EMBEDDED = "stored", "removed", "changed", "embedded"


class Evidence(NamedTuple):
    """A row of `changes` that one transaction alone writes: a version is raised once at a time, and a time does not
    come again. A transaction's number does: after a crash the server gives those anew of which it had written
    nothing."""

    user: str
    version: int
    at: datetime


class Statements:
    """Runs statements, each in a transaction of its own unless there is one."""

    def __init__(self, cursor: AsyncCursor[Any]) -> None:
        self._cursor = cursor

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        await self._cursor.execute(sql, parameters)
        return await self._cursor.fetchall()

    async def named_rows(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a query whose parameters have names."""
        await self._cursor.execute(sql, parameters)
        return await self._cursor.fetchall()

    async def named_run(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """The number of rows that a statement changed whose parameters have names."""
        await self._cursor.execute(sql, parameters)
        return self._cursor.rowcount

    async def run(self, sql: str, *parameters: Any) -> int:
        """The number of rows that a statement changed."""
        await self._cursor.execute(sql, parameters)
        return self._cursor.rowcount

    async def run_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement for each row of parameters."""
        if rows:
            await self._cursor.executemany(sql, rows)


class Transaction(Statements):
    """`evidence` is there once it is sealed, if it changes anything."""

    def __init__(self, cursor: AsyncCursor[Any], holder: UUID) -> None:
        super().__init__(cursor)
        self._holder = holder
        self._noted: dict[tuple[str, str], list[int]] = {}
        self.evidence: Evidence | None = None
        self.events: list[OutgoingEvent] = []
        """What other programs are told of it, where anybody is."""

    async def lock(self, users: Iterable[str]) -> None:
        """Locks the users' rows until the transaction ends, always in the same order."""
        names = sorted(set(users))
        found = await self.rows(_locked, names)
        if len(found) < len(names):
            await self.run(_new_users, names)
            await self.rows(_locked, names)

    async def lock_owners(self, sequences: Sequence[int]) -> list[str]:
        """Locks the rows of those who have these memories, and returns who they are: statements that name them go to
        their partitions alone."""
        sql = "SELECT DISTINCT user_id FROM memories WHERE sequence = ANY(%s::BIGINT[])"
        owners = [row[0] for row in await self.rows(sql, list(sequences))]
        await self.lock(owners)
        return owners

    async def number_deletion(self, count: int) -> int:
        """The first of so many new numbers of deletions: in the order of commits, so one transaction at a time."""
        sql = "UPDATE counters SET value = value + %s WHERE name = 'removal' RETURNING value"
        ((last,),) = await self.rows(sql, count)
        return int(last) - count + 1

    def note(self, what: str, user: str, sequences: Iterable[int]) -> None:
        """Notes a change of the user's."""
        if its := list(sequences):
            self._noted.setdefault((user, what), []).extend(its)

    async def seal(self) -> bool:
        """Raises the versions of those with changes; False if another service may write instead, which then waits
        until this transaction ends."""
        if not await self.rows(_held, LEASE, self._holder):
            return False
        if self._noted:
            users, whats = zip(*self._noted, strict=True)
            texts = [f"{{{','.join(map(str, each))}}}" for each in self._noted.values()]
            written = await self.rows(_raised, list(users), list(whats), texts, list(users), list(users))
            self.evidence = Evidence(*written[0])
        return True

    async def has_left(self, evidence: Evidence) -> bool:
        """Whether the transaction of this evidence was committed; one that still runs is waited for."""
        await self.lock([evidence.user])
        sql = "SELECT 1 FROM changes WHERE user_id = %s AND version = %s AND at = %s LIMIT 1"
        return bool(await self.rows(sql, *evidence))
