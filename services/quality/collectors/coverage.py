"""Test coverage from reports of coverage.py, Istanbul, Go, and any tool that writes lcov or Cobertura."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.reports import (
    Format,
    Parsed,
    expect,
    find_reports,
    here,
    languages_of,
    number,
    own_time,
    read_json,
)
from services.quality.collectors.xml import read_xml
from services.quality.domain.evidence import Evidence

_go_line = re.compile(r"(?P<path>[^:\n]+):\d+\.\d+,\d+\.\d+ (?P<statements>\d{1,6}) (?P<count>\d{1,12})")


def coverage(place: Place) -> list[Evidence]:
    """The percentage of lines covered by tests."""
    found = find_reports(place, FORMATS)
    missing = "no coverage report"
    if place.has(".coverage"):
        missing = ".coverage holds no totals: run `coverage json` or `coverage xml`"
    return [found.evidence("test_coverage", percent, missing)]


def percent(reports: Sequence[Parsed]) -> float:
    """The percentage of covered lines."""
    total = sum(each.total for each in reports)
    return round(100 * sum(each.counted for each in reports) / total, 2) if total else 0.0


def _parsed_report(counted: float, total: float, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    if not total:
        raise Unmeasured("has no lines")
    if counted > total:
        raise Unmeasured(f"reports {100 * counted / total:.0f} % coverage")
    return Parsed(counted, total, paths, languages_of(paths), taken_at, f"{counted:,.0f} of {total:,.0f} lines")


def parse_coverage_json(_: Place, content: bytes) -> Parsed:
    """`coverage json`."""
    report = expect(read_json(content), dict)
    totals, files = expect(report.get("totals"), dict), expect(report.get("files"), dict)
    taken_at = own_time(expect(report.get("meta", {}), dict).get("timestamp"))
    return _parsed_report(
        number(totals.get("covered_lines")), number(totals.get("num_statements")), list(files), taken_at
    )


def parse_istanbul(_: Place, content: bytes) -> Parsed:
    """`coverage-summary.json` of Istanbul, nyc, Jest and Vitest."""
    report = expect(read_json(content), dict)
    lines = expect(expect(report.get("total"), dict).get("lines"), dict)
    return _parsed_report(
        number(lines.get("covered")), number(lines.get("total")), [each for each in report if each != "total"]
    )


def parse_cobertura(place: Place, content: bytes) -> Parsed:
    """Cobertura XML, written by `coverage xml`, `gocover-cobertura`, `cargo tarpaulin` and many others."""
    root: dict[str, str] = {}
    paths: list[str] = []
    sources: list[str] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "coverage":
            root.update(attributes)
        elif name == "class" and "filename" in attributes:
            paths.append(attributes["filename"])

    read_xml(content, element, lambda name, text: sources.append(text.strip()) if name == "source" else None)
    covered, valid = _integer(root.get("lines-covered")), _integer(root.get("lines-valid"))
    return _parsed_report(
        covered, valid, [_below_sources(place, path, list(filter(None, sources))) for path in paths], _epoch(root)
    )


def _below_sources(place: Place, path: str, sources: Sequence[str]) -> str:
    """Cobertura's file names are relative to one of its `<source>`s."""
    choices = [path, *(f"{source.rstrip('/')}/{path}" for source in sources[:20])]
    return next((found for choice in choices if (found := here(place, choice))), path)


def _epoch(root: Mapping[str, str]) -> datetime | None:
    """The report's timestamp: seconds by the specification, milliseconds in most tools."""
    stamp = _integer(root.get("timestamp", "0"))
    seconds = stamp / 1000 if stamp > 1e11 else stamp
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1e11 else None


def _integer(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Unmeasured("does not have the format of such a report")
    return int(text)


def parse_lcov(place: Place, content: bytes) -> Parsed:
    """`lcov.info`: SF names a file, LF counts its lines, LH its covered lines."""
    counts = {"LF": 0, "LH": 0}
    paths, is_whole = [], False
    for place_in_file, line in enumerate(content.decode("utf-8", "replace").splitlines()):
        if place_in_file % 10_000 == 0:
            place.check_time()
        key, _, value = line.partition(":")
        if key == "SF":
            paths.append(value.strip())
        elif key in counts:
            counts[key] += _integer(value.strip())
        is_whole = line.strip() == "end_of_record"
    if not is_whole:
        raise Unmeasured("is not complete lcov")
    return _parsed_report(counts["LH"], counts["LF"], paths)


def parse_go(place: Place, content: bytes) -> Parsed:
    """`go test -coverprofile`: counts statements rather than lines; paths begin with the module's name."""
    head, _, body = content.decode("utf-8", "replace").partition("\n")
    if not head.startswith("mode: "):
        raise Unmeasured("is not a cover profile")
    module = go_module(place)
    blocks: dict[str, tuple[int, bool]] = {}
    paths: dict[str, None] = {}
    for line in body.splitlines():
        match = _go_line.fullmatch(line)
        if not match:
            raise Unmeasured("is not a complete cover profile")
        path = match["path"].removeprefix(f"{module}/")
        paths[path] = None
        block = line.split(" ", 1)[0]  # a block is repeated for each package tested
        ran = int(match["count"]) > 0 or blocks.get(block, (0, False))[1]
        blocks[block] = (int(match["statements"]), ran)
    covered = sum(statements for statements, ran in blocks.values() if ran)
    return _parsed_report(covered, sum(statements for statements, _ in blocks.values()), list(paths))


def go_module(place: Place) -> str:
    """The module's name from go.mod; empty if there is none."""
    if not place.has("go.mod"):
        return ""
    match = re.search(r"^module\s+(\S+)", place.text("go.mod"), re.MULTILINE)
    return match[1] if match else ""


FORMATS = (
    Format("coverage.py", ("coverage.json", "coverage-py.json"), parse_coverage_json),
    Format("Istanbul", ("coverage-summary.json",), parse_istanbul),
    Format("Cobertura", ("coverage.xml", "cobertura*.xml", "coverage.cobertura.xml"), parse_cobertura),
    Format("lcov", ("lcov.info", "*.lcov", "lcov-report.info"), parse_lcov),
    Format("go cover", ("cover.out", "coverage.out", "*.coverprofile", "coverage.txt", "c.out"), parse_go),
)
