"""The lease on a database: one memory service at a time writes to it and answers from its index of it."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from services.kit.background_task import background_task
from services.kit.errors import ServiceError, Unavailable
from services.kit.systems import lock
from services.memory.storage.postgres.changes import trim_changes
from services.memory.storage.postgres.server.database import Database
from services.memory.storage.postgres.server.transaction import LEASE

logger = logging.getLogger(__name__)
Migrate = Callable[[psycopg.AsyncConnection[Any]], Awaitable[int]]
lasts_s = 15.0
renew_every_s = 5.0
look_every_s = 0.5
trim_every_s = 3_600.0
"""Between two looks for changes that nobody follows any more."""
_take = """
    INSERT INTO leases VALUES (%s, %s, %s, %s, clock_timestamp(), %s)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, host = excluded.host, home = excluded.home,
        renewed_at = excluded.renewed_at, lasts = excluded.lasts
    WHERE leases.home = excluded.home OR leases.renewed_at + leases.lasts < clock_timestamp()
    RETURNING holder
"""
_renew = "UPDATE leases SET renewed_at = clock_timestamp() WHERE name = %s AND holder = %s"


LOCK_FILE = "postgres.lock"


@asynccontextmanager
async def locked_home(home: Path) -> AsyncIterator[None]:
    """Locks a data directory, so that its earlier process has ended; Unavailable if it has not."""
    path = home / LOCK_FILE
    descriptor = await asyncio.to_thread(os.open, path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not await asyncio.to_thread(lock, descriptor):
            raise Unavailable(f"Another memory service has the data directory {home}.", "Give each one of its own.")
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def hold_lease(database: Database, home: str, wait_s: float, migrate: Migrate) -> AsyncIterator[None]:
    """Holds the lease, under a schema that `migrate` brought up to date; Unavailable if another service holds it for
    longer than `wait_s`. The server `home` takes over from itself at once: its earlier process has ended.

    Where another version of Segue is still at work, nothing is changed under it.
    """
    if not await database.use(_has_leases):
        await database.use(migrate)
    await _take_lease(database, home, wait_s)
    try:
        async with background_task("the lease", lambda: _renew_lease(database)):
            await database.use(migrate)
            yield
    finally:
        with suppress(ServiceError, psycopg.Error, PoolTimeout):
            await database.use(
                lambda connection: connection.execute(
                    "DELETE FROM leases WHERE name = %s AND holder = %s", [LEASE, database.holder]
                )
            )


async def _has_leases(connection: psycopg.AsyncConnection[Any]) -> bool:
    cursor = await connection.execute("SELECT to_regclass('leases') IS NOT NULL")
    ((is_there,),) = await cursor.fetchall()
    return bool(is_there)


async def _take_lease(database: Database, home: str, wait_s: float) -> None:
    until = time.monotonic() + wait_s
    values = [LEASE, database.holder, socket.gethostname(), home, timedelta(seconds=lasts_s)]

    async def take() -> str:
        async def work(connection: psycopg.AsyncConnection[object]) -> str:
            if await (await connection.execute(_take, values)).fetchall():
                return ""
            cursor = await connection.execute("SELECT host FROM leases WHERE name = %s", [LEASE])
            return str([*await cursor.fetchall(), ("another machine",)][0][0])  # type: ignore[index]

        return await database.use(work)

    while host := await take():
        if time.monotonic() >= until:
            raise Unavailable(
                f"Another memory service, on {host}, serves the memories of this database.",
                "Stop that one first: one at a time writes to a database.",
            )
        await asyncio.sleep(look_every_s)


async def _renew_lease(database: Database) -> None:
    trimmed_s = -math.inf
    while not database.refusal:
        await asyncio.sleep(renew_every_s)
        try:
            if time.monotonic() - trimmed_s > trim_every_s:
                await database.read("trim", trim_changes)
                trimmed_s = time.monotonic()
            cursor = await database.use(lambda connection: connection.execute(_renew, [LEASE, database.holder]))
        except (ServiceError, psycopg.Error, PoolTimeout):
            logger.warning("the lease on the database could not be renewed")
            continue
        if not cursor.rowcount:
            database.refusal = "Another memory service has taken the database over."
            logger.error("%s", database.refusal)
