"""Test coverage from reports: coverage.py, Istanbul, Clover, Go, JaCoCo, SimpleCov, and all in lcov or Cobertura."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.languages import is_aside, is_support, is_test, language_of, languages_of
from services.quality.collectors.report_files.xml import read_xml
from services.quality.collectors.reports import (
    Format,
    Parsed,
    epoch_time,
    expect,
    find_reports,
    number,
    own_time,
    read_json,
)
from services.quality.domain.evidence import Evidence

Lines = dict[str, dict[int, bool]]
WHOLE_SHARE = 0.8
"""A report on this share of the sources counts fully: nobody lists every file. One on fewer counts by its share."""
_go_line = re.compile(r"(?P<path>[^:\n]+):\d+\.\d+,\d+\.\d+ (?P<statements>\d{1,6}) (?P<count>\d{1,12})")


def coverage(place: Place) -> list[Evidence]:
    """The percentage of lines covered by tests."""
    found = find_reports(place, FORMATS)
    missing = "no coverage report"
    if place.has(".coverage"):
        missing = ".coverage holds no totals: run `coverage json` or `coverage xml`"
    reports = [taken.parsed for taken in found.taken]
    return [found.evidence("test_coverage", percent(place), missing, partial(_detail, place, reports))]


def percent(place: Place) -> Callable[[Sequence[Parsed]], float]:
    """The percentage of covered lines; less where the reports leave most of the sources out."""

    def value(reports: Sequence[Parsed]) -> float:
        covered, total = _added_up(reports)
        known, every = _share_of_sources(place, reports)
        part = min(1.0, known / every / WHOLE_SHARE) if every else 1.0
        return round(100 * covered / total * part, 2) if total else 0.0

    return value


def _detail(place: Place, reports: Sequence[Parsed]) -> str:
    covered, total = _added_up(reports)
    if not total:
        return ""
    listed, files = _listed_files(place, reports)
    text = f"{covered:,.0f} of {total:,.0f} lines"
    return f"{text}, in {len(listed)} of {len(files)} files" if len(listed) < len(files) else text


def _added_up(reports: Sequence[Parsed]) -> tuple[float, float]:
    """Covered lines and all. A line that any report has as covered is; reports without lines add their totals."""
    lines: Lines = defaultdict(dict)
    covered = total = 0.0
    for each in reports:
        for path, of_file in each.lines.items():
            known = lines[path]
            for line, is_covered in of_file.items():
                known[line] = is_covered or known.get(line, False)
    for each in reports:
        if not each.lines and not (each.paths and set(each.paths) <= lines.keys()):
            covered, total = covered + each.counted, total + each.total
    covered += sum(sum(each.values()) for each in lines.values())
    return covered, total + sum(map(len, lines.values()))


def _listed_files(place: Place, reports: Sequence[Parsed]) -> tuple[set[str], set[str]]:
    """The source files in the reports, and all of their languages that tests could cover."""
    named = {path for each in reports for path in each.paths}
    languages = {language_of(path) for path in named} | {each for report in reports for each in report.languages}
    files = {
        file.path
        for language in languages & place.by_language.keys()
        for file in place.sources(language)
        if file.size and not (is_test(file.path) or is_support(file.path) or is_aside(file.path))
    }
    return named & files, files


def _share_of_sources(place: Place, reports: Sequence[Parsed]) -> tuple[float, float]:
    """The bytes of the source files in the reports, and of all; nothing of all where no file is named."""
    if not any(each.paths for each in reports):
        return 0.0, 0.0
    listed, files = _listed_files(place, reports)
    sizes = {file.path: file.size for file in place.files if file.path in files}
    return sum(sizes[path] for path in listed), sum(sizes.values())


def _totals(counted: float, total: float, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    if not total:
        raise Unmeasured("has no lines")
    if counted > total:
        raise Unmeasured(f"reports {100 * counted / total:.0f} % coverage")
    return Parsed(counted, total, paths, languages_of(paths), taken_at, f"{counted:,.0f} of {total:,.0f} lines")


def _by_lines(lines: Lines, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    covered, total = sum(sum(each.values()) for each in lines.values()), sum(map(len, lines.values()))
    parsed = _totals(covered, total, paths, taken_at)
    return Parsed(covered, total, paths, parsed.languages, taken_at, parsed.detail, lines)


def parse_coverage_json(place: Place, content: bytes) -> Parsed:
    """`coverage json`."""
    report = expect(read_json(content), dict)
    totals, files = expect(report.get("totals"), dict), expect(report.get("files"), dict)
    taken_at = own_time(expect(report.get("meta", {}), dict).get("timestamp"), place.now)
    parsed = _totals(number(totals.get("covered_lines")), number(totals.get("num_statements")), list(files), taken_at)
    lines = {path: _coverage_py_lines(each) for path, each in files.items()}
    is_whole = sum(map(len, lines.values())) == parsed.total
    return _by_lines(lines, list(files), taken_at) if is_whole else parsed


def _coverage_py_lines(of_file: object) -> dict[int, bool]:
    known = of_file if isinstance(of_file, dict) else {}
    lists = ((known.get("missing_lines"), False), (known.get("executed_lines"), True))
    return {line: is_run for each, is_run in lists if isinstance(each, list) for line in each if isinstance(line, int)}


def parse_istanbul(_: Place, content: bytes) -> Parsed:
    """`coverage-summary.json` of Istanbul, nyc, Jest and Vitest."""
    report = expect(read_json(content), dict)
    lines = expect(expect(report.get("total"), dict).get("lines"), dict)
    return _totals(
        number(lines.get("covered")), number(lines.get("total")), [each for each in report if each != "total"]
    )


def parse_istanbul_final(_: Place, content: bytes) -> Parsed:
    """`coverage-final.json` of Istanbul, nyc, Jest and Vitest: of each line its most often run statement counts."""
    lines: Lines = {}
    for path, of_file in expect(read_json(content), dict).items():
        found = expect(of_file, dict)
        places, counts = expect(found.get("statementMap"), dict), expect(found.get("s"), dict)
        known = lines.setdefault(path, {})
        for name, where in places.items():
            line = expect(expect(expect(where, dict).get("start"), dict).get("line"), int)
            known[line] = number(counts.get(name, 0)) > 0 or known.get(line, False)
    return _by_lines(lines, list(lines))


def parse_clover(_: Place, content: bytes) -> Parsed:
    """Clover XML, as Istanbul, Vitest and PHPUnit write it: its lines count, its methods and branches do not."""
    lines: Lines = {}
    stamps: list[str] = []
    is_clover = False

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal is_clover
        if name == "coverage":
            is_clover = True
            stamps.extend(filter(None, [attributes.get("generated")]))
        elif name == "file":
            lines.setdefault(attributes.get("path") or attributes.get("name", ""), {})
        elif name == "line" and lines and attributes.get("type") != "method":
            path = next(reversed(lines))
            line, count = _integer(attributes.get("num")), _integer(attributes.get("count"))
            lines[path][line] = count > 0 or lines[path].get(line, False)

    read_xml(content, element)
    if not is_clover:
        raise Unmeasured("does not have the format of such a report")
    return _by_lines(lines, list(lines), epoch_time(stamps[0]) if stamps else None)


def parse_cobertura(place: Place, content: bytes) -> Parsed:
    """Cobertura XML, by coverage.py, gocover-cobertura, tarpaulin, gcovr, coverlet and many others."""
    root: dict[str, str] = {}
    lines: Lines = {}
    sources: list[str] = []
    current: list[str] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "coverage":
            root.update(attributes)
        elif name == "class" and "filename" in attributes:
            lines.setdefault(attributes["filename"], {})
            current.append(attributes["filename"])
        elif name == "line" and current and "hits" in attributes:
            line, is_run = _integer(attributes.get("number")), attributes["hits"] != "0"
            known = lines[current[-1]]
            known[line] = is_run or known.get(line, False)

    read_xml(content, element, lambda name, text: sources.append(text.strip()) if name == "source" else None)
    whole = list(filter(None, sources))
    paths = {path: _below_sources(place, path, whole) for path in lines}
    located = {paths[path]: each for path, each in lines.items()}
    taken_at = epoch_time(root.get("timestamp", "0").partition(".")[0])
    if any(lines.values()):
        return _by_lines(located, list(located), taken_at)
    covered, valid = _integer(root.get("lines-covered")), _integer(root.get("lines-valid"))
    return _totals(covered, valid, list(located), taken_at)


def _below_sources(place: Place, path: str, sources: Sequence[str]) -> str:
    """Cobertura's file names are relative to one of its `<source>`s."""
    choices = [path, *(f"{source.rstrip('/')}/{path}" for source in sources[:20])]
    root = f"{place.root}/"
    return next((each for each in choices if each.removeprefix(root) in place.paths), path)


