"""Coverage as JSON: coverage.py, Istanbul, SimpleCov, llvm-cov, gcovr, coverlet and others, told by what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.report_files.line_counts import Lines, by_lines, mark, totals
from services.quality.collectors.reports import Parsed, epoch_time, expect, number, own_time, read_json

Report: TypeAlias = Mapping[str, Any]


def parse_json(place: Place, content: bytes) -> Parsed:
    """Whichever of the JSON formats it is: several tools write a `coverage.json`."""
    report = expect(read_json(content), dict)
    read = next((parse for is_one, parse in _forms if is_one(report)), _coverage_py)
    return read(report, place.now)


def parse_coverage_json(place: Place, content: bytes) -> Parsed:
    """`coverage json`."""
    return _coverage_py(expect(read_json(content), dict), place.now)


def _coverage_py(report: Report, now: datetime) -> Parsed:
    summed, files = expect(report.get("totals"), dict), expect(report.get("files"), dict)
    taken_at = own_time(expect(report.get("meta", {}), dict).get("timestamp"), now)
    parsed = totals(number(summed.get("covered_lines")), number(summed.get("num_statements")), list(files), taken_at)
    lines = {path: _coverage_py_lines(each) for path, each in files.items()}
    is_whole = sum(map(len, lines.values())) == parsed.total
    return by_lines(lines, list(files), taken_at) if is_whole else parsed


def _coverage_py_lines(of_file: object) -> dict[int, bool]:
    known = of_file if isinstance(of_file, dict) else {}
    lists = ((known.get("missing_lines"), False), (known.get("executed_lines"), True))
    return {line: is_run for each, is_run in lists if isinstance(each, list) for line in each if isinstance(line, int)}


def _istanbul_summary(report: Report, _: datetime) -> Parsed:
    """`coverage-summary.json` of Istanbul, nyc, Jest and Vitest."""
    lines = expect(expect(report.get("total"), dict).get("lines"), dict)
    return totals(
        number(lines.get("covered")), number(lines.get("total")), [each for each in report if each != "total"]
    )


def _istanbul(report: Report, _: datetime) -> Parsed:
    """`coverage-final.json` of Istanbul, nyc, Jest and Vitest: of each line its most often run statement counts.

    A statement without a line is of code that has no source.
    """
    lines: Lines = {}
    for path, of_file in report.items():
        found = expect(of_file, dict)
        found = expect(found.get("data", found), dict)
        places, counts = expect(found.get("statementMap"), dict), expect(found.get("s"), dict)
        known = lines.setdefault(path, {})
        for name, where in places.items():
            line = expect(expect(where, dict).get("start") or {}, dict).get("line")
            if line is not None:
                mark(known, line, number(counts.get(name, 0)) > 0)
    return by_lines(lines, list(lines))


def _simplecov(report: Report, _: datetime) -> Parsed:
    """SimpleCov's `.resultset.json` or `coverage.json`: for each line its count, null where there is no code."""
    runs = [report] if "coverage" in report else [each for each in report.values() if isinstance(each, dict)]
    lines: Lines = {}
    times = []
    for run in runs:
        times.append(epoch_time(run.get("timestamp")))
        for path, of_file in expect(run.get("coverage"), dict).items():
            _add_counts(lines, path, of_file.get("lines") if isinstance(of_file, dict) else of_file)
    return by_lines(lines, list(lines), max(filter(None, times), default=None))


def _simplecov_files(report: Report, _: datetime) -> Parsed:
    """simplecov-json's: a list of files."""
    lines: Lines = {}
    for each in expect(report.get("files"), list):
        counts = expect(each, dict).get("coverage")
        counts = counts.get("lines") if isinstance(counts, dict) else counts
        _add_counts(lines, expect(each.get("filename"), str), counts)
    return by_lines(lines, list(lines), epoch_time(report.get("timestamp")))


def _coveralls(report: Report, _: datetime) -> Parsed:
    """The form of Coveralls, as excoveralls writes it: for each line its count, null where there is no code."""
    lines: Lines = {}
    for each in expect(report.get("source_files"), list):
        _add_counts(lines, expect(expect(each, dict).get("name"), str), each.get("coverage"))
    return by_lines(lines, list(lines))


def _add_counts(lines: Lines, path: str, counts: object) -> None:
    known = lines.setdefault(path, {})
    for at, count in enumerate(expect(counts, list), 1):
        if isinstance(count, int):
            mark(known, at, count > 0)


def _llvm(report: Report, _: datetime) -> Parsed:
    """`llvm-cov export` and `cargo llvm-cov --json`: segments begin at a line and column, and count until the next."""
    lines: Lines = {}
    for data in expect(report.get("data"), list):
        for each in expect(expect(data, dict).get("files"), list):
            path = expect(expect(each, dict).get("filename"), str)
            _add_segments(lines.setdefault(path, {}), expect(each.get("segments") or [], list))
    return by_lines(lines, list(lines))


