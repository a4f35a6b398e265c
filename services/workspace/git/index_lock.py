"""Locks for writing: one checkpoint at a time in a working tree, and git's own lock while the index is replaced."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.kit.systems import PLAIN, lock

LOCK_FILE = "segue-checkpoint.lock"
# The prefix of the temporary indexes that checkpoints make.
OWN_INDEX_PREFIX = "segue-index-"
LOCK_TIMEOUT_S = 20.0
INDEX_LOCK_TIMEOUT_S = 1.0
POLL_INTERVAL_S = 0.01
# The contents of index.lock while it is ours; git writes the new index there, which begins with DIRC.
OURS = b"segue checkpoint\n"

IndexIdentity = tuple[int, int, int] | None


class Busy(Exception):
    """Another process is writing, or has just written."""


class Changed(Busy):
    """The index has changed; a new attempt may succeed."""


@contextmanager
def checkpoint_lock(git_dir: Path) -> Iterator[None]:
    """Holds the lock for making a checkpoint of this working tree; the file names the process. Raises Busy.

    The lock ends with its process, even one that is killed. The file stays: if it were removed, two processes could
    lock two different files.
    """
    held = os.open(git_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | PLAIN, 0o600)
    try:
        if not _is_true_within(LOCK_TIMEOUT_S, lambda: lock(held)):
            raise Busy("Another checkpoint of this working tree takes very long")
        os.ftruncate(held, 0)
        os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
        _remove_left_behind(git_dir)
        yield
    finally:
        os.close(held)


def index_identity(git_dir: Path) -> IndexIdentity:
    """Changes whenever the index is written; None if there is no index."""
    try:
        found = (git_dir / "index").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def replace_index(git_dir: Path, made: Path, before: IndexIdentity, move: Callable[[], None]) -> None:
    """Under git's own lock: `move` the branch, then put `made` in the index's place. Should `move` raise, the index is
    as it was. Raises Changed where the index is no longer the one of `before`, Busy where somebody keeps it locked."""
    index_lock = git_dir / "index.lock"
    if not _is_true_within(INDEX_LOCK_TIMEOUT_S, lambda: _create_lock_file(index_lock)):
        raise Busy(_explanation(index_lock))
    try:
        if index_identity(git_dir) != before:
            raise Changed("Another git command changed the index meanwhile")
        move()
        _keep_access(git_dir / "index", made)
        made.replace(git_dir / "index")
    finally:
        index_lock.unlink()


def _is_true_within(timeout_s: float, attempt: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + timeout_s
    while not attempt():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _explanation(index_lock: Path) -> str:
    """What keeps the index locked, and what to do if it is nothing any more."""
    text = "Another git command keeps the index locked"
    try:
        age_s = time.time() - index_lock.stat().st_mtime
    except OSError:
        return text
    since = f"{age_s / 60:,.0f} minutes" if age_s >= 120 else f"{max(age_s, 0):.0f} seconds"
    place = f"{index_lock.parent.name}/{index_lock.name}"
    return f"{text}, for {since}; if none runs any more, a crash left the lock: remove {place}"


def _keep_access(index: Path, made: Path) -> None:
    """Gives the new index the mode and the owner of the one it replaces: others may have to read and write it."""
    try:
        found = index.stat()
    except FileNotFoundError:
        return
    now = made.stat()
    if (now.st_uid, now.st_gid) != (found.st_uid, found.st_gid):
        with suppress(PermissionError):  # only root may give a file away
            os.chown(made, found.st_uid, found.st_gid)
    made.chmod(stat.S_IMODE(found.st_mode))


def _create_lock_file(index_lock: Path) -> bool:
    try:
        descriptor = os.open(index_lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(OURS)
    return True


def _remove_left_behind(git_dir: Path) -> None:
    """Removes the files of a killed checkpoint. The holder of the checkpoint lock knows that it is dead."""
    for made in git_dir.glob(f"{OWN_INDEX_PREFIX}*"):
        made.unlink()
    left = git_dir / "index.lock"
    if left.is_file() and not left.is_symlink() and left.stat().st_size == len(OURS) and left.read_bytes() == OURS:
        left.unlink()
