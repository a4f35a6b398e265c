"""Coverage by lines: of each file which lines tests ran, and the totals of a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.quality.collectors.directory import Unmeasured
from services.quality.collectors.languages import languages_of
from services.quality.collectors.reports import Parsed

Lines = dict[str, dict[int, bool]]
LINE_MAX = 10**9


def totals(counted: float, total: float, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    """A report that only has totals; Unmeasured if they cannot be."""
    if not total:
        raise Unmeasured("has no lines")
    if counted > total:
        raise Unmeasured(f"reports {100 * counted / total:.0f} % coverage")
    return Parsed(counted, total, paths, languages_of(paths), taken_at, f"{counted:,.0f} of {total:,.0f} lines")


def by_lines(lines: Lines, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    """A report that says which lines ran; Unmeasured if it has none."""
    covered, total = sum(sum(each.values()) for each in lines.values()), sum(map(len, lines.values()))
    parsed = totals(covered, total, paths, taken_at)
    return Parsed(covered, total, paths, parsed.languages, taken_at, parsed.detail, lines)


def whole_number(text: str | None) -> int:
    """A count in a text; Unmeasured if it is none."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Unmeasured("does not have the format of such a report")
    return int(text)


def mark(known: dict[int, bool], line: object, is_run: bool) -> None:
    """Notes whether a line ran; one that ran anywhere did. Unmeasured if it is no line."""
    if not isinstance(line, int) or isinstance(line, bool) or not 0 <= line < LINE_MAX:
        raise Unmeasured("does not have the format of such a report")
    known[line] = is_run or known.get(line, False)
