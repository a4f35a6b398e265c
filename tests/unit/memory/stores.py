"""Every kind of store that the contract holds for, by the same words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.kit.encryption.keyring import KEYRING
from services.kit.encryption.vault import Vault
from services.memory.domain.store import MemoryStore
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.postgres.store import open_postgres
from services.memory.storage.sharded_store import open_shards
from tests.servers.postgres import database_of, shared_container

POSTGRES = 0
POSTGRES_17 = -17
"""In the place of a number of DuckDB's databases."""


@asynccontextmanager
async def open_any(home: Path, count: int, vault: Vault | None = None) -> AsyncIterator[MemoryStore]:
    """The store of that directory: in so many databases of DuckDB, or in one of PostgreSQL."""
    if count in {POSTGRES, POSTGRES_17}:
        if vault:
            (home / KEYRING).write_text("{}")
        url = database_of(home, shared_container() if count == POSTGRES_17 else None)
        async with open_postgres(Address(url, connections_max=4), vault, home) as store:
            yield store
    else:
        async with open_shards(home, count, StoreSettings(vault=vault)) as store:
            yield store
