"""A copy of the keyring beside what is sealed under it: a data directory that is lost takes no memories with it.

A keyring holds data keys only as they are sealed under the key file's, which is never in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.kit.durable_files import write_private
from services.kit.encryption.keyring import KEYRING
from services.kit.errors import NotReady
from services.memory.storage.postgres.server.database import Address, open_database
from services.memory.storage.postgres.server.transaction import Statements, Transaction


async def bring_keyring(address: Address, home: Path) -> None:
    """Writes the database's copy into a data directory that has no keyring."""
    path = home / KEYRING
    if await asyncio.to_thread(path.exists):
        return
    async with open_database(address) as database:
        found = await database.read("keyring", _keyrings)
    for (keyring,) in found:
        await asyncio.to_thread(write_private, path, keyring)


async def _keyrings(statements: Statements) -> list[tuple[Any, ...]]:
    ((is_new,),) = await statements.rows("SELECT to_regclass('sealing') IS NULL")
    return [] if is_new else await statements.rows("SELECT keyring FROM sealing")


async def require_data_key(transaction: Transaction, data_key: str, home: Path) -> None:
    """Marks an empty database as sealed under the key, and keeps the keyring with it; NotReady if its texts are sealed
    otherwise."""
    path = home / KEYRING
    keyring = await asyncio.to_thread(path.read_text, "utf-8") if data_key else ""
    marks = [row[0] for row in await transaction.rows("SELECT data_key FROM sealing")]
    if data_key and not marks and not await transaction.rows("SELECT 1 FROM memories LIMIT 1"):
        await transaction.run("INSERT INTO sealing VALUES (%s, %s)", data_key, keyring)
        marks = [data_key]
    refuse_other_key(marks, data_key)
    if data_key:  # it may be sealed under another key file since
        await transaction.run("UPDATE sealing SET keyring = %s WHERE keyring <> %s", keyring, keyring)


def refuse_other_key(marks: Sequence[str], data_key: str) -> None:
    """NotReady if a database with these marks is not sealed under the key."""
    if marks != ([data_key] if data_key else []):
        raise NotReady(
            f"The database and {KEYRING} in the data directory do not belong together: "
            f"it is {'encrypted under another data key' if marks else 'not encrypted'}.",
            f"Remove {KEYRING} from the data directory: the database has a copy of its own."
            if marks
            else "Unset SEGUE_MEMORY_ENCRYPTION_KEY_FILE, or move the memories into a new database.",
        )
