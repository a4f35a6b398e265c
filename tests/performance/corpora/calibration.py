"""Whether the score orders real projects as an engineer would: their evidence, recorded, and how they were judged.

`python -m tests.performance.corpora.calibration RECORDED.json NAME=LANGUAGE=GRADE=DIRECTORY …` records the evidence of
directories as of the day after their last commit; it holds figures, and nothing of their sources.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.kit import redaction
from services.quality.collectors import collect
from services.quality.collectors.scan import look
from services.quality.domain.evidence import WITHOUT_CODE, Evidence
from services.quality.domain.scoring import Score, score
from tests.performance.rows import Row

RECORDED = Path(__file__).with_name("calibration.json")
GRADES = ("exemplary", "ordinary", "neglected", "without code")


@dataclass(frozen=True)
class Project:
    """A real project at a commit: how an engineer judged it, and what was found in it."""

    name: str
    commit: str
    language: str
    grade: str
    kind: str
    evidence: Mapping[str, Evidence]

    @property
    def score(self) -> Score:
        return score(self.evidence, self.kind)


def projects() -> list[Project]:
    """The recorded projects, the best score first."""
    found = [_project(row) for row in json.loads(RECORDED.read_text())]
    return sorted(found, key=lambda each: -each.score.overall)


def rows() -> Iterator[Row]:
    """A row for each project, in the order of their scores."""
    for each in projects():
        made = each.score
        of = f"{each.grade}, {each.language}: {made.of_measured:.0f} % of the {100 * made.coverage:.0f} measured"
        yield Row(f"quality of {each.name}", made.overall, "points", of)


def _project(row: Mapping[str, Any]) -> Project:
    evidence = {name: _evidence(name, each) for name, each in row["evidence"].items()}
    return Project(row["name"], row["commit"], row["language"], row["grade"], row["kind"], evidence)


def _evidence(name: str, value: object) -> Evidence:
    """A number was measured, one in a list without being asked for; a reason says why nothing was."""
    if isinstance(value, int | float):
        return Evidence(name, float(value), measured=True)
    if isinstance(value, list):
        return Evidence(name, float(value[0]), measured=True, applies=False)
    return Evidence(name, detail=str(value), applies=value != "does not apply")


def record(name: str, language: str, grade: str, directory: Path) -> dict[str, Any]:
    """The evidence of a directory as of the day after its last commit."""
    log = ["git", "log", "-1", "--format=%H %ct"]
    commit, stamp = subprocess.run(log, cwd=directory, check=True, capture_output=True, text=True).stdout.split()
    now = datetime.fromtimestamp(int(stamp), UTC) + timedelta(days=1)
    found = collect(look(directory, [directory.parent], now, limit_s=60), redaction.find)
    evidence = {each.name: _recorded_value(each) for each in found.evidence.values() if each.name != "tools"}
    named = {"name": name, "commit": commit[:12], "language": language, "grade": grade, "kind": found.kind}
    return {**named, "evidence": evidence}


def _recorded_value(each: Evidence) -> float | list[float] | str:
    if each.measured:
        return round(each.value, 4) if each.applies else [round(each.value, 4)]
    return "does not apply" if not each.applies else WITHOUT_CODE if each.detail == WITHOUT_CODE else "not measured"


def main(path: str, *described: str) -> None:
    """Writes the evidence of the directories to `path`, a line each."""
    found = [
        record(name, language, grade, Path(place))
        for name, language, grade, place in (each.split("=", 3) for each in described)
    ]
    lines = [json.dumps(each, separators=(",", ":")) for each in found]
    Path(path).write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
