"""Encrypting all that a memory service keeps, decrypting it, or moving it under another key, while nothing runs.

Everything is written anew beside what there is, verified, and marked as complete; then each file takes the place of
the earlier one. Interrupted before the mark, all is as it was; after it, the next call goes on where that one ended,
and no service starts in between.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from services.kit.backup import sync
from services.kit.encryption.key_file import Key
from services.kit.encryption.keyring import KEYRING, Keyring, new_data_key, read_keyring, wrapped, write_keyring
from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady, Unavailable
from services.memory.converting import Report, convert
from services.memory.database import open_database
from services.memory.index.snapshot import SNAPSHOT
from services.memory.rows import rows_of
from services.memory.wal import wal_of

logger = logging.getLogger(__name__)

STAGING = ".converting"
_complete, _sealed, _clear = "complete", "sealed", "clear"
spare_bytes = 64 * 1024 * 1024
growth = 1.5
"""What a database may grow by when it is sealed: embeddings by 4 %, short texts by half."""


def require_settled(home: Path) -> None:
    """NotReady where a conversion has begun to replace files and has not ended."""
    if (home / STAGING / _complete).exists():
        raise NotReady(
            f"The encryption of {home} is being changed, and was interrupted.",
            "Repeat the `segue key` command that was interrupted: it goes on from there.",
        )


def finish_interrupted(home: Path) -> bool:
    """Ends what was interrupted; whether that changed what is there."""
    if (home / STAGING / _complete).exists():
        _put_in_place(home)
        return True
    discard_unfinished(home)
    return False


def discard_unfinished(home: Path) -> None:
    """Removes what was written beside by a change that did not come as far as replacing anything."""
    if not (home / STAGING / _complete).exists():
        shutil.rmtree(home / STAGING, ignore_errors=True)


def rewrap(home: Path, keyring: Keyring, key: Key, new: Key) -> None:
    """From now on the new key is needed, and the earlier one is of no use."""
    write_keyring(home, wrapped(keyring.unwrapped(key), new))


def change(home: Path, key: Key | None, new: Key | None, report: Report) -> None:
    """Writes everything anew: sealed by a new data key of the key `new`, or in clear where there is none.

    `key` is the one that it is sealed by now, None where it is not. Unavailable, and all is as it was, where there is
    no room or somebody has a database open.
    """
    keyring = read_keyring(home)
    before = Vault(keyring.unwrapped(key)) if keyring and key else None
    data_key = new_data_key()
    after = Vault(data_key) if new else None
    databases = sorted(home.glob("memory*.duckdb"))
    _require_room(home, databases)
    staging = home / STAGING
    staging.mkdir(mode=0o700)
    try:
        with ExitStack() as held:  # until all of them can be replaced, nobody else opens one
            for path in databases:
                source = held.enter_context(_held(path, before))
                staged = staging / path.name
                told = f"{path.name}: " if len(databases) > 1 else ""
                convert(
                    source, staged, rows_of(before), rows_of(after), lambda what, *n, told=told: report(told + what, *n)
                )
                staged.chmod(0o600)
                sync(staged)
            if new:
                write_keyring(staging, wrapped(data_key, new))
            _mark_complete(staging, is_sealed=new is not None)
    except (duckdb.Error, OSError) as error:
        raise Unavailable(f"{home} is as it was: {str(error).splitlines()[0]}", "Is there room for a copy?") from error
    finally:
        discard_unfinished(home)
    _put_in_place(home)


@contextmanager
def _held(path: Path, vault: Vault | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database at `path`, of today's schema, with nothing left in its log."""
    with open_database(path, {}, vault.id if vault else "").connection as connection:
        connection.execute("CHECKPOINT")
        yield connection


def _require_room(home: Path, databases: list[Path]) -> None:
    size = sum(path.stat().st_size for path in databases)
    needed, free = size * growth + spare_bytes, shutil.disk_usage(home).free
    if free < needed:
        raise Unavailable(
            f"A copy is written first: {needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free.",
            "Make room on that disk. Nothing was changed.",
        )


def _mark_complete(staging: Path, *, is_sealed: bool) -> None:
    draft = staging / f"{_complete}.new"
    draft.write_text(_sealed if is_sealed else _clear)
    draft.chmod(0o600)
    sync(draft)
    draft.replace(staging / _complete)
    sync(staging)
    sync(staging.parent)


def _put_in_place(home: Path) -> None:
    """Every step may have been done already."""
    staging = home / STAGING
    for staged in sorted(staging.glob("memory*.duckdb")):
        wal_of(home / staged.name).unlink(missing_ok=True)  # what it held is in both
        staged.replace(home / staged.name)
    if (staging / KEYRING).exists():
        (staging / KEYRING).replace(home / KEYRING)
    elif (staging / _complete).read_text() == _clear:
        (home / KEYRING).unlink(missing_ok=True)
    for left in _left_in_the_earlier_form(home):
        left.unlink()
    sync(home)
    (staging / _complete).unlink()
    shutil.rmtree(staging)


def _left_in_the_earlier_form(home: Path) -> Iterator[Path]:
    """What is derived from the databases, or was left by work on them that was interrupted."""
    for pattern in (SNAPSHOT, f".{SNAPSHOT}.new", "*.duckdb.schema-*", "*.duckdb.migrating*", "*.duckdb.compacting*"):
        yield from home.glob(pattern)


def damaged_logs(home: Path) -> list[Path]:
    """Logs that were kept because they could not be read: they are as they were, encrypted or not."""
    return sorted(home.glob("*.wal.damaged-*"))
