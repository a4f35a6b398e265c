"""Brings a database's schema up to date: one process at a time, each migration in one transaction."""

from __future__ import annotations

import logging

from psycopg import AsyncConnection

from services.kit.errors import NotReady
from services.memory.storage.postgres.server.schema import MIGRATIONS

logger = logging.getLogger(__name__)
lock_key = 0x5345_4755_45  # "SEGUE"
"""Of the advisory lock; it ends with the transaction, so that it passes a pooler."""


async def migrate(connection: AsyncConnection, migrations: tuple[str, ...] = MIGRATIONS) -> int:
    """Applies what is missing and returns the version; NotReady if the schema is of a later version of Segue."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key])
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)"
        )
        cursor = await connection.execute("SELECT coalesce(max(version), 0) FROM schema_version")
        ((version,),) = await cursor.fetchall()
        refuse_later(version, len(migrations))
        for number, migration in enumerate(migrations[version:], version + 1):
            await connection.execute(migration, prepare=False)
            await connection.execute("INSERT INTO schema_version VALUES (%s, now())", [number])
            logger.info("the database has schema %d now", number)
        return len(migrations)


def refuse_later(version: int, known: int) -> None:
    """NotReady if a schema is of a later version of Segue."""
    if version > known:
        raise NotReady(
            f"The database has schema {version}; this version of Segue knows {known}.",
            "Start the version of Segue that it belongs to, or a later one.",
        )
