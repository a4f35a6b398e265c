"""Results of tests in other forms than JUnit's: NUnit and xUnit.net as XML, and the JSON of JavaScript's, Ruby's, Go's
and Python's test runners. Each is a list of tests with how they ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.languages import languages_of
from services.quality.collectors.report_files.xml import read_xml
from services.quality.collectors.reports import NothingRan, Parsed, epoch_time, expect, own_time, read_json
from services.workspace.text import text_of

PASSED, FAILED = "passed", "failed"
depth_max = 50
FIXTURES = frozenset({"SetUp", "TearDown"})
ENDS: Mapping[str, str] = {
    **dict.fromkeys(("passed", "pass", "success", "succeeded", "ok", "expected", "flaky", "xpassed"), PASSED),
    **dict.fromkeys(
        ("failed", "fail", "failure", "error", "unexpected", "timedout", "timeout", "interrupted", "undefined"), FAILED
    ),
}
"""What the runners call the ends of tests; any other is of a test that did not run."""


@dataclass
class Ends:
    """The tests of a report, by name, and how each ended: one that failed once has failed."""

    by_name: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    paths: dict[str, None] = field(default_factory=dict)
    times: list[datetime] = field(default_factory=list)

    def add(self, name: str, end: object, path: object = "") -> None:
        """A test, and the file it is in."""
        word = ENDS.get(str(end).lower())
        if word is None:
            self.skipped += 1
        elif self.by_name.get(name) != FAILED:
            self.by_name[name] = word
        if isinstance(path, str) and path and len(self.paths) < 1000:
            self.paths[path] = None

    def report(self, languages: Sequence[str] = ()) -> Parsed:
        """What the report says. NothingRan, Unmeasured without a test that ran."""
        if not self.by_name and self.skipped:
            raise NothingRan(f"has {self.skipped} tests, and none of them ran")
        if not self.by_name:
            raise Unmeasured("contains no test that ran")
        passed, ran = list(self.by_name.values()).count(PASSED), len(self.by_name)
        taken_at, detail = max(self.times, default=None), f"{passed} of {ran} passed"
        known = languages_of(self.paths) or tuple(languages)
        return Parsed(passed, ran, list(self.paths), known, taken_at, detail, names=frozenset(self.by_name))


def parse_nunit(place: Place, content: bytes) -> Parsed:
    """NUnit 3 (`test-run`) and NUnit 2 (`test-results`)."""
    ends = Ends()

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "test-case":
            end = attributes.get("result", "") if attributes.get("executed") != "False" else "ignored"
            ends.add(attributes.get("fullname") or attributes.get("name", ""), end)
        elif name == "test-suite" and attributes.get("result") == "Failed" and attributes.get("site") in FIXTURES:
            ends.add(f"{attributes.get('site')} of {attributes.get('fullname') or attributes.get('name')}", FAILED)
        elif name == "test-run" and (
            time := own_time(attributes.get("end-time", "").replace("Z", "+00:00"), place.now)
        ):
            ends.times.append(time)

    read_xml(content, element)
    return ends.report(("csharp",))


def parse_xunit_net(place: Place, content: bytes) -> Parsed:
    """xUnit.net 2: a `test` in a `collection` in an `assembly`."""
    ends = Ends()

    def element(name: str, attributes: Mapping[str, str]) -> None:
        if name == "test":
            ends.add(attributes.get("name", ""), attributes.get("result", ""))
        elif name == "error":  # of the assembly, or of a fixture
            ends.add(f"{attributes.get('type')} {attributes.get('name')}", FAILED)
        elif name == "assembly":
            stamp = f"{attributes.get('run-date', '')}T{attributes.get('run-time', '')}"
            ends.times += [time] if (time := own_time(stamp, place.now)) else []

    read_xml(content, element)
    return ends.report(("csharp",))


_tap = re.compile(
    r"(?P<end>ok|not ok)\b\s*(?P<number>\d*)\s*(?P<title>[^#]*)(?P<directive>#\s*(?:skip|todo))?", re.IGNORECASE
)
_tap_plan = re.compile(r"1\.\.(\d{1,9})")


def parse_tap(_: Place, content: bytes) -> Parsed:
    """The Test Anything Protocol: a test that is to do may fail, and one of the plan that is missing did."""
    ends = Ends()
    planned, found, is_skipped = 0, 0, False
    for line in text_of(content).splitlines():
        if plan := _tap_plan.match(line):
            planned += int(plan[1])
            is_skipped |= "skip" in line.lower()
        elif line.startswith("Bail out!"):
            ends.add("bail out", FAILED)
        elif test := _tap.match(line):
            found += 1
            end = "skipped" if test["directive"] else FAILED if test["end"].lower() == "not ok" else PASSED
            ends.add(f"{found} {test['title'].strip()}", end)
    if not planned and is_skipped:
        raise NothingRan("skips all of its tests")
    if not planned:
        raise Unmeasured("has no plan of tests")
    if found < planned:
        ends.add("of the plan", FAILED)
    return ends.report()


def parse_results_json(place: Place, content: bytes) -> Parsed:
    """Whichever runner's JSON it is; of Go's test events, one a line."""
    first = text_of(content).lstrip()[:2000]
    if '"Action"' in first and '"Package"' in first:
        return go_ends(content).report(("go",))
    report = expect(read_json(content), dict)
    if isinstance(report.get("testResults"), list):
        return _jest_ends(report).report()
    if isinstance(report.get("examples"), list):
        return _rspec_ends(report).report(("ruby",))
    if isinstance(report.get("suites"), list):
        return _playwright_ends(report, place).report()
    if isinstance(report.get("stats"), dict) and isinstance(report.get("tests"), list):
        return _mocha_ends(report, place).report()
    if isinstance(report.get("tests"), list) and isinstance(report.get("summary"), dict):
        return _pytest_ends(report).report(("python",))
    raise Unmeasured("does not have the format of such a report")


def go_ends(content: bytes) -> Ends:
    """`go test -json`: events of a test have its name. A test that did not end has failed, and so has something in a
    package that failed without a test of it, as one that does not build."""
    ends, begun, with_failure, broken = Ends(), dict[str, str](), set[str](), set[str]()
    for line in text_of(content).splitlines():
        if not line.startswith("{"):
            continue  # the compiler's output is between the events
        event = expect(read_json(line.encode()), dict)
        package, action = str(event.get("Package", "")), event.get("Action")
        name = f"{package}.{event['Test']}" if event.get("Test") else ""
        if name and action == "run":
            begun[name] = package
        elif name and action in {"pass", "fail", "skip"}:
            begun.pop(name, None)
            ends.add(name, action)
            with_failure |= {package} if action == "fail" else set()
        elif not name and action == "fail":
            broken.add(package)
    for name in (*begun, *sorted(broken - with_failure - set(begun.values()))):
        ends.add(name, FAILED)
    return ends


def _jest_ends(report: Mapping[str, Any]) -> Ends:
    """Jest's and Vitest's: a file that could not be run has no tests, and failed."""
    ends = Ends()
    for row in report["testResults"]:
        file = expect(row, dict)
        path = file.get("name") or file.get("testFilePath") or ""
        cases = expect(file.get("assertionResults") or file.get("testResults") or [], list)
        for case in cases:
            named = expect(case, dict)
            ends.add(f"{path} {named.get('fullName') or named.get('title')}", named.get("status"), path)
        if not cases and file.get("status") == FAILED:
            ends.add(str(path), FAILED, path)
    if time := epoch_time(report.get("startTime")):
        ends.times.append(time)
    return ends


def _rspec_ends(report: Mapping[str, Any]) -> Ends:
    ends = Ends()
    for row in report["examples"]:
        case = expect(row, dict)
        ends.add(str(case.get("id") or case.get("full_description")), case.get("status"), case.get("file_path"))
    if expect(report.get("summary") or {}, dict).get("errors_outside_of_examples_count"):
        ends.add("outside of examples", FAILED)
    return ends


def _mocha_ends(report: Mapping[str, Any], place: Place) -> Ends:
    """Mocha's: a test that failed has an error, one that did not run is pending."""
    ends = Ends()
    pending = {str(expect(row, dict).get("fullTitle")) for row in expect(report.get("pending") or [], list)}
    for row in report["tests"]:
        case = expect(row, dict)
        title = str(case.get("fullTitle"))
        end = "pending" if title in pending else FAILED if case.get("err") else PASSED
        ends.add(f"{case.get('file', '')} {title}", end, case.get("file"))
    titles = {str(expect(row, dict).get("fullTitle")) for row in report["tests"]}
    for row in expect(report.get("failures") or [], list):
        if (title := str(expect(row, dict).get("fullTitle"))) not in titles:  # a hook
            ends.add(title, FAILED, row.get("file"))
    end = str(report["stats"].get("end") or "").replace("Z", "+00:00")
    ends.times += [time] if (time := own_time(end, place.now)) else []
    return ends


