"""How often forecasts of quality are right, by replay: scores of recorded histories, and fixes of repositories.

`python -m tests.performance.foresight.replays [GIT_DIRECTORY …]`. In `make bench` the repositories are those of
SEGUE_BENCH_HISTORIES, git directories with colons between; without any, fixes are left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import linear_regression, mean

from services.quality.collectors.fix_history import commits_max, source_changes
from services.quality.domain.fix_prone import (
    Change,
    files_fixed_next,
    files_max,
    fixed_last,
    fixes_ahead,
    forecast_fixes,
    likeliest,
)
from services.quality.domain.trend import Point, forecast, forecast_ahead, forecast_ahead_max, forecast_days_max
from services.workspace.git.repository import find_repository
from tests.performance.foresight.histories import score_histories
from tests.performance.rows import Row

points_before = 20
replayed_commits = 1500
step_commits = 50
METHODS: dict[str, Callable[[Sequence[Change], Container[str]], list[str]]] = {
    "as weighted": likeliest,
    "weighted, fixes alone": partial(likeliest, fixes_alone=True),
    "fixed last": fixed_last,
}


@dataclass(frozen=True)
class Cut:
    """A moment of a history: the share of named files that the next fixes changed, by method, and whether the product
    would have named any."""

    right: dict[str, float]
    is_shown: bool


@dataclass(frozen=True)
class Week:
    """How far each way was from the score of a week later, and whether that was within the interval."""

    errors: dict[str, float]
    is_within: bool
    width: float


def fix_rows(directories: Sequence[str]) -> Iterator[Row]:
    """A row for each repository, and their means, each repository counting once."""
    if not directories:
        yield Row("fixes forecast, repositories", 0, "", "left out: SEGUE_BENCH_HISTORIES names none")
        return
    replayed = {each: cuts for each in directories if (cuts := _cuts(Path(each)))}
    for directory, cuts in replayed.items():
        shown = [each for each in cuts if each.is_shown]
        name = f"fixes forecast, {project_name(directory)}"
        if not shown:
            note = f"fixed last {_percent(cuts, 'fixed last'):.0f}; says nothing at any of {len(cuts)} moments"
            yield Row(name, _percent(cuts, "as weighted"), "%", note)
            continue
        note = f"fixed last {_percent(shown, 'fixed last'):.0f}; shown at {len(shown)} of {len(cuts)} moments"
        yield Row(name, _percent(shown, "as weighted"), "%", note)
    for title, chosen in (("shown", [True]), ("all moments", [True, False])):
        parts = [part for cuts in replayed.values() if (part := [each for each in cuts if each.is_shown in chosen])]
        means = {method: mean(_percent(part, method) for part in parts) for method in METHODS}
        others = ", ".join(f"{method} {value:.1f}" for method, value in means.items() if method != "as weighted")
        note = f"of {files_max} files in one of the next {fixes_ahead} fixes; {others}; {len(parts)} repositories"
        yield Row(f"fixes forecast, mean, {title}", means["as weighted"], "%", note)


def score_rows() -> Iterator[Row]:
    """What the score of a week later was, against each way to say it before; each history counts once."""
    replayed = {each.name: weeks for each in score_histories() if (weeks := _weeks(each.points))}
    for title, named in (("looked at", SEEN), ("not looked at", frozenset(replayed) - SEEN)):
        chosen = [weeks for name, weeks in replayed.items() if name in named]
        if not chosen:
            continue
        histories = f"of {len(chosen)} histories {title}"
        errors = {way: [mean(each.errors[way] for each in weeks) for weeks in chosen] for way in WAYS}
        for way, each_error in errors.items():
            better = sum(error < plain for error, plain in zip(each_error, errors["no change"], strict=True))
            note = f"mean error {histories}; better than no change in {better}"
            yield Row(f"score in a week, {way}, {title}", mean(each_error), "points", note)
        covered = mean(mean(each.is_within for each in weeks) for weeks in chosen)
        width = mean(mean(each.width for each in weeks) for weeks in chosen)
        note = f"{histories}; says 80 %; {width:.1f} points wide in the mean"
        yield Row(f"score in a week, within the interval, {title}", 100 * covered, "%", note)


def _weeks(points: Sequence[Point]) -> list[Week]:
    """Of every point with `points_before` before it and one that is a week or somewhat more later."""
    made = []
    for place in range(points_before, len(points)):
        before, due = points[: place + 1], points[place].timestamp + forecast_ahead
        after = next((each for each in points[place:] if each.timestamp >= due), None)
        expected = forecast(before)
        if expected and after and after.timestamp <= points[place].timestamp + forecast_ahead_max:
            errors = {way: abs(guess(before[-forecast_days_max:]) - after.overall) for way, guess in WAYS.items()}
            is_within = expected.low <= after.overall <= expected.high
            made.append(Week(errors, is_within, expected.high - expected.low))
    return made


def _last(points: Sequence[Point]) -> float:
    return points[-1].overall


def _mean_of_20(points: Sequence[Point]) -> float:
    return mean(each.overall for each in points[-20:])


def _line(points: Sequence[Point]) -> float:
    """The line of least squares, a week on."""
    days = [(each.timestamp - points[0].timestamp).total_seconds() / 86_400 for each in points]
    slope, intercept = linear_regression(days, [each.overall for each in points])
    return min(100.0, max(0.0, intercept + slope * (days[-1] + forecast_ahead.days)))


WAYS: dict[str, Callable[[Sequence[Point]], float]] = {
    "no change": _last,
    "the line goes on": _line,
    "the mean of the last 20": _mean_of_20,
    "a fifth of the way to that mean": lambda points: 0.8 * _last(points) + 0.2 * _mean_of_20(points),
}
SEEN = frozenset(
    (
        *("pallets/flask", "pallets/click", "expressjs/express", "gin-gonic/gin", "BurntSushi/ripgrep", "psf/black"),
        *("junegunn/fzf", "google/gson"),
    )
)
"""The projects that ways and limits were chosen by, of scores and of fixes."""


def _percent(cuts: Sequence[Cut], method: str) -> float:
    return 100 * mean(each.right[method] for each in cuts)


def project_name(directory: str) -> str:
    """The repository's name, by where its git directory is."""
    return Path(directory.removesuffix("/").removesuffix("/repo")).name.replace("+", "/")


