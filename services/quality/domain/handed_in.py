"""What CI hands in: reports of a project at a commit, and how their evidence counts beside what is found here. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.kit.errors import InvalidInput, TooLarge
from services.quality.domain.evidence import (
    MAXIMUM,
    Evidence,
    clock_skew_max,
    only_possible,
    reported_max_bytes,
    text_max_chars,
)
from services.quality.domain.scoring import BY_NAME, TRUST, share

BY_CI = "reported by CI at commit"
FROM_TOOLS = ("test_coverage", "tests_passed", "lint", "types", "security_lint", "vulnerabilities")
"""What the tools of a project say; all else is seen in its directory, and CI cannot vouch for it."""
reports_max = 50
name_max_chars = 200
report_max_bytes = 4 * 1024 * 1024
commit_max_bytes = 16 * 1024 * 1024
commits_max = 5
"""The last commits of a project of which something is kept."""
lines_max = 10**9
STILL_FRESH_S = 3_600.0
VALUES = "evidence.json"
"""The name under which values without a report are kept."""
_commit = re.compile(r"[0-9a-f]{7,64}")
_name = re.compile(r"[^\x00-\x1f\x7f\\]+")


@dataclass(frozen=True, slots=True)
class HandedReport:
    """A report's file as CI handed it in; `job` tells files of one name apart."""

    name: str
    content: bytes
    job: str = ""
    lines: int = 0
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HandIn:
    """What one job hands in. `received_at` is when it came."""

    commit: str
    reports: Sequence[HandedReport]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class HandedEvidence:
    """What all reports of a commit say of one thing."""

    commit: str
    name: str
    value: float
    source: str
    detail: str
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class Present:
    """The state of the sources that evidence of a commit is compared with.

    `committed_at` is when each known commit was made; None for one that HEAD does not have. `edited_at` is when the
    sources were changed last without a commit; None if they were not.
    """

    head: str
    head_at: datetime | None
    committed_at: Callable[[str], datetime | None]
    edited_at: datetime | None
    now: datetime


def check_hand_in(handed: HandIn, project: str) -> HandIn:
    """The same if its form and size are as they may be. Raises InvalidInput, TooLarge."""
    if not project or len(project) > name_max_chars:
        raise InvalidInput("Name the project.", "Send its label, its name or its remote's address.")
    if not _commit.fullmatch(handed.commit):
        raise InvalidInput("commit is not 7 to 64 hexadecimal digits.", "Send the output of `git rev-parse HEAD`.")
    if not handed.reports:
        raise InvalidInput("There is no report.", "Send reports (a name and a content each), or evidence.")
    if len(handed.reports) > reports_max:
        raise TooLarge(f"There are over {reports_max} reports.", "Send them in several requests.")
    for each in handed.reports:
        _check_report(each, handed.received_at)
    return handed


def _check_report(report: HandedReport, now: datetime) -> None:
    parts = report.name.split("/")
    if not _name.fullmatch(report.name) or len(report.name) > name_max_chars or {"", ".", ".."} & set(parts):
        raise InvalidInput(f"A report's name is a relative path of at most {name_max_chars} characters.")
    if len(report.job) > name_max_chars or not report.job.isprintable():
        raise InvalidInput(f"job is a text of at most {name_max_chars} characters.")
    if len(report.content) > report_max_bytes:
        raise TooLarge(f"A report is over {report_max_bytes // 1024**2} MiB.", "Send its parts, or fewer.")
    if not 0 <= report.lines <= lines_max:
        raise InvalidInput("lines is a number of lines of source.")
    if report.measured_at and report.measured_at > now + clock_skew_max:
        raise InvalidInput("measured_at is in the future.")


def checked_values(text: str) -> bytes:
    """Values without a report, as they are kept. Raises InvalidInput, TooLarge for what cannot be."""
    if len(text.encode("utf-8", "replace")) > reported_max_bytes:
        raise TooLarge(f"The evidence is over {reported_max_bytes:,} bytes.")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The evidence is not JSON.") from error
    if not isinstance(rows, list) or len(rows) > len(FROM_TOOLS):
        raise InvalidInput(f"evidence is a list of at most {len(FROM_TOOLS)} values.")
    return json.dumps([_value(row) for row in rows]).encode()


def _value(row: object) -> Mapping[str, Any]:
    named = row if isinstance(row, dict) else {}
    name, value, detail = named.get("name"), named.get("value"), named.get("detail") or ""
    if not isinstance(name, str) or name not in FROM_TOOLS:
        raise InvalidInput(f"A value of the evidence is one of {', '.join(FROM_TOOLS)}.")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not only_possible(Evidence(name, float(value or 0), measured=True)).measured:
        raise InvalidInput(f"{name} is a number from 0 to {MAXIMUM[name]:g}.")
    if not isinstance(detail, str):
        raise InvalidInput("detail is a text.")
    return {"name": name, "value": float(value or 0), "detail": plain(detail)}


def plain(text: str) -> str:
    """A short text for people, without what does not print."""
    return "".join(each for each in text[:text_max_chars] if each.isprintable())


def source_of(commit: str, source: str) -> str:
    """Whose word it is."""
    return plain(f"{BY_CI} {commit[:12]}: {source}")


def with_handed_in(
    found: Mapping[str, Evidence], handed: Iterable[HandedEvidence], present: Present
) -> dict[str, Evidence]:
    """What is found here, and what CI handed in: the one that is closer to the sources of now; of two that are, the
    worse, so that nothing that fails is hidden. Coverage is at least what either says."""
    merged = dict(found)
    for name, choices in _by_name(handed).items():
        dated = [each for choice in choices if (each := _with_age(choice, present))]
        if name in FROM_TOOLS and dated:
            closest = min(dated, key=lambda each: (each.age_s, -_epoch(each)))
            merged[name] = _closer(found.get(name) or Evidence(name), closest)
    return merged


def _by_name(handed: Iterable[HandedEvidence]) -> Mapping[str, list[HandedEvidence]]:
    found: dict[str, list[HandedEvidence]] = {}
    for each in handed:
        found.setdefault(each.name, []).append(each)
    return found


def _with_age(handed: HandedEvidence, present: Present) -> Evidence | None:
    """The evidence with its age; None if it is of other sources: of a commit that HEAD does not have."""
    made_at = handed.measured_at
    if present.head.startswith(handed.commit) and present.head:
        age_s = 0.0
    elif present.head_at is None:
        age_s = (present.now - made_at).total_seconds()
    else:
        committed_at = present.committed_at(handed.commit)
        if committed_at is None:
            return None
        age_s = (present.head_at - min(committed_at, made_at)).total_seconds()
    if present.edited_at:
        age_s = max(age_s, (present.edited_at - made_at).total_seconds())
    age_s = round(max(0.0, age_s), 3)
    evidence = Evidence(handed.name, handed.value, True, handed.source, made_at, age_s, handed.detail)
    return only_possible(evidence) if share(TRUST, age_s) else None


def _closer(here: Evidence, by_ci: Evidence) -> Evidence:
    by_ci = replace(by_ci, applies=here.applies)
    if not here.measured:
        return by_ci
    if by_ci.age_s <= STILL_FRESH_S and here.age_s <= STILL_FRESH_S:
        pick = max if here.name == "test_coverage" else min
        return pick(here, by_ci, key=_worth)
    return here if here.age_s <= by_ci.age_s else by_ci


def _worth(evidence: Evidence) -> float:
    return share(BY_NAME[evidence.name].curve, evidence.value)


def _epoch(evidence: Evidence) -> float:
    return evidence.measured_at.timestamp() if evidence.measured_at else 0.0
