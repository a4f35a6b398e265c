"""Reports without their project: what CI handed in is parsed where none of the files that it names is.

CI made them of the project, so all paths are taken to be the project's; how many lines it has is what CI says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from services.quality.collectors.coverage import FORMATS, percent
from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import LANGUAGES, languages_of
from services.quality.collectors.lint import AUDITS, LINT, SECURITY_LINT, TYPES, total
from services.quality.collectors.reports import Format, Parsed, Reports, Taken, is_named
from services.quality.collectors.tests import RESULTS, passed_share
from services.quality.domain.evidence import Evidence
from services.quality.domain.handed_in import VALUES, HandedReport, source_of

KINDS: Mapping[str, Sequence[Format]] = {
    "test_coverage": FORMATS,
    "tests_passed": RESULTS,
    "lint": LINT,
    "types": TYPES,
    "security_lint": SECURITY_LINT,
    "vulnerabilities": AUDITS,
}
parse_limit_s = 20.0


class _Elsewhere(Place):
    """A project that is not here: it may be of any language."""

    @property
    def by_language(self) -> dict[str, list[File]]:
        return {language: [] for language in LANGUAGES.values()}


def handed_evidence(
    reports: Sequence[HandedReport], commit: str, now: datetime
) -> tuple[list[Evidence], list[tuple[str, str]]]:
    """What the reports of a commit say, added up; and those that are not counted, each with the reason."""
    place = _Elsewhere(Path("/nonexistent"), now, (), (), False, "", time.monotonic() + parse_limit_s, ())
    taken = {name: Reports() for name in KINDS}
    refused: list[tuple[str, str]] = []
    for report in reports:
        if report.name != VALUES:
            refused += _take(place, report, taken)
    values = _values(place, max((report.lines for report in reports), default=0))
    found = [taken[name].evidence(name, values[name], "") for name in KINDS if taken[name].taken]
    refused += [(each.source, each.detail) for each in found if not each.measured]
    known = {each.name: each for each in _without_reports(reports)}
    known |= {each.name: each for each in found if each.measured}
    return [replace(each, source=source_of(commit, each.source)) for each in known.values()], refused


def _take(place: Place, report: HandedReport, taken: Mapping[str, Reports]) -> list[tuple[str, str]]:
    """Adds the report to what it is evidence of; returns why it is none."""
    file = File(report.name, len(report.content), 0.0)
    named = [
        (name, form)
        for name, formats in KINDS.items()
        for form in formats
        if is_named(file, form) and not form.is_fallback
    ]
    reasons = []
    for name, form in named:
        try:
            parsed = form.parse(place, report.content)
        except Unmeasured as reason:
            reasons.append(str(reason))
            continue
        if name in {"lint", "types"} and not report.lines:
            reasons.append("counts findings: say in `lines` how many lines of source there are")
            continue
        measured_at = min(filter(None, (parsed.taken_at, report.measured_at, place.now)))
        languages = parsed.languages or languages_of(parsed.paths)
        parsed = replace(parsed, languages=languages)
        taken[name].taken.append(Taken(parsed, f"{form.tool}: {report.name}", measured_at, 0.0))
        return []
    return [(report.name, "; ".join(dict.fromkeys(reasons)) or "has not the name of a report that is known")]


def _values(place: Place, lines: int) -> Mapping[str, Callable[[Sequence[Parsed]], float]]:
    def by_lines(reports: Sequence[Parsed]) -> float:
        return round(1000 * total(reports) / max(lines, 1), 3)

    return {
        "test_coverage": percent(place), "tests_passed": passed_share, "lint": by_lines, "types": by_lines,
        "security_lint": total, "vulnerabilities": total,
    }  # fmt: skip


def _without_reports(reports: Sequence[HandedReport]) -> list[Evidence]:
    """The values that were handed in as they are; of several jobs the last one's."""
    rows = [(row, each.measured_at) for each in reports if each.name == VALUES for row in json.loads(each.content)]
    return [Evidence(row["name"], row["value"], True, "its value", at, detail=row["detail"]) for row, at in rows]
