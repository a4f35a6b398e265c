"""The files most likely to need a fix next, from a project's history, and how often that was right here. Pure.

The weight of a change is that of Lewis and Ou, "Bug prediction at Google" (2011): 1 / (1 + exp(12 - 12 t)), where t is
0 at the beginning of the history that is looked at and 1 now; a file's weight is the sum over its changes. Summed over
fixes alone, as published, it finds fewer of the next fixes than over all changes (`make bench` prints both).
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import mean
from typing import Any

files_max = 5
fixes_ahead = 20
"""A forecast is right about a file if one of the next so many fixes changes it."""
trial_step = 25
changes_before_min = 100
trials_min = 4
_sweeping_paths = 40
"""A commit of more files says nothing of each."""
_path_max_chars = 300


@dataclass(frozen=True, slots=True)
class Change:
    """A commit: seconds since the epoch, whether its subject says that it fixes something, and the sources in it."""

    time: float
    is_fix: bool
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FixProneFile:
    """How often a file was changed within the history that was looked at, and how many of the changes were fixes."""

    path: str
    changes: int
    fixes: int


@dataclass(frozen=True, slots=True)
class FixForecast:
    """The files, the likeliest first. `right` is the share of the files named at `trials` earlier times that one of the
    next `fixes_ahead` fixes changed; `right_by_last` the same share of the files that were fixed last: "no change"."""

    files: tuple[FixProneFile, ...]
    commits: int
    trials: int
    right: float
    right_by_last: float


def forecast_fixes(changes: Sequence[Change], present: Container[str]) -> FixForecast | None:
    """The forecast of a history, oldest first, of the files that are `present`; None where too little is known, or
    where by this very history those fixed last were as good a guess."""
    ends = range(len(changes) - trial_step, changes_before_min, -trial_step)
    trials = [made for end in ends if (made := _trial(changes, end))]
    if len(trials) < trials_min:
        return None
    right, right_by_last = (mean(shares) for shares in zip(*trials, strict=True))
    if right <= right_by_last:
        return None
    named = likeliest(changes, present)
    files = tuple(_facts_of(path, changes) for path in named)
    return FixForecast(files, len(changes), len(trials), round(right, 3), round(right_by_last, 3)) if files else None


def _trial(changes: Sequence[Change], end: int) -> tuple[float, float] | None:
    """Of the files that would have been named after `changes[:end]`, and of those fixed last then, the share that the
    next fixes changed; None where fewer followed, or there were fewer files."""
    fixed = files_fixed_next(changes, end)
    if fixed is None:
        return None
    before = changes[:end]
    guesses = likeliest(before), fixed_last(before)
    if min(map(len, guesses)) < files_max:
        return None
    by_weight, by_last = (sum(path in fixed for path in guess) / files_max for guess in guesses)
    return by_weight, by_last


def files_fixed_next(changes: Sequence[Change], end: int) -> frozenset[str] | None:
    """The files in the next `fixes_ahead` fixes after `changes[:end]`; None where fewer followed."""
    following = list(islice((each for each in changes[end:] if each.is_fix and each.paths), fixes_ahead))
    return frozenset(path for each in following for path in each.paths) if len(following) == fixes_ahead else None


def likeliest(
    changes: Sequence[Change], present: Container[str] | None = None, *, fixes_alone: bool = False
) -> list[str]:
    """At most `files_max` paths by the sum of their changes' weights, the largest first."""
    if not changes:
        return []
    began, span = changes[0].time, max(changes[-1].time - changes[0].time, 1.0)
    weights: dict[str, float] = {}
    for each in changes:
        if len(each.paths) > _sweeping_paths or (fixes_alone and not each.is_fix):
            continue
        weight = _weight((each.time - began) / span)
        for path in each.paths:
            weights[path] = weights.get(path, 0.0) + weight
    known = (path for path in weights if present is None or path in present)
    return sorted(known, key=lambda path: (-weights[path], path))[:files_max]


def fixed_last(changes: Sequence[Change], present: Container[str] | None = None) -> list[str]:
    """At most `files_max` paths, that of the last fix first: the baseline."""
    found: dict[str, None] = {}
    for each in reversed(changes):
        if each.is_fix and len(each.paths) <= _sweeping_paths:
            found |= dict.fromkeys(path for path in each.paths if present is None or path in present)
        if len(found) >= files_max:
            break
    return list(found)[:files_max]


def _weight(t: float) -> float:
    return 1 / (1 + math.exp(12 - 12 * min(max(t, 0.0), 1.0)))


def _facts_of(path: str, changes: Sequence[Change]) -> FixProneFile:
    of_it = [each for each in changes if path in each.paths]
    return FixProneFile(_shown(path), len(of_it), sum(each.is_fix for each in of_it))


def _shown(path: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path[:_path_max_chars])


def to_facts(forecast: FixForecast | None) -> dict[str, Any] | None:
    """As JSON, for a client's report."""
    if forecast is None:
        return None
    files = [[each.path, each.changes, each.fixes] for each in forecast.files]
    figures = {"trials": forecast.trials, "right": forecast.right, "right_by_last": forecast.right_by_last}
    return {"files": files, "commits": forecast.commits, **figures}


def from_facts(facts: object) -> FixForecast | None:
    """What a client reported; None if any of it is impossible, for it is shown as it is."""
    match facts:
        case {
            "files": [*rows],
            "commits": int(commits),
            "trials": int(trials),
            "right": int() | float() as right,
            "right_by_last": int() | float() as right_by_last,
        } if 0 <= right_by_last < right <= 1 and trials >= trials_min and commits > 0:
            files = [_file(row, commits) for row in rows[:files_max]]
            if files and all(files):
                return FixForecast(tuple(filter(None, files)), commits, trials, float(right), float(right_by_last))
    return None


def _file(row: object, commits: int) -> FixProneFile | None:
    match row:
        case [str(path), int(changes), int(fixes)] if path and 0 <= fixes <= changes <= commits:
            return FixProneFile(_shown(path), changes, fixes)
    return None
