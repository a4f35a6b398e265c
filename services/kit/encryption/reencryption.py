"""Encrypts a whole directory, decrypts it, or changes its key, while no service runs.

Everything is rewritten beside the existing files, verified, and marked as complete; then each file replaces the
earlier one. Interrupted before the mark, nothing has changed; after it, the next call continues where that one
stopped, and no service starts until then.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from services.kit.durable_files import sync, write_private
from services.kit.encryption.key_file import Key
from services.kit.encryption.keyring import KEYRING, new_data_key, read_keyring, wrap, write_keyring
from services.kit.encryption.sealed_directory import Place
from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady, Unavailable

Report: TypeAlias = Callable[[str, int, int], None]
"""Receives the current step, the rows done, and the rows in total."""

STAGING = ".converting"
_complete, _sealed, _clear = "complete", "sealed", "clear"
_logs = (".wal", "-wal", "-shm")
spare_bytes = 64 * 1024 * 1024
growth = 1.5
"""How much a database may grow when it is sealed: embeddings by 4 %, short texts by half."""


class Writing(Protocol):
    """Rewrites each database of a directory."""

    def __call__(
        self, path: Path, target: Path, before: Vault | None, after: Vault | None, report: Report
    ) -> AbstractContextManager[None]:
        """Writes the database at `path` to `target` and verifies it; nobody else can open it until the block ends."""
        ...


@dataclass(frozen=True, slots=True)
class Changeable:
    """A place, how its databases are rewritten, and the patterns of other files in the earlier form."""

    place: Place
    writing: Writing
    leftovers: tuple[str, ...]

    @property
    def home(self) -> Path:
        """Where it is."""
        return self.place.home


def require_settled(home: Path) -> None:
    """Raises NotReady if a change has begun to replace files and has not finished."""
    if (home / STAGING / _complete).exists():
        raise NotReady(
            f"The encryption of {home} is being changed, and was interrupted.",
            "Repeat the `segue key` command that was interrupted: it goes on from there.",
        )


def finish_interrupted(changed: Changeable) -> bool:
    """Finishes an interrupted change; returns whether anything was replaced."""
    if (changed.home / STAGING / _complete).exists():
        _put_in_place(changed)
        return True
    discard_unfinished(changed.home)
    return False


def discard_unfinished(home: Path) -> None:
    """Removes the files of a change that was interrupted before it replaced anything."""
    if not (home / STAGING / _complete).exists():
        shutil.rmtree(home / STAGING, ignore_errors=True)


def rewrap(home: Path, key: Key, new: Key) -> None:
    """Wraps the data key with the new key; the earlier key becomes useless."""
    if keyring := read_keyring(home):
        write_keyring(home, wrap(keyring.unwrap(key), new))


def change(changed: Changeable, key: Key | None, new: Key | None, report: Report) -> None:
    """Rewrites everything: sealed by a new data key, wrapped by the key `new`, or in clear without one.

    `key` is the current key, None if the data is not encrypted. Unavailable, and nothing has changed, if there is too
    little room or a database is open elsewhere.

    """
    keyring = read_keyring(changed.home)
    before = Vault(keyring.unwrap(key)) if keyring and key else None
    databases = sorted(changed.home.glob(changed.place.databases))
    _require_room(changed.home, databases)
    staging = changed.home / STAGING
    staging.mkdir(mode=0o700)
    try:
        _write(changed, databases, before, new, report)
    except OSError as error:
        raise Unavailable(f"{changed.home} is as it was: {error.strerror}.", "Is there room for a copy?") from error
    finally:
        discard_unfinished(changed.home)
    _put_in_place(changed)


def _write(changed: Changeable, databases: list[Path], before: Vault | None, new: Key | None, report: Report) -> None:
    staging, data_key = changed.home / STAGING, new_data_key()
    after = Vault(data_key) if new else None
    with ExitStack() as held:  # nobody else may open one until all of them can be replaced
        for path in databases:
            held.enter_context(changed.writing(path, staging / path.name, before, after, report))
            (staging / path.name).chmod(0o600)
            sync(staging / path.name)
        if new:
            write_keyring(staging, wrap(data_key, new))
        _mark_complete(staging, is_sealed=new is not None)


def _require_room(home: Path, databases: list[Path]) -> None:
    size = sum(path.stat().st_size for path in databases)
    needed, free = size * growth + spare_bytes, shutil.disk_usage(home).free
    if free < needed:
        raise Unavailable(
            f"A copy is written first: {needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free.",
            "Make room on that disk. Nothing was changed.",
        )


def _mark_complete(staging: Path, *, is_sealed: bool) -> None:
    write_private(staging / _complete, _sealed if is_sealed else _clear)
    sync(staging.parent)


def _put_in_place(changed: Changeable) -> None:
    """Replaces the files; any of these steps may have been done already."""
    home, staging = changed.home, changed.home / STAGING
    for staged in sorted(staging.glob(changed.place.databases)):
        for log in _logs:
            (home / f"{staged.name}{log}").unlink(missing_ok=True)  # both files contain its changes
        staged.replace(home / staged.name)
    if (staging / KEYRING).exists():
        (staging / KEYRING).replace(home / KEYRING)
    elif (staging / _complete).read_text() == _clear:
        (home / KEYRING).unlink(missing_ok=True)
    for pattern in changed.leftovers:
        for left in home.glob(pattern):
            left.unlink()
    sync(home)
    (staging / _complete).unlink()
    shutil.rmtree(staging)
