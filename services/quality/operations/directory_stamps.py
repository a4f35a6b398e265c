"""The times of what was scanned, to see whether it is still so where the kernel reports no changes (macOS, WSL).

Half the work of a scan: nothing is listed, sorted or collected. A directory that changed in the moment of its scan
could change again without another time: then it is scanned anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from services.kit.systems import PLAIN
from services.quality.collectors.directory import Place
from services.quality.collectors.scan import GIT_STATE, git_directory

files_max = 20_000
"""Of a larger project no times are kept."""
settled_after_s = 2.0
"""The coarsest clock of a file system."""


class _Stamp(NamedTuple):
    size: int
    modified_ns: int
    changed_ns: int
    inode: int


class Stamps:
    """Of one scan. Directories are added one by one, before each is read, and the files once all are known."""

    def __init__(self, root: Path) -> None:
        self._began_s = time.time()
        git = git_directory(root)
        self._entries: dict[str | Path, _Stamp | None] = {git / name: _stamp(git / name) for name in GIT_STATE}
        self._files: Sequence[tuple[str, Sequence[tuple[str, int, float]]]] = ()
        self._is_whole = False

    def add(self, directory: str) -> None:
        """A directory that the scan is about to read."""
        self._entries[directory] = _stamp(directory)

    def add_files(self, place: Place) -> None:
        """What the scan found; of too much, and of what may still change unseen, nothing is kept."""
        files = dict.fromkeys((*place.files, *place.reports))
        if len(files) > files_max or place.truncated or not self._is_settled():
            return
        by_directory = groupby(((*os.path.split(file.path), file) for file in files), key=itemgetter(0))
        self._files = [
            (os.path.join(place.root, directory), [(name, file.size, file.modified) for _, name, file in its])  # noqa: PTH118
            for directory, its in by_directory
        ]
        self._is_whole = True

    def _is_settled(self) -> bool:
        latest_ns = max((stamp.changed_ns for stamp in self._entries.values() if stamp), default=0)
        return latest_ns < (self._began_s - settled_after_s) * 1e9

    def are_same(self) -> bool:
        """Whether a scan would find the same."""
        if not self._is_whole:
            return False
        is_same = all(_stamp(path) == stamp for path, stamp in self._entries.items())
        return is_same and all(_are_same(*each) for each in self._files)


def _stamp(path: str | Path) -> _Stamp | None:
    try:
        status = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    except OSError:
        return None
    return _Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _are_same(directory: str, files: Iterable[tuple[str, int, float]]) -> bool:
    """By the open directory: the kernel then looks only the name up, which halves the time."""
    try:
        opened = os.open(directory, os.O_RDONLY | PLAIN | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return False
    try:
        for name, size, modified in files:
            status = os.stat(name, dir_fd=opened, follow_symlinks=False)
            if status.st_mtime != modified or status.st_size != size:
                return False
    except OSError:
        return False
    finally:
        os.close(opened)
    return True
