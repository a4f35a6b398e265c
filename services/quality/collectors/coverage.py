"""Test coverage from reports, added up line by line, and of how much of the project it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from services.quality.collectors.directory import Place
from services.quality.collectors.languages import is_aside, is_support, is_test, language_of
from services.quality.collectors.report_files.coverage_json import parse_json
from services.quality.collectors.report_files.coverage_text import parse_go, parse_lcov
from services.quality.collectors.report_files.coverage_xml import parse_xml
from services.quality.collectors.report_files.line_counts import Lines
from services.quality.collectors.reports import Format, Parsed, find_reports
from services.quality.domain.evidence import Evidence

RAW = (".exec", ".ec", ".profraw", ".profdata", ".gcda", ".coverage", ".coveragexml", "cobertura.ser")
WHOLE_SHARE = 0.8
"""A report on this share of the sources counts fully: nobody lists every file. One on fewer counts by its share."""


def coverage(place: Place) -> list[Evidence]:
    """The percentage of lines covered by tests."""
    found = find_reports(place, FORMATS)
    missing = "no coverage report"
    if place.has(".coverage"):
        missing = ".coverage holds no totals: run `coverage json` or `coverage xml`"
    elif raw := next((file.path for file in place.reports if file.path.endswith(RAW)), ""):
        missing = (
            f"no coverage report that is read; {raw} is raw data: have its tool write lcov, Cobertura or JaCoCo's XML"
        )
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


FORMATS = (
    Format(
        "coverage.py",
        ("coverage.json", "coverage-py.json", "coverage-[!fs]*.json"),
        parse_json,
        but=("coverage-[0-9]*-[0-9]*-[0-9]*.json",),  # what V8 leaves of each process
    ),
    Format("Istanbul", ("coverage-summary.json", "coverage-final*.json"), parse_json),
    Format("Clover", ("clover.xml", "clover-*.xml", "*-clover.xml"), parse_xml),
    Format(
        "JaCoCo",
        ("jacoco*.xml", "build/reports/jacoco/*/*.xml", "build/reports/kover/*.xml", "build/reports/coverage/*.xml"),
        parse_xml,
    ),
    Format(
        "Cobertura",
        (
            "coverage.xml",
            "coverage-*.xml",
            "coverage_*.xml",
            "*cobertura*.xml",
            "cov.xml",
            "*opencover*.xml",
            "*-coverage.xml",
        ),
        parse_xml,
    ),
    Format("lcov", ("lcov.info", "*.lcov", "lcov*.info", "cov*.info", "*-lcov.info"), parse_lcov),
    Format(
        "go cover",
        ("cover*.out", "*.coverprofile", "coverage.txt", "cover.txt", "c.out", "cp.out", "profile.cov", "profile.out"),
        parse_go,
    ),
    Format("llvm-cov", (".build/*codecov/*.json",), parse_json, is_guess=True),
    Format("Coveralls", ("coveralls*.json", "excoveralls*.json"), parse_json),
    Format("SimpleCov", (".resultset.json",), parse_json),
    Format(
        "llvm-cov",
        ("llvm-cov*.json", "cov.json", "gcovr*.json", "codecov.json", "xccov*.json", "tarpaulin-report.json"),
        parse_json,
    ),
)
