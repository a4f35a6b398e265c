"""When files were last changed, by what git knows: after a clone all files look new, and none of them is.

A file that git has as it is was changed when its last commit was made, or earlier if its own time says so; any other,
at its own time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.kit.errors import ServiceError
from services.quality.collectors.directory import File, Place
from services.workspace.git.commit_log import OPTIONS, commits, prefix_of
from services.workspace.git.repository import Repository
from services.workspace.git.status import Status, read_status

commits_max = 300


@dataclass(frozen=True)
class History:
    """The time of each path's last commit among the last ones, the time of the earliest of these, and what has changed
    since the last commit. `is_complete` unless the clone is shallow, or git cannot list what the commits changed."""

    times: Mapping[str, float]
    earliest: float
    changed: frozenset[str]
    is_complete: bool

    def committed_at(self, path: str) -> float:
        """When the path was committed last; for one that is not among the last commits, at most then."""
        return self.times.get(path, self.earliest)


def is_shallow(repository: Repository) -> bool:
    """Whether the clone has only some of its commits."""
    return (repository.common_dir / "shallow").is_file()


def history(place: Place, status: Status) -> History | None:
    """The history of a place's files; None where git has none."""
    repository = place.repository
    if repository is None or not place.tracked or not status.head:
        return None
    prefix = prefix_of(place.root, repository)
    chosen = (f"--max-count={commits_max}", "-m", "--first-parent")
    finished = repository.git("log", *chosen, *OPTIONS, "--end-of-options", "HEAD", "--")
    changed = {os.fsdecode(change.path).removeprefix(prefix) for change in status.changes}
    if not finished.ok and finished.ending != "too much output":  # of a partial clone, git may lack the trees
        return History({}, math.inf, frozenset(changed), is_complete=False)
    times, earliest = _commit_times(finished.output, prefix)
    is_whole = not is_shallow(repository)
    return History(times, earliest, frozenset(changed), is_whole)


def _commit_times(output: bytes, prefix: str) -> tuple[dict[str, float], float]:
    """The time of the last commit of each path, and the earliest time; the newest commit comes first."""
    times: dict[str, float] = {}
    time = 0.0
    for time, _, paths in commits(output, prefix):
        for path in paths:
            times.setdefault(path, time)
    return times, time


def change_times(place: Place, known: History | None) -> Callable[[File], float]:
    """When a file was last changed, in seconds since the epoch."""
    tracked = place.tracked

    def changed_at(file: File) -> float:
        if known is None or not tracked or file.path not in tracked or file.path in known.changed:
            return file.modified
        return min(file.modified, known.committed_at(file.path))

    return changed_at


def last_commit_s(place: Place, file: File) -> float | None:
    """When a file was committed last, in seconds since the epoch; None if git does not say."""
    if place.repository is None:
        return None
    path = os.path.relpath(place.root / file.path, place.repository.root)
    finished = place.repository.git("log", "-1", "--no-show-signature", "--format=%ct", "HEAD", "--", path)
    stamp = finished.output.strip()
    return float(min(int(stamp), 2**33)) if finished.ok and stamp.isdigit() else None


def date_files(place: Place) -> None:
    """Has `place.changed_at` go by what git knows; asks git once, whichever collector is first."""
    with place.guard:
        if place.is_dated or place.repository is None:
            return
        place.is_dated = True
        try:
            place.history = history(place, status_of(place, place.repository))
        except ServiceError:
            return
        place.changed_at = change_times(place, place.history)


def status_of(place: Place, repository: Repository) -> Status:
    """The status of the place's repository, asked for once. Raises what `read_status` does."""
    with place.guard:
        if place.status is None:
            place.status = read_status(repository)
        found: Status = place.status
        return found
