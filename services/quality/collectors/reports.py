"""Reports that tools left behind: selects the credible ones, adds up those that belong together, and dates them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from services.quality.collectors.change_times import date_files, last_commit_s
from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import languages_of
from services.quality.collectors.report_files.paths import resolved_paths
from services.quality.domain.evidence import Evidence, clock_skew_max, no_measurement
from services.workspace.text import text_of

report_max_bytes = 8 * 1024 * 1024
reports_tried_max = 200
reports_bytes_max = 64 * 1024 * 1024
paths_checked_max = 200
detail_max = 300
OTHER_FORMAT = "does not have the format of such a report"
STILL_FRESH_S = 3_600.0
NOT_ANY_MORE_S = 90 * 86_400.0
"""How much older than its sources a report may be to say anything; as the score's trust."""
WESTERNMOST = timedelta(hours=12)
"""By how much the clocks of the last zone are behind UTC."""


class NothingRan(Unmeasured):
    """The report is in order, and says that no test ran."""


class NoReport(Unmeasured):
    """The file is something else of that name, as a tool's configuration, of which nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The content of a report: `counted` of `total`, its files and languages, and its own timestamp.

    `lines` says of each file's lines whether tests ran them; empty for reports that only have totals.
    """

    counted: float
    total: float = 0.0
    paths: Sequence[str] = ()
    languages: Sequence[str] = ()
    taken_at: datetime | None = None
    detail: str = ""
    lines: Mapping[str, Mapping[int, bool]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    """Of tests, where the report names no files."""


Parse: TypeAlias = Callable[[Place, bytes], Parsed]


@dataclass(frozen=True, slots=True)
class Format:
    """A report format: the tool, patterns of the file name, and the parser. A `fallback` counts without others only.

    A pattern with a slash is of the end of a path: a package may be anywhere.
    """

    tool: str
    names: tuple[str, ...]
    parse: Parse
    is_fallback: bool = False
    but: tuple[str, ...] = ()
    """Names that the patterns fit, and that are of another format."""
    is_guess: bool = False
    """Whether files of these names may well be something else, of which nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that was accepted."""

    parsed: Parsed
    source: str
    measured_at: datetime
    age_s: float


@dataclass
class Reports:
    """The accepted reports, and why others were rejected."""

    taken: list[Taken] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    is_conclusive: bool = False
    """Whether a refused report says more than a fallback could."""

    def evidence(
        self, name: str, value: Callable[[Sequence[Parsed]], float], missing: str, details: Callable[[], str] = str
    ) -> Evidence:
        """One piece of evidence from all accepted reports; its age is that of the oldest."""
        if not self.taken:
            return no_measurement(name, "; ".join(self.refused[:3]) or missing)
        found = [taken.parsed.detail for taken in self.taken if taken.parsed.detail]
        more = f" and {len(found) - 3} more reports" if len(found) > 3 else ""
        sources = [taken.source for taken in self.taken]
        return Evidence(
            name,
            value=value([taken.parsed for taken in self.taken]),
            measured=True,
            source=", ".join(sources[:5]) + (f" and {len(sources) - 5} more" if len(sources) > 5 else ""),
            measured_at=min(taken.measured_at for taken in self.taken),
            age_s=max(taken.age_s for taken in self.taken),
            detail="; ".join(filter(None, (details() or "; ".join(found[:3]) + more, self._not_read())))[:detail_max],
        )

    def _not_read(self) -> str:
        """What was refused although others were accepted: it may say otherwise."""
        return f"not read: {'; '.join(self.refused[:2])}" if self.refused else ""


def find_reports(place: Place, formats: Sequence[Format]) -> Reports:
    """The acceptable reports that add up: all that tell something of their own and are not outdated."""
    found = Reports()
    wanted = [(file, form) for file in place.reports for form in formats if is_named(file, form)]
    wanted.sort(key=lambda pair: (pair[1].is_fallback, -pair[0].modified, pair[0].path))
    if wanted:
        date_files(place)
    contents, left_bytes = set[bytes](), reports_bytes_max
    for file, form in wanted[:reports_tried_max]:
        place.check_time()
        left_bytes -= file.size
        if (form.is_fallback and (found.taken or found.is_conclusive)) or left_bytes < 0:
            continue
        try:
            content = _content(place, file)
            if content and content in contents:
                continue  # a copy
            contents.add(content)
            found.taken.append(_take_report(place, file, form, content))
        except NoReport:
            continue
        except Unmeasured as reason:
            found.is_conclusive |= isinstance(reason, NothingRan)
            if not (form.is_guess and str(reason) == OTHER_FORMAT):
                found.refused.append(f"{file.path} {reason}")
    found.taken = _current(found.taken)
    return found


def _current(taken: Sequence[Taken]) -> list[Taken]:
    """Without reports that say nothing any more, where others do; without older ones that say the same again."""
    fresh = [each for each in taken if each.age_s < NOT_ANY_MORE_S] or list(taken)
    kept: list[Taken] = []
    for each in sorted(fresh, key=lambda one: one.measured_at, reverse=True):
        is_repeated = any(_says_the_same(later, each) for later in kept)
        if not is_repeated:
            kept.append(each)
    return kept


def _says_the_same(later: Taken, earlier: Taken) -> bool:
    """Whether an earlier report of the same tool is outdated by a later one: the sources changed between them, it
    covers nothing else, and it is as good or the later one shows what has become of it."""
    if earlier.age_s <= later.age_s or later.source.partition(":")[0] != earlier.source.partition(":")[0]:
        return False
    if set(earlier.parsed.languages) - set(later.parsed.languages):
        return False
    if not earlier.parsed.total:  # findings: a tool that finds nothing names no file
        return earlier.age_s > STILL_FRESH_S
    if not earlier.parsed.paths and earlier.parsed.names:  # at least half of its tests ran again
        return 2 * len(earlier.parsed.names & later.parsed.names) >= len(earlier.parsed.names)
    covers = set(later.parsed.paths)
    return bool(covers) and set(earlier.parsed.paths) <= covers


def is_named(file: File, form: Format) -> bool:
    """Whether a file has a name of that format."""
    name = file.path.rpartition("/")[2]
    if any(fnmatchcase(name, pattern) for pattern in form.but):
        return False
    return any(
        fnmatchcase(file.path, pattern) or fnmatchcase(file.path, f"*/{pattern}")
        if "/" in pattern
        else fnmatchcase(name, pattern)
        for pattern in form.names
    )


def _take_report(place: Place, file: File, form: Format, content: bytes) -> Taken:
    written_at = datetime.fromtimestamp(file.modified, UTC)
    _refuse_future(place, written_at)
    base = place.package_of(file.path)
    parsed = with_paths_here(place, form.parse(place, content), base)
    if parsed.taken_at:
        _refuse_future(place, parsed.taken_at)
    times = [written_at, *([parsed.taken_at] if parsed.taken_at else []), *_committed_at(place, file, parsed)]
    measured_at = min(times)
    newest = place.newest(*parsed.languages, below=base)
    age_s = max(0.0, newest - measured_at.timestamp())
    return Taken(parsed, f"{form.tool}: {file.path}", measured_at, round(age_s, 3))


def _committed_at(place: Place, file: File, parsed: Parsed) -> list[datetime]:
    """When the report was committed, if git has it as it is. Unmeasured where this clone cannot say."""
    known = place.history
    if known is None or file.path not in (place.tracked or ()) or file.path in known.changed:
        return []
    if not known.is_complete and not parsed.taken_at:
        raise Unmeasured("is committed, and this shallow or partial clone does not say since when")
    time_s = known.times.get(file.path)
    if time_s is None:
        time_s = last_commit_s(place, file) or known.earliest
    return [datetime.fromtimestamp(time_s, UTC)] if time_s < math.inf else []


def with_paths_here(place: Place, parsed: Parsed, base: str = "") -> Parsed:
    """The report with its paths as they are here. Unmeasured if most of them are not: it is another project's."""
    resolved = resolved_paths(place, parsed.paths, base)
    refuse_foreign(parsed.paths, resolved)
    paths = [resolved.get(path) or path for path in parsed.paths]
    lines = {resolved.get(path) or path: each for path, each in parsed.lines.items()}
    languages = parsed.languages or languages_of(paths)
    return replace(parsed, paths=paths, lines=lines, languages=languages)


def refuse_foreign(paths: Sequence[str], resolved: Mapping[str, str]) -> None:
    """Raises Unmeasured if most files named in a report are not here: it belongs to another project."""
    checked = list(dict.fromkeys(paths))[:paths_checked_max]
    if checked and sum(path in resolved for path in checked) * 2 < len(checked):
        raise Unmeasured("is about files that are not here")


def _content(place: Place, file: File) -> bytes:
    if file.size > report_max_bytes:
        raise Unmeasured(f"is over {report_max_bytes // 1024**2} MiB")
    return place.read(file.path, report_max_bytes)


def _refuse_future(place: Place, time: datetime) -> None:
    if time > place.now + clock_skew_max:
        raise Unmeasured("is from the future")


def read_json(content: bytes) -> Any:
    """The JSON value; Unmeasured if it is invalid."""
    try:
        return json.loads(text_of(content))
    except (ValueError, RecursionError) as error:
        raise Unmeasured("is not valid JSON") from error


def read_json_lines(content: bytes) -> list[Any]:
    """One JSON value per line; Unmeasured if one is invalid."""
    return [read_json(line.encode()) for line in text_of(content).splitlines() if line.strip()]


def own_time(text: object, now: datetime | None = None) -> datetime | None:
    """The timestamp in a report. One without an offset is of some zone: taken for the latest that it can be."""
    try:
        time = datetime.fromisoformat(str(text).strip())
        if time.tzinfo:
            return time.astimezone(UTC)
        return min(time.replace(tzinfo=UTC) + WESTERNMOST, now) if now else None
    except (ValueError, OverflowError):  # also the first or last day of the calendar
        return None


def epoch_time(value: object) -> datetime | None:
    """A timestamp in seconds or milliseconds since the epoch."""
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        return None
    seconds = int(text) / 1000 if int(text) > 1e11 else float(text)
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1e11 else None


def expect(value: object, kind: type) -> Any:
    """The value, if it has the expected type, else Unmeasured."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Unmeasured(OTHER_FORMAT)
    return value


def number(value: object) -> float:
    """A count, else Unmeasured."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise Unmeasured(OTHER_FORMAT)
    return float(value)
