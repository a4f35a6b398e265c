"""`segue move`: moves all memories from DuckDB to PostgreSQL, or back. Interrupted, it goes on when it is run again."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from services.cli import local_server
from services.kit.errors import InvalidInput, NotReady, ServiceError

if TYPE_CHECKING:
    from services.memory.storage.moving.move import Progress, UserMoved
    from services.memory.storage.moving.tables import Side

_held_status = 3
shown_every_s = 1.0
users_shown_max = 20
_back = "duckdb"


def run(options: argparse.Namespace) -> int:
    """Moves to `options.target`: 1 if that is impossible, with everything still where it was; 3 while a server runs."""
    os.umask(0o077)
    try:
        with _alone(options):
            moved = asyncio.run(_move(_home(options), is_back=options.target == _back))
    except ServiceError as problem:
        print(" ".join((f"segue move: {problem.message}", *problem.suggestions)), file=sys.stderr)
        return 1
    except local_server.AlreadyServing as problem:
        print(f"segue move: {problem}. End it first.", file=sys.stderr)
        return _held_status
    except KeyboardInterrupt:
        print("\nInterrupted. Run it again: it goes on from here.", file=sys.stderr)
        return 1
    _print_result(moved, is_back=options.target == _back)
    return 0


def _home(options: argparse.Namespace) -> Path:
    """Where the database file is, and the keyring."""
    named: Path | None = options.directory
    return (named.expanduser() if named else local_server.default_data_dir() / "memory").absolute()


def _alone(options: argparse.Namespace) -> AbstractContextManager[None]:
    """During the block, no server of the data directory can start; the databases themselves refuse a second user."""
    return nullcontext() if options.directory else local_server.hold(local_server.default_data_dir())


async def _move(home: Path, *, is_back: bool) -> list[UserMoved]:
    from services.kit.private_directory import private_directory
    from services.memory.config import MemorySettings
    from services.memory.storage.row_codec import rows_of
    from services.memory.storage.shard_count import claim_shard_count

    settings = MemorySettings(directory=home)
    url = settings.postgres_url
    if not url:
        raise InvalidInput(
            "No PostgreSQL is named.", "Set SEGUE_MEMORY_DATABASE_URL, or SEGUE_MEMORY_DATABASE_URL_FILE."
        )
    try:
        from services.memory.storage.moving.duckdb_side import open_duckdb_side
        from services.memory.storage.moving.move import move_all
        from services.memory.storage.moving.postgres_side import open_postgres_side
        from services.memory.storage.postgres.server.database import Address
        from services.memory.storage.postgres.server.keyring_copy import bring_keyring
    except ImportError as error:
        raise NotReady(
            "The package for PostgreSQL is missing.", "Install it: pip install 'segue[postgres]'."
        ) from error
    private_directory(home)
    path = home / "memory.duckdb"
    if not is_back and not path.exists():
        reason = "it is spread over several (SEGUE_MEMORY_SHARDS)" if settings.place.has_data else "nothing is there"
        raise InvalidInput(
            f"{home} has no single database to move: {reason}.",
            "Otherwise, segue export and segue import move memories.",
        )
    claim_shard_count(home, 1)
    address = Address(url)
    if is_back:
        await bring_keyring(address, home)
    rows = rows_of(settings.place.ready_vault(settings.encryption_key_file))
    async with AsyncExitStack() as stack:
        duckdb: Side = await stack.enter_async_context(open_duckdb_side(path, rows))
        postgres: Side = await stack.enter_async_context(open_postgres_side(address, rows, home))
        source, target = (postgres, duckdb) if is_back else (duckdb, postgres)
        return await move_all(source, target, Shown().show)


class Shown:
    """Shows the progress on stderr: one line that changes on a terminal, else a line a second."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def show(self, progress: Progress) -> None:
        """Shows it, if it is time to."""
        now = time.monotonic()
        is_last = progress.memories == progress.memories_total and progress.user == progress.users_total
        if now < self._next_s and not is_last:
            return
        self._next_s = now + shown_every_s
        users = f"user {progress.user} of {progress.users_total}"
        text = f"{progress.memories:,} of {progress.memories_total:,} memories, {users}"
        sys.stderr.write(f"\r{text}\033[K" if sys.stderr.isatty() else f"{text}\n")
        sys.stderr.flush()


def _print_result(moved: list[UserMoved], *, is_back: bool) -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for each in moved[:users_shown_max]:
        print(f"{each.user or '(no name)'}: {each.memories:,} memories, the same on both sides ({each.digest[:16]})")
    if len(moved) > users_shown_max:
        print(f"… and {len(moved) - users_shown_max:,} other users, the same on both sides")
    print(f"Moved {sum(each.memories for each in moved):,} memories of {len(moved):,} users.")
    if is_back:
        print("Unset SEGUE_MEMORY_DATABASE_URL before Segue starts again. PostgreSQL has them still.")
    else:
        print("Leave SEGUE_MEMORY_DATABASE_URL set when Segue starts again.")
        print("memory.duckdb has them still, also what is deleted from now on: remove it in time.")
