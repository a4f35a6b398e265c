"""Scans directories, and recognises unchanged ones, which are not walked again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.quality.collectors.directory import File, Place
from services.quality.collectors.scan import environment_state, look, scanned_root
from services.quality.operations.directory_watch import Watch

watched_max = 16
measured_max = 5_000
"""The maximum of single files of a project whose measurements are cached."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a scan without the files: `state` and `newest` of the place."""

    root: Path
    state: str
    newest: float
    identity: tuple[int, int]
    environment: Sequence[float]
    watch: Watch
    measured: dict[tuple[str, File], Any]


class Looking:
    """Scans only inside `roots`, and watches the last directories scanned. Blocking, and thread-safe."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._seen: OrderedDict[Path, Seen] = OrderedDict()
        self._guard = threading.Lock()

    def last_look(self, directory: Path) -> Seen | None:
        """The last scan, if a new one would have the same result. Raises the errors of `look`."""
        root = scanned_root(directory, self._roots)
        with self._guard:
            seen = self._seen.get(root)
            if seen and seen.watch.is_silent() and _identity(root) == seen.identity:
                self._seen.move_to_end(root)
                return seen if environment_state(root) == seen.environment else None
        return None

    def look(self, directory: Path, now: datetime) -> Place:
        """Scans the directory, and remembers the result for `last_look`."""
        root = scanned_root(directory, self._roots)
        watch, before = Watch(), self._seen.get(root)
        measured = before.measured if before and len(before.measured) <= measured_max else {}
        try:
            environment, identity = environment_state(root), _identity(root)
            place = look(root, self._roots, now, entering=watch.add, measured=measured)
        except BaseException:
            watch.close()
            raise
        self._keep(Seen(root, place.state, place.newest(), identity, environment, watch, measured))
        return place

    def close(self) -> None:
        """Closes all watches."""
        with self._guard:
            for seen in self._seen.values():
                seen.watch.close()
            self._seen.clear()

    def _keep(self, seen: Seen) -> None:
        with self._guard:
            before = self._seen.pop(seen.root, None)
            self._seen[seen.root] = seen
            oldest = self._seen.popitem(last=False)[1] if len(self._seen) > watched_max else None
            for each in filter(None, (before, oldest)):
                each.watch.close()


def _identity(root: Path) -> tuple[int, int]:
    found = root.stat()
    return found.st_dev, found.st_ino
