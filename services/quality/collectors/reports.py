"""Reports that tools left behind: selects the credible ones, and determines their age."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from services.quality.collectors.directory import LANGUAGES, File, Place, Unmeasured
from services.quality.domain.evidence import Evidence, clock_skew_max, no_measurement

report_max_bytes = 8 * 1024 * 1024
reports_tried_max = 6
paths_checked_max = 200


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a report: `counted` of `total`, its files and languages, and its own timestamp."""

    counted: float
    total: float = 0.0
    paths: Sequence[str] = ()
    languages: Sequence[str] = ()
    taken_at: datetime | None = None
    detail: str = ""


Parse: TypeAlias = Callable[[Place, bytes], Parsed]


@dataclass(frozen=True, slots=True)
class Format:
    """A report format: the tool, patterns of the file name, and the parser."""

    tool: str
    names: tuple[str, ...]
    parse: Parse


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that was accepted."""

    parsed: Parsed
    source: str
    measured_at: datetime
    age_s: float


@dataclass
class Reports:
    """The accepted reports, one per set of languages, and why others were rejected."""

    taken: list[Taken] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def evidence(self, name: str, value: Callable[[Sequence[Parsed]], float], missing: str) -> Evidence:
        """One piece of evidence from all accepted reports; its age is that of the oldest."""
        if not self.taken:
            return no_measurement(name, "; ".join(self.refused[:3]) or missing)
        details = [taken.parsed.detail for taken in self.taken if taken.parsed.detail]
        return Evidence(
            name,
            value=value([taken.parsed for taken in self.taken]),
            measured=True,
            source=", ".join(taken.source for taken in self.taken),
            measured_at=min(taken.measured_at for taken in self.taken),
            age_s=max(taken.age_s for taken in self.taken),
            detail="; ".join(details),
        )


def find_reports(place: Place, formats: Sequence[Format]) -> Reports:
    """The newest acceptable report for each set of languages."""
    found = Reports()
    wanted = [(file, form) for file in place.reports for form in formats if _is_named(file, form)]
    wanted.sort(key=lambda pair: (-pair[0].modified, pair[0].path))
    known: set[str] = set()
    for file, form in wanted[:reports_tried_max]:
        place.check_time()
        try:
            taken = _take_report(place, file, form)
        except Unmeasured as reason:
            found.refused.append(f"{file.path} {reason}")
            continue
        languages = set(taken.parsed.languages)
        if not languages & known and not (found.taken and not languages):
            known |= languages
            found.taken.append(taken)
    return found


def _is_named(file: File, form: Format) -> bool:
    name = file.path.rpartition("/")[2]
    return any(fnmatchcase(file.path if "/" in pattern else name, pattern) for pattern in form.names)


def _take_report(place: Place, file: File, form: Format) -> Taken:
    written_at = datetime.fromtimestamp(file.modified, UTC)
    _refuse_future(place, written_at)
    parsed = form.parse(place, _content(place, file))
    if parsed.taken_at:
        _refuse_future(place, parsed.taken_at)
    refuse_foreign(place, parsed.paths)
    measured_at = min(written_at, parsed.taken_at or written_at)
    age_s = max(0.0, place.newest(*parsed.languages) - measured_at.timestamp())
    return Taken(parsed, f"{form.tool}: {file.path}", measured_at, round(age_s, 3))


def _content(place: Place, file: File) -> bytes:
    if file.size > report_max_bytes:
        raise Unmeasured(f"is over {report_max_bytes // 1024**2} MiB")
    return place.read(file.path, report_max_bytes)


def _refuse_future(place: Place, time: datetime) -> None:
    if time > place.now + clock_skew_max:
        raise Unmeasured("is from the future")


def refuse_foreign(place: Place, paths: Sequence[str]) -> None:
    """Raises Unmeasured if most files named in a report are not here: it belongs to another project."""
    checked = list(dict.fromkeys(paths))[:paths_checked_max]
    if checked and sum(here(place, path) is not None for path in checked) * 2 < len(checked):
        raise Unmeasured("is about files that are not here")


def here(place: Place, path: str) -> str | None:
    """The path relative to the root, or None if it is not a file here."""
    if path.startswith("/"):
        root = f"{place.root}/"
        if not path.startswith(root):
            return None
        path = path.removeprefix(root)
    path = os.path.normpath(path)
    return path if path in place.paths else None


def languages_of(paths: Iterable[str]) -> tuple[str, ...]:
    """The languages of these files."""
    found = {LANGUAGES.get(PurePosixPath(path).suffix.lower(), "") for path in paths}
    return tuple(sorted(found - {""}))


def read_json(content: bytes) -> Any:
    """The JSON value; Unmeasured if it is invalid."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unmeasured("is not valid JSON") from error


def read_json_lines(content: bytes) -> list[Any]:
    """One JSON value per line; Unmeasured if one is invalid."""
    return [read_json(line) for line in content.splitlines() if line.strip()]


def own_time(text: object) -> datetime | None:
    """The timestamp in a report, if it has an offset."""
    try:
        time = datetime.fromisoformat(str(text))
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):  # also the first or last day of the calendar
        return None


def expect(value: object, kind: type) -> Any:
    """The value, if it has the expected type, else Unmeasured."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Unmeasured("does not have the format of such a report")
    return value


def number(value: object) -> float:
    """A count, else Unmeasured."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise Unmeasured("does not have the format of such a report")
    return float(value)
