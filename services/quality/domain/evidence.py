"""Evidence: what was measured of a project, from which source, and how reliable it is. Standard library only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.kit.errors import InvalidInput, TooLarge
from services.quality.domain import fix_prone
from services.quality.domain.fix_prone import FixForecast

reported_max_bytes = 64 * 1024
text_max_chars = 300
evidence_max = 100
facts_max = 20
fact_max = 2**53
clock_skew_max = timedelta(minutes=5)
REPORTED = "reported by client"

MAXIMUM: Mapping[str, float] = {
    "test_coverage": 100.0,  # percent of lines
    "lint": math.inf,  # findings per 1,000 lines
    "types": math.inf,  # errors of a type checker per 1,000 lines
    "annotations": 1.0,  # share of functions with annotations
    "complexity": 1.0,  # share of functions over the complexity limit
    "tests_passed": 1.0,  # share of passed tests in the last run
    "tests_present": 10.0,  # test files per source file
    "dependencies": 1.0,  # share of manifests whose lock agrees
    "readme": 1e6,  # words
    "docstrings": 1.0,  # share of public functions and classes
    "continuous_integration": 1.0,  # 1 if it is configured
    "active_days": 30.0,  # days with a commit out of the last 30
    "uncommitted": math.inf,  # changed files
    "commit_subjects": 1.0,  # share of the last commits that say what changed
    "secrets": math.inf,  # in tracked files
    "vulnerabilities": math.inf,  # known ones in dependencies
    "security_lint": math.inf,  # findings of medium severity and above
    "permissions": 1.0,  # less a quarter for each broad rule in force
    "tools": 1.0,  # share of the tools the project asks for
}
"""Every name of evidence and its largest value; the smallest is 0."""
FROM_THE_GATEWAY = frozenset({"permissions"})
"""Never accepted from a client, which would vouch for itself."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measurement, or the reason why there is none.

    `age_s` is how much newer the newest source is than the measurement; 0 if none is newer. What does not apply to a
    project of this language or kind leaves the weights, and never lowers a score if it is measured all the same.
    `advice` says how to have it measured here.
    """

    name: str
    value: float = 0.0
    measured: bool = False
    source: str = ""
    measured_at: datetime | None = None
    age_s: float = 0.0
    detail: str = ""
    applies: bool = True
    advice: str = ""


WITHOUT_CODE = "there is no code"
CODE, NO_CODE = "code", "documents"
"""The kinds that the score tells apart; collectors name finer ones."""


@dataclass(frozen=True, slots=True)
class Collected:
    """All evidence of a directory, one per name, facts to show about git and dependencies, the project's kind, and the
    files that will need a fix next, where its history tells."""

    evidence: Mapping[str, Evidence]
    git: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Mapping[str, Any] = field(default_factory=dict)
    kind: str = CODE
    fixes: FixForecast | None = None


def no_measurement(name: str, reason: str, source: str = "") -> Evidence:
    """Evidence without a measurement, with the reason."""
    return Evidence(name, source=source, detail=reason[:text_max_chars])


def not_applicable(name: str, reason: str) -> Evidence:
    """Evidence that there is none in such a project, with the reason."""
    return Evidence(name, detail=reason[:text_max_chars], applies=False)


def only_possible(evidence: Evidence) -> Evidence:
    """The evidence if its value is possible, else unmeasured: 300 % coverage is not a measurement."""
    if evidence.measured and not 0 <= evidence.value <= _finite(MAXIMUM[evidence.name]):
        reason = f"{evidence.value} is not a possible value of {evidence.name}"
        return replace(no_measurement(evidence.name, reason, evidence.source), applies=evidence.applies)
    return evidence


def _finite(maximum: float) -> float:
    return min(maximum, 1e9)


def to_json(collected: Collected) -> str:
    """The JSON that `from_json` reads: a client's report of a directory that only it can see."""
    return json.dumps(
        {
            "evidence": [_as_mapping(each) for each in collected.evidence.values()],
            "git": _facts(collected.git),
            "dependencies": _facts(collected.dependencies),
            "kind": collected.kind,
            "fixes": fix_prone.to_facts(collected.fixes),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _as_mapping(evidence: Evidence) -> dict[str, Any]:
    return {
        "name": evidence.name,
        "value": evidence.value,
        "measured": evidence.measured,
        "source": _text(evidence.source),
        "measured_at": evidence.measured_at.isoformat() if evidence.measured_at else None,
        "age_s": evidence.age_s,
        "detail": _text(evidence.detail),
        "applies": evidence.applies,
        "advice": _text(evidence.advice),
    }


def from_json(text: str, now: datetime) -> Collected:
    """A client's report, each source marked as reported by it; unknown names are dropped.

    InvalidInput if a value is impossible, LimitExceeded if the report is too large.
    """
    if len(text.encode("utf-8", "surrogatepass")) > reported_max_bytes:
        raise TooLarge(f"The evidence is over {reported_max_bytes:,} bytes.")
    try:
        report = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The evidence is not JSON.") from error
    if not isinstance(report, dict) or not isinstance(report.get("evidence"), list):
        raise InvalidInput("The evidence is not an object with a list `evidence`.")
    rows = [row for row in report["evidence"][:evidence_max] if _is_known(row)]
    found = {row["name"]: _from_client(row, now) for row in rows}
    kind = NO_CODE if report.get("kind") == NO_CODE else CODE
    fixes = fix_prone.from_facts(report.get("fixes"))
    return Collected(found, _facts(report.get("git")), _facts(report.get("dependencies")), kind, fixes)


def _is_known(row: object) -> bool:
    name = row.get("name") if isinstance(row, dict) else None
    return isinstance(name, str) and name in MAXIMUM and name not in FROM_THE_GATEWAY


def _from_client(row: Mapping[str, Any], now: datetime) -> Evidence:
    name, source = row["name"], f"{_text(row.get('source'))} ({REPORTED})".strip()
    applies = row.get("applies") is not False
    if row.get("measured") is not True:
        return replace(
            no_measurement(name, _text(row.get("detail")), source), applies=applies, advice=_text(row.get("advice"))
        )
    evidence = Evidence(
        name,
        value=_number(name, row.get("value"), MAXIMUM[name]),
        measured=True,
        source=source,
        measured_at=_time(name, row.get("measured_at")),
        age_s=_number(name, row.get("age_s", 0), math.inf),
        detail=_text(row.get("detail")),
        applies=applies,
    )
    if evidence.measured_at and evidence.measured_at > now + clock_skew_max:
        return no_measurement(name, "is from the future", source)
    return evidence


def _number(name: str, value: object, maximum: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _finite(maximum):
        raise InvalidInput(f"The evidence has an impossible {name}; it must be from 0 to {_finite(maximum):g}.")
    return float(value)


def _time(name: str, value: object) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidInput(f"measured_at of {name} is not an ISO 8601 time with an offset.")
    return time.astimezone(UTC)


def _text(value: object) -> str:
    return "".join(character for character in str(value or "")[:text_max_chars] if character.isprintable())


def _facts(value: object) -> dict[str, Any]:
    """Short, flat facts: text, numbers and booleans."""
    if not isinstance(value, Mapping):
        return {}
    flat: dict[str, Any] = {}
    for key, fact in list(value.items())[:facts_max]:
        if isinstance(fact, bool) or (isinstance(fact, int | float) and abs(fact) <= fact_max):
            flat[_text(key)] = fact
        elif isinstance(fact, str):
            flat[_text(key)] = _text(fact)
    return flat


def merge(evidence: Sequence[Evidence]) -> dict[str, Evidence]:
    """One per name: measured before unmeasured, then the later one in `evidence`."""
    best: dict[str, Evidence] = {}
    for each in map(only_possible, evidence):
        there = best.get(each.name)
        if there is None or each.measured or (not there.measured and each.applies >= there.applies):
            best[each.name] = each
    for name in MAXIMUM:
        best.setdefault(name, no_measurement(name, "nothing measures it here"))
    return {name: best[name] for name in MAXIMUM}
