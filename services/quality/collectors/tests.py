"""Tests: their number by each language's conventions, and the result of the last run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import CONVENTIONS, is_aside, is_support, languages_of
from services.quality.collectors.report_files.test_forms import (
    Ends,
    parse_nunit,
    parse_results_json,
    parse_tap,
    parse_xunit_net,
)
from services.quality.collectors.report_files.xml import first_element, read_xml
from services.quality.collectors.reports import (
    OTHER_FORMAT,
    Format,
    NoReport,
    NothingRan,
    Parsed,
    expect,
    find_reports,
    own_time,
    read_json,
)
from services.quality.domain.evidence import Evidence, no_measurement

rust_files_read_max = 300
rust_file_max_bytes = 256 * 1024
JVM_SOURCES = {"java": (".java", ".kt", ".scala", ".groovy")}
NOT_RUN = {"notrun", "disabled", "skipped", "suppressed", "ignored", "pending"}
_of_linter = re.compile(r"org\.(eslint|ruff|stylelint|oxlint|tslint|htmlhint|markdownlint|biome)\b")
_linter = re.compile(r"mypy|phpstan|psalm|PHP CS Fixer|PHP_CodeSniffer.*")
"""The package, or the name, that linters and type checkers give their findings where they write them as JUnit XML."""
FAILED_WORDS = {"failed", "failure", "fail", "error"}


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
    is_suite_empty: bool = False
    paths: dict[str, None] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)

    def element(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "testcase":
            self._begin(attributes)
        elif name in {"failure", "error", "skipped"} and (self.all or name != "skipped"):
            if self.is_suite_empty or not self.all:  # the suite itself failed, before its first test
                self._begin({"name": f"suite {len(self.all)}"})
            case = self.all[-1]
            case.failures += name == "failure"
            case.errors += name == "error"
            case.is_skipped = case.is_skipped or name == "skipped"
        elif name in {"testsuite", "testsuites"}:
            if _of_linter.match(attributes.get("package", "")) or _linter.fullmatch(attributes.get("name", "")):
                raise NoReport
            self.is_suite_empty = name == "testsuite"
            self.times += [time] if (time := own_time(attributes.get("timestamp"), self.place.now)) else []

    def _begin(self, attributes: Mapping[str, str]) -> None:
        class_name = attributes.get("classname", "")
        case = _Case((class_name, attributes.get("name", ""), attributes.get("file", "")))
        words = {attributes.get("status", "").lower(), attributes.get("result", "").lower()}
        case.is_skipped = bool(words & NOT_RUN)
        case.failures = int(bool(words & FAILED_WORDS))
        self.all.append(case)
        self.is_suite_empty = False
        path = attributes.get("file") or path_of_class(self.place, class_name)
        if path and len(self.paths) < 1000:
            self.paths[path] = None

    def counts(self) -> tuple[int, int, int]:
        """How many passed, ran, and were skipped. Merges the elements of one test."""
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
        self.all = ran
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
    names = frozenset("\0".join(case.key) for case in cases.all)
    return replace(_results(passed, ran, list(cases.paths), max(cases.times, default=None)), names=names)


def parse_results_xml(place: Place, content: bytes) -> Parsed:
    """Whichever of the XML forms it is: people name their reports as they like. Unmeasured for any other: the findings
    of linters are called errors, too, and are no tests."""
    name, _ = first_element(content)
    if name not in XML_FORMS:
        raise Unmeasured(OTHER_FORMAT)
    return XML_FORMS[name](place, content)


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
    ends = Ends()
    statuses: list[str] = []

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Test" and "Status" in attributes:
            statuses.append(attributes["Status"])
        elif name == "Site" and attributes.get("BuildStamp", "")[:13].replace("-", "").isdigit():
            ends.times += [time] if (time := _time_of_stamp(attributes["BuildStamp"])) else []

    def text(name: str, content: str) -> None:
        if name == "Name" and statuses and len(ends.by_name) + ends.skipped < len(statuses):
            ends.add(content, statuses[-1])

    read_xml(content, element, text)
    for number in range(len(ends.by_name) + ends.skipped, len(statuses)):
        ends.add(f"test {number}", statuses[number])
    return ends.report(tuple(each for each in ("c", "cpp") if each in place.by_language))


def _time_of_stamp(stamp: str) -> datetime | None:
    """The time in a stamp such as 20261129-0747-Experimental, which is in UTC."""
    return own_time(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}+00:00")


def parse_trx(place: Place, content: bytes) -> Parsed:
    """Visual Studio's `.trx`, as `dotnet test --logger trx` writes it."""
    ends, summaries = Ends(), list[str]()

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "UnitTestResult":
            outcome = attributes.get("outcome", "Failed")
            end = "passed" if outcome in TRX_PASSED else "skipped" if outcome in TRX_NOT_RUN else "failed"
            ends.add(f"{attributes.get('testId', '')} {attributes.get('testName', len(ends.by_name))}", end)
        elif name == "Times" and (time := own_time(attributes.get("finish"), place.now)):
            ends.times.append(time)
        elif name == "ResultSummary":
            summaries.append(attributes.get("outcome", ""))

    read_xml(content, element)
    if TRX_BROKEN & set(summaries) and "failed" not in ends.by_name.values():
        ends.add("the run", "failed")  # its host crashed, or was ended
    return ends.report(("csharp",))


