"""The store that the settings choose: DuckDB in the data directory, or a PostgreSQL that others run."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady
from services.memory.domain.followed_store import FollowedStore
from services.memory.domain.store import MemoryStore
from services.memory.index.snapshot import SNAPSHOT
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the memories are: `url` is empty for DuckDB, in so many `shards`."""

    home: Path
    url: str
    shards: int
    connections_max: int
    waiting_max: int
    prepares: bool


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The store, the vault that seals its rows, and the snapshot of an index of it. `followed` is the store where its
    users' versions are followed."""

    store: MemoryStore
    vault: Vault | None
    snapshot: Path
    followed: FollowedStore | None = None


@asynccontextmanager
async def open_chosen(
    choice: Choice, open_vault: Callable[[], Vault | None], settings: Callable[[Vault | None], StoreSettings]
) -> AsyncIterator[OpenStore]:
    """The store that was chosen; `settings` are those of DuckDB; of PostgreSQL their `events_max`."""
    if not choice.url:
        vault = open_vault()
        async with open_shards(choice.home, choice.shards, settings(vault)) as store:
            yield OpenStore(store, vault, choice.home / SNAPSHOT)
        return
    _require_psycopg()
    from services.memory.storage.postgres.server.database import Address
    from services.memory.storage.postgres.server.keyring_copy import bring_keyring
    from services.memory.storage.postgres.store import open_postgres

    address = Address(choice.url, choice.connections_max, choice.waiting_max, choice.prepares)
    await bring_keyring(address, choice.home)
    vault = open_vault()
    async with open_postgres(address, vault, choice.home, events_max=settings(None).events_max) as postgres:
        snapshot = await asyncio.to_thread(_snapshot_of, choice.home, postgres.identity)
        yield OpenStore(postgres, vault, snapshot, postgres)


@asynccontextmanager
async def open_for_reading(
    choice: Choice, open_vault: Callable[[str], Vault | None], *, sealed: bool
) -> AsyncIterator[FollowedStore]:
    """The store of a search replica, which owns nothing; NotReady where the memories are in DuckDB.

    `open_vault` takes the database's keyring, empty if it has none; `sealed`: whether there is to be one.
    """
    if not choice.url:
        raise NotReady(
            "Search replicas need the memories in PostgreSQL: a DuckDB file is opened by one process.",
            "Set SEGUE_MEMORY_DATABASE_URL, or SEGUE_MEMORY_SERVE=all.",
        )
    _require_psycopg()
    from services.memory.storage.postgres.server.database import Address
    from services.memory.storage.postgres.store import open_postgres_reader

    address = Address(choice.url, choice.connections_max, choice.waiting_max, choice.prepares)
    async with open_postgres_reader(address, open_vault, sealed=sealed) as store:
        yield store


def _require_psycopg() -> None:
    try:
        import psycopg_pool  # noqa: F401  # whether it is there, with what it needs
    except ImportError as error:
        raise NotReady(
            "SEGUE_MEMORY_DATABASE_URL is set, and the package for PostgreSQL is missing.",
            "Install it: pip install 'segue[postgres]'.",
        ) from error


def _snapshot_of(home: Path, identity: str) -> Path:
    """The snapshot of an index of that database. Those of others are removed: their sequences mean other memories."""
    name = f"index-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.snapshot"
    for path in home.glob("index-*.snapshot"):
        if path.name != name:
            path.unlink(missing_ok=True)
    return home / name