def _cuts(directory: Path) -> list[Cut]:
    """The last `replayed_commits`, every `step_commits`, each with no more than `commits_max` before it."""
    repository = find_repository(directory, [directory.parent])
    if repository is None:
        return []
    changes = source_changes(repository, "HEAD", "", commits_max + replayed_commits)
    commits = _git(directory, "log", "--no-merges", f"-n{commits_max + replayed_commits}", "--format=%H").split()[::-1]
    ends = range(max(step_commits, len(changes) - replayed_commits), len(changes), step_commits)
    return [cut for end in ends if (cut := _cut(directory, changes, end, commits[end - 1]))]


def _cut(directory: Path, changes: Sequence[Change], end: int, commit: str) -> Cut | None:
    fixed = files_fixed_next(changes, end)
    if fixed is None:
        return None
    before = changes[max(0, end - commits_max) : end]
    present = frozenset(_git(directory, "ls-tree", "-r", "-z", "--name-only", commit).split("\0"))
    named = {method: guess(before, present) for method, guess in METHODS.items()}
    if min(map(len, named.values())) < files_max:
        return None
    right = {method: sum(path in fixed for path in paths) / files_max for method, paths in named.items()}
    return Cut(right, forecast_fixes(before, present) is not None)


def _git(directory: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)
    return os.fsdecode(run.stdout)


def rows() -> Iterator[Row]:
    """All rows."""
    yield from score_rows()
    yield from fix_rows([each for each in os.environ.get("SEGUE_BENCH_HISTORIES", "").split(":") if each])


if __name__ == "__main__":
    for row in (*score_rows(), *fix_rows(sys.argv[1:])):
        print(f"{row.name:62} {row.value:10.2f} {row.unit:6} {row.note}", flush=True)
