"""The scores of real histories, day by day, recorded: what a forecast is judged on.

`python -m tests.performance.foresight.histories RECORDED.json NAME=GIT_DIRECTORY …` scores the trees of the last days
on which something was committed, each as of its last commit; it holds figures, and nothing of the sources.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.quality.collectors import collect
from services.quality.collectors.scan import look
from services.quality.domain.scoring import RULES, score
from services.quality.domain.trend import Point

RECORDED = Path(__file__).with_name("histories.json")
days_max = 120


@dataclass(frozen=True)
class ScoreHistory:
    """The scores of a project, oldest first."""

    name: str
    points: tuple[Point, ...]


def score_histories() -> list[ScoreHistory]:
    """The recorded histories."""
    return [_history(row) for row in json.loads(RECORDED.read_text())]


def _history(row: dict[str, list[list[float]]]) -> ScoreHistory:
    points = [Point(datetime.fromtimestamp(stamp, UTC), overall) for stamp, overall in row["scores"]]
    return ScoreHistory(str(row["name"]), tuple(points))


def record(name: str, repository: Path) -> dict[str, object]:
    """The scores of the last `days_max` days with a commit on the first parents' line."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "tree")
        _git(Path(scratch), "clone", "--quiet", "--shared", "--no-checkout", str(repository), str(tree))
        listed = _git(tree, "log", "--first-parent", "--format=%H %ct", "HEAD").split()
        of_day: dict[object, tuple[str, int]] = {}
        for commit, stamp in zip(listed[::2], listed[1::2], strict=True):
            of_day.setdefault(datetime.fromtimestamp(int(stamp), UTC).date(), (commit, int(stamp)))
        chosen = sorted(list(of_day.values())[:days_max], key=lambda each: each[1])
        made = ((stamp, _score(tree, commit, stamp)) for commit, stamp in chosen)
        scores = [[stamp, overall] for stamp, overall in made if overall is not None]
    return {"name": name, "commit": listed[0][:12], "rules": RULES, "scores": scores}


def _score(tree: Path, commit: str, stamp: int) -> float | None:
    """None where the copy of the repository lacks a file."""
    try:
        _git(tree, "checkout", "--quiet", "--force", commit)
    except subprocess.CalledProcessError:
        return None
    now = datetime.fromtimestamp(stamp, UTC) + timedelta(minutes=1)
    found = collect(look(tree, [tree.parent], now, limit_s=60), None)
    return score(found.evidence, found.kind).overall


def _git(directory: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout


def main(path: str, *described: str) -> None:
    """Writes the histories to `path`, a line each."""
    lines = []
    for name, place in (each.split("=", 1) for each in described):
        lines.append(json.dumps(record(name, Path(place)), separators=(",", ":")))
        Path(path).write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
