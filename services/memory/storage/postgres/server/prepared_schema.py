"""Waits for the schema that the memory service makes: a search replica changes nothing, and may start before it."""

from __future__ import annotations

import asyncio
import time

from services.kit.errors import Unavailable
from services.memory.storage.postgres.server.database import Database
from services.memory.storage.postgres.server.migration import refuse_later
from services.memory.storage.postgres.server.schema import MIGRATIONS
from services.memory.storage.postgres.server.transaction import Statements

wait_s = 120.0
look_every_s = 0.5


async def await_schema(database: Database, *, sealed: bool) -> list[tuple[str, str]]:
    """Waits until the schema is this version's; returns data key and keyring of a sealed database. `sealed`: whether it
    is to be sealed, which the memory service notes in an empty one.

    NotReady if the schema is a later one, Unavailable if nobody makes it in time.
    """
    until = time.monotonic() + wait_s
    while (marks := await database.read("schema", _marks)) is None or (sealed and not marks):
        if time.monotonic() > until:
            if marks is not None:
                return marks
            raise Unavailable(
                "The database has no schema of this version of Segue yet.",
                "Start the memory service of the same version: it makes it.",
            )
        await asyncio.sleep(look_every_s)
    return marks


async def _marks(statements: Statements) -> list[tuple[str, str]] | None:
    """None while the schema is not there, or an earlier one."""
    ((is_new,),) = await statements.rows("SELECT to_regclass('schema_version') IS NULL")
    if is_new:
        return None
    ((version,),) = await statements.rows("SELECT coalesce(max(version), 0) FROM schema_version")
    refuse_later(version, len(MIGRATIONS))
    if version < len(MIGRATIONS):
        return None
    return [(data_key, keyring) for data_key, keyring in await statements.rows("SELECT data_key, keyring FROM sealing")]
