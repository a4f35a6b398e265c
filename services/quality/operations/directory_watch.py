"""Whether anything in a directory has changed since it was looked at, by the kernel's word (inotify on Linux).

Nothing of the repository is asked, so nothing in it can lie: neither its index nor an fsmonitor that it names. Where
the kernel does not know of every change (a network's file system, another system's) or does not watch, there is no
watch, and the directory is walked again. What is written through a memory map is not told either, so a watch is
believed for a minute.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from pathlib import Path

trusted_s = 60.0
directories_max = 20_000
share_of_watches = 8
"""One project takes an eighth of the user's watches at most: editors want them, too."""

# What changes a file's size or time, an entry of a directory, or the directory's own place (linux/inotify.h).
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED, _CREATE, _DELETE, _SELF = 0x2, 0x4, 0x8, 0xC0, 0x100, 0x200, 0xC00
_ONLY_DIRECTORIES, _NO_LINKS, _NOT_UNLINKED = 0x01000000, 0x02000000, 0x04000000
_MASK = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _SELF
_MASK |= _ONLY_DIRECTORIES | _NO_LINKS | _NOT_UNLINKED
_event_max_bytes = 4096

KNOWS_EVERY_CHANGE = frozenset(
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "ramfs", "overlay"]
)
"""File systems that only this kernel writes to."""


class Watch:
    """Over directories that are added one by one, each before it is read; then silent until something changes."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._devices = _devices()
        self._left = min(directories_max, _watches_allowed() // share_of_watches)
        self._began_s = time.monotonic()
        if self._devices and self._left:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def add(self, directory: str) -> None:
        """Watches the directory, where it is there; the whole watch is given up where that is not possible."""
        if self._descriptor < 0:
            return
        try:
            device = os.stat(directory, follow_symlinks=False).st_dev  # noqa: PTH116
        except OSError:
            return  # its parent is watched: the walk does not find it either
        self._left -= 1
        is_told = self._left >= 0 and device in self._devices
        if not is_told or not self._is_watched(directory):
            self.close()

    def _is_watched(self, directory: str) -> bool:
        """Also where it cannot be read: the walk does not read it either, and its parent tells when it can be."""
        if self._libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _MASK) >= 0:
            return True
        return ctypes.get_errno() in {errno.ENOENT, errno.ENOTDIR, errno.EACCES}

    def is_silent(self) -> bool:
        """Whether nothing has changed, and that is certain."""
        if self._descriptor < 0 or time.monotonic() - self._began_s > trusted_s:
            return False
        try:
            os.read(self._descriptor, _event_max_bytes)
        except BlockingIOError:
            return True
        self.close()
        return False

    def close(self) -> None:
        """It is never silent from now on."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def _devices() -> frozenset[int]:
    """The mounted file systems whose every change this kernel knows of."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    found = set()
    for fields, rest in (line.split(" - ", 1) for line in mounts if " - " in line):
        if rest.split(" ", 1)[0] in KNOWS_EVERY_CHANGE:
            major, minor = fields.split(" ")[2].split(":")
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def _watches_allowed() -> int:
    try:
        return int(Path("/proc/sys/fs/inotify/max_user_watches").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