def parse_jacoco(_: Place, content: bytes) -> Parsed:
    """JaCoCo's XML: of each line its covered instructions; its files are below a source root."""
    lines: Lines = {}
    stamps: list[str] = []
    package = file = ""

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal package, file
        if name == "sessioninfo":
            stamps.append(attributes.get("dump", ""))
        elif name == "package":
            package, file = attributes.get("name", ""), ""
        elif name == "sourcefile":
            file = f"{package}/{attributes.get('name', '')}".lstrip("/")
            lines.setdefault(file, {})
        elif name == "line" and file:
            lines[file][_integer(attributes.get("nr"))] = _integer(attributes.get("ci")) > 0

    read_xml(content, element)
    times = [time for stamp in stamps if (time := epoch_time(stamp))]
    return _by_lines(lines, list(lines), max(times, default=None))


def parse_xml(place: Place, content: bytes) -> Parsed:
    """Whichever of the XML formats it is: several tools write a `coverage.xml`."""
    head = content[:4096]
    if b"<report" in head or b"JACOCO" in head:
        return parse_jacoco(place, content)
    if b"<coverage" in head and (b"clover=" in head or b"generated=" in head):
        return parse_clover(place, content)
    return parse_cobertura(place, content)


def _integer(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Unmeasured("does not have the format of such a report")
    return int(text)


def parse_lcov(place: Place, content: bytes) -> Parsed:
    """`lcov.info`: SF names a file, DA a line; without those, LF counts its lines, LH its covered lines."""
    counts = {"LF": 0, "LH": 0}
    lines: Lines = {}
    path, is_whole, without_lines = "", False, set[str]()
    for place_in_file, line in enumerate(content.decode("utf-8", "replace").splitlines()):
        if place_in_file % 10_000 == 0:
            place.check_time()
        key, _, value = line.partition(":")
        if key == "SF":
            path = value.strip()
            lines.setdefault(path, {})
        elif key in counts:
            counts[key] += _integer(value.strip())
            without_lines |= {path} if not lines.get(path) and value.strip() != "0" else set()
        elif key == "DA" and path:
            number_of, _, rest = value.partition(",")
            at = _integer(number_of.strip())
            is_run = rest.partition(",")[0].strip() not in {"0", "-", "=====", "#####"}
            lines[path][at] = is_run or lines[path].get(at, False)
        is_whole = line.strip() == "end_of_record"
    if not is_whole:
        raise Unmeasured("is not complete lcov")
    if without_lines:
        return _totals(counts["LH"], counts["LF"], list(lines))
    return _by_lines(lines, list(lines))


def parse_go(place: Place, content: bytes) -> Parsed:
    """`go test -coverprofile`: counts statements rather than lines; paths begin with the module's name."""
    head, _, body = content.decode("utf-8", "replace").partition("\n")
    if not head.startswith("mode: "):
        raise Unmeasured("is not a cover profile")
    modules = go_modules(place)
    blocks: dict[str, tuple[int, bool]] = {}
    paths: dict[str, None] = {}
    for line in body.splitlines():
        match = _go_line.fullmatch(line)
        if not match:
            raise Unmeasured("is not a complete cover profile")
        paths[_go_path(match["path"], modules)] = None
        block = line.split(" ", 1)[0]  # a block is repeated for each package tested
        ran = int(match["count"]) > 0 or blocks.get(block, (0, False))[1]
        blocks[block] = (int(match["statements"]), ran)
    covered = sum(statements for statements, ran in blocks.values() if ran)
    return _totals(covered, sum(statements for statements, _ in blocks.values()), list(paths))


def _go_path(path: str, modules: Mapping[str, str]) -> str:
    fitting = [name for name in modules if path.startswith(f"{name}/")]
    if not fitting:
        return path
    module = max(fitting, key=len)
    return f"{modules[module]}{path.removeprefix(f'{module}/')}"


def go_modules(place: Place) -> dict[str, str]:
    """The names of the modules here, each with its directory and a slash."""
    found = {}
    for package in place.packages:
        path = f"{package}/go.mod" if package else "go.mod"
        if path in place.paths:
            match = re.search(r"^module\s+(\S+)", place.text(path), re.MULTILINE)
            if match:
                found[match[1].strip('"')] = f"{package}/" if package else ""
    return found


def parse_simplecov(_: Place, content: bytes) -> Parsed:
    """SimpleCov's `.resultset.json` or `coverage.json`: for each line its count, null where there is no code."""
    report = expect(read_json(content), dict)
    runs = [report] if "coverage" in report else [each for each in report.values() if isinstance(each, dict)]
    lines: Lines = {}
    for run in runs:
        for path, of_file in expect(run.get("coverage"), dict).items():
            counts = of_file.get("lines") if isinstance(of_file, dict) else of_file
            known = lines.setdefault(path, {})
            for at, count in enumerate(expect(counts, list), 1):
                if isinstance(count, int):
                    known[at] = count > 0 or known.get(at, False)
    return _by_lines(lines, list(lines))


def parse_json(place: Place, content: bytes) -> Parsed:
    """Whichever tool has written a `coverage.json`: coverage.py, or SimpleCov."""
    report = expect(read_json(content), dict)
    return (parse_simplecov if "coverage" in report and "totals" not in report else parse_coverage_json)(place, content)


FORMATS = (
    Format("coverage.py", ("coverage.json", "coverage-py.json", "coverage-[!fs]*.json"), parse_json),
    Format("Istanbul", ("coverage-summary.json",), parse_istanbul),
    Format("Istanbul", ("coverage-final.json",), parse_istanbul_final),
    Format("Clover", ("clover.xml", "clover-*.xml"), parse_clover),
    Format("JaCoCo", ("jacoco*.xml",), parse_jacoco),
    Format("Cobertura", ("coverage.xml", "coverage-*.xml", "cobertura*.xml", "coverage.cobertura.xml"), parse_xml),
    Format("JaCoCo", ("build/reports/jacoco/*/*.xml",), parse_jacoco),
    Format("lcov", ("lcov.info", "*.lcov", "lcov-*.info", "lcov-report.info"), parse_lcov),
    Format("go cover", ("cover*.out", "*.coverprofile", "coverage.txt", "c.out"), parse_go),
    Format("SimpleCov", (".resultset.json",), parse_simplecov),
)
