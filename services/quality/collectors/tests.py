"""Tests: their number by each language's conventions, and the result of the last run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import CONVENTIONS, is_aside, is_support, languages_of
from services.quality.collectors.report_files.xml import read_xml
from services.quality.collectors.reports import Format, NothingRan, Parsed, expect, find_reports, own_time, read_json
from services.quality.domain.evidence import Evidence, no_measurement

rust_files_read_max = 300
rust_file_max_bytes = 256 * 1024
JVM_SOURCES = {"java": (".java", ".kt", ".scala", ".groovy")}
NOT_RUN = {"notrun", "disabled", "skipped", "suppressed", "ignored", "pending"}


def tests(place: Place) -> list[Evidence]:
    """The number of test files per source file, and the share of tests that passed in the last run."""
    return [_presence(place), find_reports(place, RESULTS).evidence("tests_passed", passed_share, "no test results")]


def _presence(place: Place) -> Evidence:
    counts = {language: _count_files(place, language) for language in place.by_language}
    sources = sum(others for _, others in counts.values())
    found = sum(tested for tested, _ in counts.values())
    if not sources:
        if found and place.files:
            return Evidence("tests_present", 1.0, True, "names of files", place.now, detail=f"{found} test files")
        return no_measurement(
            "tests_present", "no source files" if not place.files else "no source in a known language"
        )
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
    others = [file for file in files if file.path not in named and not is_support(file.path) and file.size]
    others = [file for file in others if not is_aside(file.path)] or others
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


@dataclass
class _Case:
    """One test case of a report: several elements of one name are one test if the later ones are its errors."""

    key: tuple[str, str, str]
    failures: int = 0
    errors: int = 0
    is_skipped: bool = False


@dataclass
class _Cases:
    """The test cases of a report, in its order."""

    place: Place
    all: list[_Case] = field(default_factory=list)
    paths: dict[str, None] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)

    def element(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "testcase":
            self._begin(attributes)
        elif name in {"failure", "error", "skipped"} and self.all:
            case = self.all[-1]
            case.failures += name == "failure"
            case.errors += name == "error"
            case.is_skipped = case.is_skipped or name == "skipped"
        elif name in {"testsuite", "testsuites"} and (time := own_time(attributes.get("timestamp"), self.place.now)):
            self.times.append(time)

    def _begin(self, attributes: Mapping[str, str]) -> None:
        class_name = attributes.get("classname", "")
        case = _Case((class_name, attributes.get("name", ""), attributes.get("file", "")))
        case.is_skipped = bool({attributes.get("status", ""), attributes.get("result", "")} & NOT_RUN)
        self.all.append(case)
        path = attributes.get("file") or path_of_class(self.place, class_name)
        if path and len(self.paths) < 1000:
            self.paths[path] = None

    def counts(self) -> tuple[int, int, int]:
        """How many passed, ran, and were skipped."""
        merged: list[_Case] = []
        for case in self.all:
            before = merged[-1] if merged else None
            if before and before.key == case.key and case.errors and case.key[1]:  # as pytest does after a test
                before.errors += case.errors
                before.is_skipped = False
            else:
                merged.append(case)
        ran = [case for case in merged if not case.is_skipped or case.failures or case.errors]
        passed = sum(not case.failures and not case.errors for case in ran)
        return passed, len(ran), len(merged) - len(ran)


def parse_junit(place: Place, content: bytes) -> Parsed:
    """JUnit XML, counted by its test cases: the totals in its header are not reliable."""
    cases = _Cases(place)
    read_xml(content, cases.element)
    passed, ran, skipped = cases.counts()
    if not ran:
        raise (
            NothingRan(f"has {skipped} tests, and none of them ran")
            if skipped
            else Unmeasured("contains no test that ran")
        )
    return _results(passed, ran, list(cases.paths), max(cases.times, default=None))


def _results(passed: int, ran: int, paths: Sequence[str], taken_at: datetime | None = None) -> Parsed:
    languages = languages_of(paths)
    return Parsed(passed, ran, paths, languages, taken_at, detail=f"{passed} of {ran} passed")


def path_of_class(place: Place, name: str) -> str:
    """The file of pytest's `tests.unit.test_x.TestY` or of a class of Java; if none is here, the path it would have."""
    parts = [part for part in name.replace("$", ".").split(".") if part][:20]
    if len(parts) < 2 and not name.startswith("test"):
        return ""
    for count in range(len(parts), 0, -1):
        path = "/".join(parts[:count]) + ".py"
        if path in place.paths:
            return path
        if found := _jvm_file(place, parts[:count]):
            return found
    is_python = any(part.startswith("test_") or part.endswith("_test") for part in parts)
    return "/".join(parts) + ".py" if is_python else ""


