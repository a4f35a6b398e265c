"""Scans directories, and recognises unchanged ones, which are not walked again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from services.quality.collectors.directory import File, Place
from services.quality.collectors.scan import environment_state, look, scanned_root
from services.quality.operations.directory_stamps import Stamps
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
    stamps: Stamps
    measured: dict[tuple[str, File], Any]


class Looking:
    """Scans only inside `roots`, and watches the last directories scanned, or looks at their times again. Blocking, and
    thread-safe."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._seen: OrderedDict[Path, Seen] = OrderedDict()
        self._guard = threading.Lock()

    def last_look(self, directory: Path) -> Seen | None:
        """The last scan, if a new one would have the same result. Raises the errors of `look`."""
        root = scanned_root(directory, self._roots)
        with self._guard:
            seen = self._seen.get(root)
            if seen is None or not (seen.watch.is_blind or seen.watch.is_silent()):
                return None
            self._seen.move_to_end(root)
        if _identity(root) != seen.identity or environment_state(root) != seen.environment:
            return None
        return None if seen.watch.is_blind and not seen.stamps.are_same() else seen

    def look(self, directory: Path, now: datetime) -> Place:
        """Scans the directory, and remembers the result for `last_look`."""
        root = scanned_root(directory, self._roots)
        watch, stamps, before = Watch(), Stamps(root), self._seen.get(root)
        measured = before.measured if before and len(before.measured) <= measured_max else {}
        try:
            environment, identity = environment_state(root), _identity(root)
            place = look(root, self._roots, now, entering=partial(_enter, watch, stamps), measured=measured)
            if watch.is_blind:
                stamps.add_files(place)
        except BaseException:
            watch.close()
            raise
        self._keep(Seen(root, place.state, place.newest(), identity, environment, watch, stamps, measured))
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


def _enter(watch: Watch, stamps: Stamps, directory: str) -> None:
    watch.add(directory)
    stamps.add(directory)


def _identity(root: Path) -> tuple[int, int]:
    found = root.stat()
    return found.st_dev, found.st_ino