def _playwright_ends(report: Mapping[str, Any], place: Place) -> Ends:
    ends = Ends()
    for file, spec in _specs(report["suites"], ""):
        title = f"{file} {spec.get('title')}"
        for number, row in enumerate(expect(spec.get("tests") or [], list)):
            ends.add(f"{title} {number}", expect(row, dict).get("status"), file)
    for number, _ in enumerate(expect(report.get("errors") or [], list)):
        ends.add(f"outside of tests {number}", FAILED)
    start = str(expect(report.get("stats") or {}, dict).get("startTime") or "").replace("Z", "+00:00")
    ends.times += [time] if (time := own_time(start, place.now)) else []
    return ends


def _specs(suites: Sequence[Any], title: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if depth > depth_max:
        raise Unmeasured("is deeper or longer than any report")
    for row in suites:
        suite = expect(row, dict)
        file = str(suite.get("file") or title)
        for spec in expect(suite.get("specs") or [], list):
            yield file, expect(spec, dict)
        yield from _specs(expect(suite.get("suites") or [], list), file, depth + 1)


def _pytest_ends(report: Mapping[str, Any]) -> Ends:
    """pytest-json-report's."""
    ends = Ends()
    for row in report["tests"]:
        case = expect(row, dict)
        name = str(case.get("nodeid", ""))
        ends.add(name, case.get("outcome"), name.partition("::")[0])
    for row in expect(report.get("collectors") or [], list):
        if expect(row, dict).get("outcome") == FAILED:
            ends.add(str(row.get("nodeid")), FAILED)
    if isinstance(created := report.get("created"), int | float):
        ends.times += [time] if (time := epoch_time(int(created))) else []
    return ends