def _jvm_file(place: Place, parts: Sequence[str]) -> str:
    for suffix in JVM_SOURCES["java"]:
        end = "/".join(parts) + suffix
        for path in place.by_name.get(parts[-1] + suffix, ()):
            if path == end or path.endswith(f"/{end}"):
                return path
    return ""


def parse_pytest_cache(place: Place, content: bytes) -> Parsed:
    """pytest's cache: `nodeids` lists the known tests, `lastfailed` those that failed in their last run.

    It does not tell skipped tests from passed ones, so it counts only where there is no other report.
    """
    known = {expect(each, str) for each in expect(read_json(content), list)}
    if not known:
        raise Unmeasured("lists no tests")
    failed = set()
    if place.has(".pytest_cache/v/cache/lastfailed"):
        failed = set(expect(read_json(place.read(".pytest_cache/v/cache/lastfailed", 1024 * 1024)), dict)) & known
    paths = list(dict.fromkeys(each.split("::", 1)[0] for each in known))
    return _results(len(known) - len(failed), len(known), sorted(paths))


def parse_ctest(place: Place, content: bytes) -> Parsed:
    """CTest's `Test.xml`: one element per test with its status."""
    ends: list[str] = []
    read_xml(
        content,
        lambda name, attributes: ends.extend(
            [attributes["Status"]] if name == "Test" and "Status" in attributes else []
        ),
    )
    ran = [each for each in ends if each in {"passed", "failed"}]
    if not ran:
        raise Unmeasured("contains no test that ran")
    passed = ran.count("passed")
    languages = tuple(each for each in ("c", "cpp") if each in place.by_language)
    return Parsed(passed, len(ran), languages=languages, detail=f"{passed} of {len(ran)} passed")


def parse_trx(place: Place, content: bytes) -> Parsed:
    """Visual Studio's `.trx`, as `dotnet test --logger trx` writes it."""
    ends: list[str] = []
    times: list[datetime] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "UnitTestResult":
            ends.append(attributes.get("outcome", ""))
        elif name == "Times" and (time := own_time(attributes.get("finish"), place.now)):
            times.append(time)

    read_xml(content, element)
    ran = [each for each in ends if each not in {"NotExecuted", "Pending", "Disconnected", "Inconclusive"}]
    if not ran:
        raise Unmeasured("contains no test that ran")
    passed = sum(each in {"Passed", "PassedButRunAborted", "Warning"} for each in ran)
    detail = f"{passed} of {len(ran)} passed"
    return Parsed(passed, len(ran), (), ("csharp",), max(times, default=None), detail)


NO_RESULTS = (
    *("coverage*.xml", "cobertura*.xml", "clover*.xml", "jacoco*.xml", "checkstyle*.xml"),
    *(
        "*lint*.xml",
        "*mypy*.xml",
        "*ruff*.xml",
        "*flake8*.xml",
        "*bandit*.xml",
        "*audit*.xml",
        "*phpcs*.xml",
        "*pmd*.xml",
    ),
)
"""Reports of other tools, some of which write their findings as JUnit XML."""
RESULTS = (
    Format(
        "JUnit XML",
        (
            "junit*.xml",
            "*junit.xml",
            "test-results*.xml",
            "TEST-*.xml",
            "*pytest*.xml",
            "report.xml",
            "rspec*.xml",
            "*-tests.xml",
            "tests.xml",
            "*-results.xml",
            "test_output.xml",
            "results.xml",
        ),
        parse_junit,
        but=NO_RESULTS,
    ),
    Format(
        "JUnit XML",
        (
            "reports/*.xml",
            "report/*.xml",
            ".reports/*.xml",
            "artifacts/*.xml",
            "*/reports/*.xml",
            "cypress/results/*.xml",
            "test-results/*.xml",
            "test-reports/*.xml",
            "*/test-results/*.xml",
            "build/test-results/*/*.xml",
        ),
        parse_junit,
        but=NO_RESULTS,
    ),
    Format("CTest", ("Test.xml",), parse_ctest),
    Format("trx", ("*.trx",), parse_trx),
    Format("pytest cache", (".pytest_cache/v/cache/nodeids",), parse_pytest_cache, is_fallback=True),
)
