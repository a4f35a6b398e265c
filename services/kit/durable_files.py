"""Files that survive a power cut: synced, and replaced in one step. Standard library only, and light: hooks use it.

On macOS `fsync` ends at the drive's own cache, which a power cut empties; F_FULLFSYNC ends on the disk.
"""

from __future__ import annotations

import os

MYPY = False
if MYPY:
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def sync(path: str | Path) -> None:
    """Returns once the file or directory is on the disk."""
    if fcntl is None and os.path.isdir(path):  # noqa: PTH112 - Windows opens none
        return
    descriptor = os.open(path, os.O_RDONLY if fcntl else os.O_RDWR)
    try:
        sync_open(descriptor)
    finally:
        os.close(descriptor)


def sync_open(descriptor: int) -> None:
    """Returns once what was written to the open file is on the disk."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(descriptor, full)
        except OSError:  # a file system of another kind need not know it
            pass
        else:
            return
    os.fsync(descriptor)


def write_private(path: Path, text: str) -> None:
    """Puts the text under that name in one step, for its owner alone; the earlier file stays whole where that fails."""
    draft = path.with_name(f".{path.name.removeprefix('.')}.new")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        sync(draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)
