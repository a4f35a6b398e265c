"""Erases deleted text from the database's files: its partitions are written anew, each under a short lock.

What is archived of the write-ahead log, in backups and on replicas' disks, is the operator's: it goes when that
expires.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors

from services.kit.errors import Unavailable
from services.memory.storage.postgres.server.database import Database
from services.memory.storage.postgres.server.schema import PARTITIONS
from services.memory.storage.postgres.server.transaction import Statements, Transaction

logger = logging.getLogger(__name__)
WITH_TEXT = ("deleted_memories", "memories", "versions", "embeddings")
lock_timeout = "2s"
"""How long other calls may have to wait behind the rewriting of a partition that is being read."""
_touched = f"""
    SELECT DISTINCT n FROM removals, generate_series(0, {PARTITIONS - 1}) n
    WHERE NOT erased AND satisfies_hash_partition('memories'::REGCLASS, {PARTITIONS}, n, user_id) ORDER BY n
"""  # noqa: S608  # our own numbers


class Erasure:
    """Of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running = asyncio.Lock()

    async def run(self, erased_to: int | None) -> None:
        """Drops what deletions took, and writes anew where it was; Unavailable if that is not possible now.

        Deletions up to the number `erased_to` then count as erased; by default, all made before it began.
        """
        async with self._running:
            last = await self._database.write("purge", _purge)
            touched = await self._database.read("erase", lambda statements: statements.rows(_touched))
            for (number,) in touched:
                for table in WITH_TEXT:
                    await self._rewrite(f"{table}_{number}")
            await self._checkpoint()
            sql = "UPDATE removals SET erased = true WHERE NOT erased AND number <= %s"
            to = last if erased_to is None else min(erased_to, last)
            await self._database.write("erase", lambda transaction: transaction.run(sql, to))

    async def _rewrite(self, table: str) -> None:
        """Writes a table anew, without dead rows."""
        left: list[str] = []

        def note(diagnostic: psycopg.errors.Diagnostic) -> None:
            found = re.match(r"(\d+) ", diagnostic.message_detail or "")
            left.extend([found[1]] if found and int(found[1]) else [])

        async def rewrite(connection: AsyncConnection[Any]) -> None:
            connection.add_notice_handler(note)
            try:
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL lock_timeout = '{lock_timeout}'")  # our own
                    await connection.execute("SET LOCAL client_min_messages = 'info'")
                    await connection.execute(f"CLUSTER VERBOSE {table} USING {table}_pkey")  # our own names
            finally:
                connection.remove_notice_handler(note)

        try:
            await self._database.use(rewrite)
        except errors.LockNotAvailable:
            raise Unavailable("a part of the database is being read for long, as a dump does.") from None
        except psycopg.Error as error:
            raise Unavailable(f"PostgreSQL did not write {table} anew: {type(error).__name__}.") from None
        if left:
            raise Unavailable("a transaction that began before still sees it, or a replica's does.")

    async def _checkpoint(self) -> None:
        """Lets the write-ahead log of before be reused, if the role may (`pg_checkpoint`); else the server does so in
        time."""
        try:
            await self._database.use(lambda connection: connection.execute("CHECKPOINT"))
        except psycopg.Error as error:
            logger.info("no checkpoint after deleted text was erased: %s", type(error).__name__)


async def _purge(transaction: Transaction) -> int:
    """Drops all that deletions took so far, from where it cannot be brought back; returns the last one's number."""
    ((last,),) = await transaction.rows("SELECT value FROM counters WHERE name = 'removal' FOR UPDATE")
    sql = "SELECT DISTINCT user_id FROM removals WHERE NOT erased AND number <= %s"
    users = [user for (user,) in await transaction.rows(sql, last)]
    for table in ("deleted_memories", "versions"):
        await transaction.run(f"DELETE FROM {table} WHERE user_id = ANY(%s::TEXT[]) AND removal <= %s", users, last)  # noqa: S608
    orphans = """
        DELETE FROM embeddings e WHERE e.user_id = ANY(%s::TEXT[])
            AND NOT EXISTS (SELECT FROM memories m WHERE m.user_id = e.user_id AND m.sequence = e.sequence)
            AND NOT EXISTS (SELECT FROM deleted_memories d WHERE d.user_id = e.user_id AND d.sequence = e.sequence)
    """
    await transaction.run(orphans, users)
    return int(last)


async def last_removal(statements: Statements) -> int:
    """The number of the last deletion, 0 if there is none."""
    ((last,),) = await statements.rows("SELECT coalesce(max(number), 0) FROM removals")
    return int(last)
