"""Tests: their number by each language's conventions, and the result of the last run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.quality.collectors.directory import LANGUAGES, File, Place, Unmeasured
from services.quality.collectors.reports import Format, Parsed, expect, find_reports, languages_of, own_time, read_json
from services.quality.collectors.xml import read_xml
from services.quality.domain.evidence import Evidence, no_measurement

rust_files_read_max = 300
rust_file_max_bytes = 256 * 1024

CONVENTIONS = {
    "python": re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$"),
    "javascript": re.compile(r"(\.(test|spec)\.[cm]?jsx?$)|((^|/)(__tests__|tests?|spec)/[^.]*\.[cm]?jsx?$)"),
    "typescript": re.compile(r"(\.(test|spec)\.[cm]?tsx?$)|((^|/)(__tests__|tests?|spec)/[^.]*\.[cm]?tsx?$)"),
    "go": re.compile(r"_test\.go$"),
    "rust": re.compile(r"(^|/)(tests|benches)/.*\.rs$"),
}
_support = re.compile(r"(^|/)(tests?/.*|conftest|setup)\.py$")


def tests(place: Place) -> list[Evidence]:
    """The number of test files per source file, and the share of tests that passed in the last run."""
    return [_presence(place), find_reports(place, RESULTS).evidence("tests_passed", passed_share, "no test results")]


def _presence(place: Place) -> Evidence:
    counts = {language: _count_files(place, language) for language in place.by_language}
    sources = sum(others for _, others in counts.values())
    if not sources:
        return no_measurement(
            "tests_present", "no source files" if not place.files else "no source in a known language"
        )
    found = sum(tested for tested, _ in counts.values())
    limit = f", among the first {len(place.files):,} files" if place.truncated else ""
    return Evidence(
        "tests_present",
        value=min(10.0, round(found / sources, 4)),
        measured=True,
        source="names of files",
        measured_at=place.now,
        detail=f"{found} test files, {sources} source files{limit}",
    )


def _count_files(place: Place, language: str) -> tuple[int, int]:
    """The numbers of test files and of others; a Rust file with tests inside counts as both."""
    files = place.sources(language)
    tested = [file for file in files if CONVENTIONS[language].search(file.path)]
    named = {file.path for file in tested}
    others = [file for file in files if file.path not in named and not _support.search(file.path)]
    inside = _rust_files_with_tests(place, others) if language == "rust" else 0
    return len(tested) + inside, len(others)


def _rust_files_with_tests(place: Place, files: Sequence[File]) -> int:
    found = 0
    for file in files[:rust_files_read_max]:
        place.check_time()
        if file.size <= rust_file_max_bytes:
            found += b"#[cfg(test)]" in place.read(file.path, rust_file_max_bytes)
    return found


def passed_share(reports: Sequence[Parsed]) -> float:
    """The share of passed tests among those that ran, without skipped ones."""
    total = sum(each.total for each in reports)
    return round(sum(each.counted for each in reports) / total, 4) if total else 0.0


def parse_junit(place: Place, content: bytes) -> Parsed:
    """JUnit XML, counted by its test cases: the totals in its header are not reliable."""
    cases = failed = skipped = 0
    paths: dict[str, None] = {}
    times: list[datetime] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal cases, failed, skipped
        if name == "testcase":
            cases += 1
            path = attributes.get("file") or _path_of_class(place, attributes.get("classname", ""))
            if path and len(paths) < 1000:
                paths[path] = None
        elif name in {"failure", "error"}:
            failed += 1
        elif name == "skipped":
            skipped += 1
        elif name == "testsuite" and (time := own_time(attributes.get("timestamp"))):
            times.append(time)

    read_xml(content, element)
    ran = cases - skipped
    if ran <= 0:
        raise Unmeasured("contains no test that ran")
    passed = max(0, ran - failed)
    return _results(passed, ran, list(paths), max(times, default=None))


def _results(passed: int, ran: int, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    languages = languages_of(paths)
    return Parsed(passed, ran, paths, languages, taken_at, detail=f"{passed} of {ran} passed")


def _path_of_class(place: Place, name: str) -> str:
    """The file of pytest's `tests.unit.test_x.TestY`; if none exists here, the path it would have."""
    parts = [part for part in name.split(".") if part][:20]
    if len(parts) < 2 and not name.startswith("test"):
        return ""
    for count in range(len(parts), 0, -1):
        path = "/".join(parts[:count]) + ".py"
        if path in place.paths:
            return path
    is_python = any(part.startswith("test_") or part.endswith("_test") for part in parts)
    return "/".join(parts) + ".py" if is_python else ""


def parse_pytest_cache(place: Place, content: bytes) -> Parsed:
    """pytest's cache: `nodeids` lists the known tests, `lastfailed` those that failed in their last run."""
    known = {expect(each, str) for each in expect(read_json(content), list)}
    if not known:
        raise Unmeasured("lists no tests")
    failed = set()
    if place.has(".pytest_cache/v/cache/lastfailed"):
        failed = set(expect(read_json(place.read(".pytest_cache/v/cache/lastfailed", 1024 * 1024)), dict)) & known
    paths = list(dict.fromkeys(each.split("::", 1)[0] for each in known))
    return _results(len(known) - len(failed), len(known), sorted(paths))


RESULTS = (
    Format("JUnit XML", ("junit*.xml", "test-results*.xml", "TEST-*.xml", "*pytest*.xml", "report.xml"), parse_junit),
    Format("pytest cache", (".pytest_cache/v/cache/nodeids",), parse_pytest_cache),
)


def is_test(path: str) -> bool:
    """Whether a file is a test by its language's conventions."""
    if "/tests/" in f"/{path}":
        return True
    convention = CONVENTIONS.get(LANGUAGES.get(path[path.rfind(".") :], ""))
    return convention is not None and convention.search(path) is not None