TRX_PASSED = frozenset({"Passed", "PassedButRunAborted", "Warning", "Completed"})
TRX_BROKEN = frozenset({"Failed", "Aborted", "Error", "Timeout"})
TRX_NOT_RUN = frozenset({"NotExecuted", "Pending", "Disconnected", "Inconclusive", "NotRunnable", "InProgress"})
XML_FORMS: Mapping[str, Callable[[Place, bytes], Parsed]] = {
    "test-run": parse_nunit, "test-results": parse_nunit, "assemblies": parse_xunit_net, "assembly": parse_xunit_net,
    "Site": parse_ctest, "TestRun": parse_trx, "testsuites": parse_junit, "testsuite": parse_junit,
}  # fmt: skip
NO_RESULTS = (
    *("coverage*.xml", "cobertura*.xml", "clover*.xml", "jacoco*.xml", "checkstyle*.xml", "*opencover*.xml"),
    *("*lint*.xml", "*mypy*.xml", "*ruff*.xml", "*flake8*.xml", "*bandit*.xml", "*audit*.xml", "*phpcs*.xml"),
    *("*pmd*.xml", "*spotbugs*.xml", "*findbugs*.xml", "*cppcheck*.xml", "*detekt*.xml", "*psalm*.xml"),
)
"""Reports of other tools, some of which write their findings as JUnit XML."""
RESULTS = (
    Format(
        "JUnit XML",
        (
            *("junit*.xml", "*junit.xml", "test-results*.xml", "test_results*.xml", "TEST-*.xml", "*pytest*.xml"),
            *("rspec*.xml", "*-tests.xml", "nosetests*.xml", "*unittest*.xml", "test-report*.xml", "test_report*.xml"),
            *("*xunit*.xml", "*nunit*.xml", "TestResult*.xml"),
        ),
        parse_results_xml,
        but=NO_RESULTS,
    ),
    Format(
        "JUnit XML",
        (
            *("report.xml", "tests.xml", "*-results.xml", "results.xml", "test_output.xml", "test_detail.xml"),
            *("e2e*.xml", "reports/*.xml", "report/*.xml", ".reports/*.xml", "artifacts/*.xml"),
            *("cypress/results/*.xml", "test-results/*.xml", "test-reports/*.xml", "build/test-results/*/*.xml"),
        ),
        parse_results_xml,
        but=NO_RESULTS,
        is_guess=True,
    ),
    Format("CTest", ("Test.xml",), parse_results_xml),
    Format("trx", ("*.trx",), parse_results_xml),
    Format(
        "a test runner's JSON",
        (
            *("jest*.json", "vitest*.json", "mocha*.json", "rspec*.json", "playwright*.json", "*test-results*.json"),
            *("test_results*.json", "test-report*.json", "go-test*.json", "gotest*.json", "test-output*.json"),
            *(".report.json", "test-results/*.json", "playwright-report/results.json"),
        ),
        parse_results_json,
        but=("*.config.json", "*lint*.json", "*rc.json"),
        is_guess=True,
    ),
    Format("TAP", ("*.tap",), parse_tap),
    Format("pytest cache", (".pytest_cache/v/cache/nodeids",), parse_pytest_cache, is_fallback=True),
)
