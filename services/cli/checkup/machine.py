"""Checks this machine: the data directory, the disk, missing backups."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from services.cli.checkup.finding import BROKEN, DEGRADED, OK, Finding, modification_times
from services.cli.durations import ago
from services.kit.backup import ID_FILE
from services.kit.systems import Unlockable, lock

FREE_WANTED_BYTES, FREE_NEEDED_BYTES = 1 << 30, 64 << 20
BACKUPS_MAX = 5_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO
KEY_FILE = "SEGUE_MEMORY_ENCRYPTION_KEY_FILE"
BACKUP_DIRECTORY, BACKUP_EVERY_H = "SEGUE_MEMORY_BACKUP_DIRECTORY", "SEGUE_MEMORY_BACKUP_EVERY_H"
LATE = 2.0
"""A backup is overdue at this multiple of its interval."""


def machine(data_dir: Path) -> Iterator[Finding]:
    """All checks of this machine."""
    yield _data_directory(data_dir)
    yield _disk(data_dir)
    yield _encryption()
    yield _backups(data_dir, time.time())


def _data_directory(data_dir: Path) -> Finding:
    quoted = shlex.quote(str(data_dir))
    try:
        status = data_dir.stat()
    except FileNotFoundError:
        return Finding("data", OK, f"{data_dir} is made at the first start")
    except OSError as problem:
        return Finding("data", BROKEN, f"{data_dir}: {problem.strerror}", f"ls -ld {quoted}")
    mode, unlockable = status.st_mode, _lock_trouble(data_dir)
    faults = (
        (not stat.S_ISDIR(mode), BROKEN, f"{data_dir} is no directory", f"mv {quoted} {quoted}.aside"),
        (status.st_uid != os.getuid(), BROKEN, f"{data_dir} is another user's", f"sudo chown -R $(id -u) {quoted}"),
        (mode & stat.S_IRWXU != stat.S_IRWXU, BROKEN, f"{data_dir} cannot be written", f"chmod 700 {quoted}"),
        (unlockable, BROKEN, f"{data_dir}: {unlockable}", "export SEGUE_DATA_DIR=~/segue  # a local disk"),
        (mode & OTHERS, DEGRADED, f"others on this machine may look into {data_dir}", f"chmod 700 {quoted}"),
    )
    found = next((Finding("data", *rest) for is_so, *rest in faults if is_so), None)
    return found or Finding("data", OK, f"{data_dir}, yours alone")


def _lock_trouble(directory: Path) -> str:
    """Why a server could not be the only one there; what cannot be opened has another fault."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return ""
    try:
        lock(descriptor, shared=True)
    except Unlockable as problem:
        return str(problem)
    finally:
        os.close(descriptor)
    return ""


def _disk(data_dir: Path) -> Finding:
    there = next((path for path in (data_dir, *data_dir.parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    status = OK if free >= FREE_WANTED_BYTES else DEGRADED if free >= FREE_NEEDED_BYTES else BROKEN
    return Finding(
        "disk", status, f"{free / 1e9:.1f} GB free", "" if status == OK else f"df -h {shlex.quote(str(there))}"
    )


def _encryption() -> Finding:
    """Checks the key that the environment names; the server checks at its start whether it is the right one."""
    named = os.environ.get(KEY_FILE)
    if not named:
        return Finding("encryption", OK, f"off; `segue key generate` and {KEY_FILE} switch it on")
    path = Path(named).expanduser()
    try:
        mode = path.stat().st_mode
    except OSError as problem:
        return Finding("encryption", BROKEN, f"the key {path} cannot be read: {problem.strerror}", f"ls -l {path}")
    if mode & OTHERS:
        return Finding("encryption", DEGRADED, f"others may read the key {path}", f"chmod 600 {shlex.quote(str(path))}")
    return Finding("encryption", OK, f"by the key in {path}; keep a copy elsewhere")


def _backups(data_dir: Path, now: float) -> Finding:
    """Checks the directory that the environment names; the server may have been started with another."""
    place = os.environ.get(BACKUP_DIRECTORY)
    if not place:
        return Finding("backups", OK, f"there are no automatic ones; set {BACKUP_DIRECTORY} for them")
    directory = Path(place).expanduser()
    made = sorted(modification_times(islice(_own_backups(directory, data_dir), BACKUPS_MAX)).values())
    remedy = f"segue backup {shlex.quote(str(directory))}"
    if not made:
        return Finding("backups", DEGRADED, f"there is none in {directory} yet", remedy)
    age_s = now - made[-1]
    late = age_s > LATE * float(os.environ.get(BACKUP_EVERY_H) or 24) * 3_600
    return Finding("backups", DEGRADED if late else OK, f"the last was made {ago(age_s)}", remedy if late else "")


def _own_backups(directory: Path, data_dir: Path) -> Iterator[Path]:
    """Backups of this data directory, or all of them if it has no id yet."""
    try:
        own = (data_dir / "memory" / ID_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        own = ""
    return directory.glob(f"segue-*-{own}" if own.isalnum() else "segue-*")
