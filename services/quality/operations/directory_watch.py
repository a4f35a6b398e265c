"""Detects whether a directory has changed since it was scanned, from the kernel (inotify on Linux).

Uses nothing from the repository, which could lie: neither its index nor an fsmonitor that it configures. If the kernel
does not see every change (network file systems, other operating systems) or has no watches left, the watch is blind.
Writes through a memory map are not reported either, so a watch is trusted for a minute only.
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
"""One project uses at most an eighth of the user's watches: editors need some, too."""

# Changes of a file's size or time, of a directory's entries, or of its own location (linux/inotify.h).
_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED, _CREATE, _DELETE, _SELF = 0x2, 0x4, 0x8, 0xC0, 0x100, 0x200, 0xC00
_ONLY_DIRECTORIES, _NO_LINKS, _NOT_UNLINKED = 0x01000000, 0x02000000, 0x04000000
_MASK = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _SELF
_MASK |= _ONLY_DIRECTORIES | _NO_LINKS | _NOT_UNLINKED
_event_max_bytes = 4096

KNOWS_EVERY_CHANGE = frozenset(
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "ramfs", "overlay"]
)
"""File systems that only this kernel can write to."""


class Watch:
    """Watches directories, added one by one before each is read; silent until something changes."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._has_noticed = False
        self._devices = _devices()
        self._left = min(directories_max, _watches_allowed() // share_of_watches)
        self._began_s = time.monotonic()
        if self._devices and self._left:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def add(self, directory: str) -> None:
        """Watches the directory if it exists; if that is not possible, closes the whole watch."""
        if self._descriptor < 0:
            return
        try:
            device = os.stat(directory, follow_symlinks=False).st_dev  # noqa: PTH116
        except OSError:
            return  # its parent is watched, and the walk does not find it either
        self._left -= 1
        is_told = self._left >= 0 and device in self._devices
        if not is_told or not self._is_watched(directory):
            self.close()

    def _is_watched(self, directory: str) -> bool:
        """True also for an unreadable directory: the walk skips it, and its parent reports when it becomes readable."""
        if self._libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _MASK) >= 0:
            return True
        return ctypes.get_errno() in {errno.ENOENT, errno.ENOTDIR, errno.EACCES}

    @property
    def is_blind(self) -> bool:
        """Whether it cannot tell, and has not told, that anything changed."""
        return self._descriptor < 0 and not self._has_noticed

    def is_silent(self) -> bool:
        """Whether it is certain that nothing has changed."""
        if self._descriptor < 0 or time.monotonic() - self._began_s > trusted_s:
            return False
        try:
            os.read(self._descriptor, _event_max_bytes)
        except BlockingIOError:
            return True
        self._has_noticed = True
        self.close()
        return False

    def close(self) -> None:
        """Ends the watch; it is never silent afterwards."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def _devices() -> frozenset[int]:
    """The devices of mounted file systems on which this kernel sees every change."""
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