def _add_segments(known: dict[int, bool], segments: Sequence[Any]) -> None:
    """Of each line on which a counted region begins, whether any of these ran."""
    for segment in segments:
        row = expect(segment, list)
        if len(row) < 4:
            raise Unmeasured("does not have the format of such a report")
        if row[3] is True:
            mark(known, row[0], number(row[2]) > 0)


def _gcovr(report: Report, _: datetime) -> Parsed:
    """`gcovr --json`, and `--json-summary`, which has totals alone."""
    lines: Lines = {}
    if "line_total" in report:
        names = [expect(each, dict).get("filename") for each in expect(report.get("files"), list)]
        paths = [each for each in names if isinstance(each, str)]
        return totals(number(report.get("line_covered")), number(report["line_total"]), paths)
    for each in expect(report.get("files"), list):
        known = lines.setdefault(expect(expect(each, dict).get("file", each.get("filename")), str), {})
        for line in expect(each.get("lines") or [], list):
            row = expect(line, dict)
            if not row.get("gcovr/noncode") and not row.get("gcovr/excluded"):
                mark(known, row.get("line_number"), number(row.get("count")) > 0)
    return by_lines(lines, list(lines))


def _coverlet(report: Report, _: datetime) -> Parsed:
    """coverlet's own JSON: modules, files, classes, methods, and a count for each line."""
    lines: Lines = {}
    for module in report.values():
        for path, classes in expect(module, dict).items():
            known = lines.setdefault(path, {})
            methods = [expect(each, dict) for each in expect(classes, dict).values()]
            for method in (one for each in methods for one in each.values()):
                for at, count in expect(expect(method, dict).get("Lines"), dict).items():
                    mark(known, int(at) if at.isdigit() and len(at) < 10 else None, number(count) > 0)
    return by_lines(lines, list(lines))


def _codecov(report: Report, _: datetime) -> Parsed:
    """Codecov's own JSON, of `cargo llvm-cov --codecov`: of each line a count, or how many of its parts ran."""
    lines: Lines = {}
    for path, of_file in expect(report.get("coverage"), dict).items():
        known = lines.setdefault(path, {})
        for at, count in expect(of_file, dict).items():
            if count is not None:
                ran = str(count).lower().partition("/")[0]
                mark(known, int(at) if at.isdigit() and len(at) < 10 else None, ran not in {"0", "false"})
    return by_lines(lines, list(lines))


def _is_codecov(report: Report) -> bool:
    files = report.get("coverage")
    if not isinstance(files, dict) or not files:
        return False
    return all(isinstance(each, dict) and all(map(str.isdigit, each)) for each in files.values())


def _tarpaulin(report: Report, _: datetime) -> Parsed:
    """`cargo tarpaulin --out Json`: the parts of each path, and its traces with what they counted."""
    lines: Lines = {}
    for each in expect(report.get("files"), list):
        path = "/".join(str(part).rstrip("/") for part in expect(expect(each, dict).get("path"), list))
        known = lines.setdefault(path, {})
        for trace in expect(each.get("traces"), list):
            counts = expect(expect(trace, dict).get("stats"), dict)
            mark(known, trace.get("line"), number(counts.get("Line", 0)) > 0)
    return by_lines(lines, list(lines))


def _xccov(report: Report, _: datetime) -> Parsed:
    """`xcrun xccov view --report --json`: totals, and the files of each target."""
    targets = [expect(each, dict) for each in expect(report.get("targets") or [], list)]
    files = [expect(each, dict) for target in targets for each in expect(target.get("files") or [], list)]
    paths = [expect(each.get("path"), str) for each in files]
    return totals(number(report.get("coveredLines")), number(report.get("executableLines")), paths)


def _has_traces(report: Report) -> bool:
    files = report.get("files")
    return isinstance(files, list) and bool(files) and isinstance(files[0], dict) and "traces" in files[0]


def _values_have(*names: str) -> Callable[[Report], bool]:
    """Whether all values of an object are objects, of which the first has one of these names."""

    def have(report: Report) -> bool:
        first = next(iter(report.values()), None)
        return isinstance(first, dict) and bool(first.keys() & set(names))

    return have


_forms: Sequence[tuple[Callable[[Report], bool], Callable[[Report, datetime], Parsed]]] = (
    (lambda report: "totals" in report and "files" in report, _coverage_py),
    (lambda report: "data" in report and "llvm" in str(report.get("type")), _llvm),
    (lambda report: any(str(name).startswith("gcovr/") for name in report), _gcovr),
    (lambda report: isinstance(report.get("total"), dict) and "lines" in report["total"], _istanbul_summary),
    (lambda report: "executableLines" in report and "coveredLines" in report, _xccov),
    (_has_traces, _tarpaulin),
    (lambda report: "source_files" in report, _coveralls),
    (_is_codecov, _codecov),
    (lambda report: isinstance(report.get("coverage"), dict), _simplecov),
    (lambda report: isinstance(report.get("files"), list) and "metrics" in report, _simplecov_files),
    (_values_have("statementMap", "data"), _istanbul),
    (_values_have("coverage"), _simplecov),
    (lambda report: any(str(name).lower().endswith((".dll", ".exe")) for name in report), _coverlet),
)
