"""Every known form of report is read, by whatever name and encoding, and whatever is odd about it refused or made the
best of: nothing that failed is hidden, nothing clean is lost."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.quality.collectors import collect
from services.quality.collectors.reports import own_time
from services.quality.collectors.scan import look
from services.quality.domain.evidence import Evidence
from tests.unit.quality.collectors.test_collectors import DAY_S, write
from tests.unit.quality.collectors.test_public_projects import FAILED, JS, OK, PY, junit, lcov


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def evidence(root: Path, name: str) -> Evidence:
    return collect(look(root, [root.parent])).evidence[name]


def value(root: Path, name: str) -> float:
    found = evidence(root, name)
    assert found.measured, found.detail
    return found.value


# --- coverage: half of the lines in every form ---------------------------------------------------


def cobertura(path: str, source: str = "") -> str:
    lines = '<line number="1" hits="1"/><line number="2" hits="0"/>'
    return (
        f'<coverage line-rate="0.5" version="1"><sources><source>{source}</source></sources><packages><package><classes>'
        f'<class filename="{path}"><lines>{lines}</lines></class></classes></package></packages></coverage>'
    )


OPENCOVER = """<CoverageSession><Modules><Module><Files><File uid="1" fullPath="/home/runner/work/x/src/Cart.cs"/></Files>
<Classes><Class><Methods><Method><FileRef uid="1"/><SequencePoints><SequencePoint vc="3" sl="1"/>
<SequencePoint vc="0" sl="2" fileid="1"/></SequencePoints></Method></Methods></Class></Classes></Module></Modules>
</CoverageSession>"""
GENERIC = """<coverage version="1"><file path="src/a.js"><lineToCover lineNumber="1" covered="true"/>
<lineToCover lineNumber="2" covered="false"/></file></coverage>"""
KOVER = """<report name="x"><group name="app"><package name="org/x"><sourcefile name="Cart.kt"><line nr="1" ci="0"/>
<line nr="2" ci="0"/></sourcefile></package></group><group name="lib"><package name="org/x"><sourcefile name="Cart.kt">
<line nr="1" ci="4"/></sourcefile></package></group></report>"""
WITHOUT_LINES = """<report name="x"><package name="org/x"><counter type="LINE" missed="1" covered="1"/></package>
<counter type="INSTRUCTION" missed="10" covered="10"/><counter type="LINE" missed="2" covered="2"/></report>"""
CLOVER_CONDITIONS = """<coverage generated="STAMP"><project><file path="src/A.java"><line num="1" type="cond" truecount="1"
falsecount="0"/><line num="2" type="stmt" count="0"/></file></project><testproject><file path="src/A.java">
<line num="3" type="stmt" count="0"/></file></testproject></coverage>"""
CLOVER_TOTALS = """<coverage generated="1" clover="4"><project><metrics statements="8" coveredstatements="4"/></project>
</coverage>"""
FINAL = {
    "statementMap": {"0": {"start": {"line": 1}}, "1": {"start": {"line": 2}}, "2": {"start": {}}},
    "s": {"0": 3, "1": 0},
}
LLVM = {"type": "llvm.coverage.json.export", "data": [{"files": [{"filename": "/b/src/a.rs", "segments": [
    [1, 1, 5, True, True, False], [2, 1, 0, True, True, False], [3, 1, 0, False, False, False]]}]}]}  # fmt: skip
GCOVR = {"gcovr/format_version": "0.6", "files": [{"file": "src/a.cpp", "lines": [
    {"line_number": 1, "count": 2}, {"line_number": 2, "count": 0}, {"line_number": 9, "count": 0, "gcovr/noncode": True}]}]}  # fmt: skip
COVERLET = {"Shop.dll": {"/b/src/Cart.cs": {"Shop.Cart": {"Void Add()": {"Lines": {"1": 2, "2": 0}, "Branches": []}}}}}
SIMPLECOV_FILES = {
    "timestamp": 1,
    "metrics": {},
    "files": [{"filename": "/app/lib/a.rb", "coverage": {"lines": [1, 0, None]}}],
}
GO = "mode: set\nexample.com/m/a.go:1.1,2.2 1 1\nmode: set\r\nexample.com/m/a.go:3.1,4.4 1 0\r\n\n"
COVERAGE: list[tuple[str, str, object]] = [
    ("src/Cart.cs", "TestResults/1/coverage.opencover.xml", OPENCOVER),
    ("src/a.js", "coverage.xml", GENERIC),
    ("src/main/kotlin/org/x/Cart.kt", "build/reports/kover/report.xml", KOVER),
    ("src/main/java/org/x/A.java", "target/site/jacoco-it/jacoco.xml", WITHOUT_LINES),
    ("src/A.java", "target/site/clover/clover.xml", CLOVER_CONDITIONS),
    ("src/A.php", "build/logs/clover.xml", CLOVER_TOTALS),
    ("src/a.js", "coverage/coverage-final.json", {"/app/src/a.js": FINAL}),
    ("src/a.js", "coverage/coverage-final.json", {"src/a.js": {"data": FINAL}}),
    ("src/a.rs", "coverage.json", LLVM), ("src/a.cpp", "build/coverage.json", GCOVR), ("src/Cart.cs", "coverage.json", COVERLET),
    ("lib/a.rb", "coverage/coverage.json", SIMPLECOV_FILES),
    ("src/a.cpp", "build/coverage.xml", cobertura("src/a.cpp", ".")),
    ("src/a.cpp", "build/coverage.xml", cobertura("a.cpp", "/build/agent/src")),
    ("src/a.py", "reports/unit/cobertura.xml", cobertura("a.py", "src")),
    ("src/a.scala", "target/scala-2.13/coverage-report/cobertura.xml", cobertura("src/a.scala")),
    ("src/a.cpp", "coverage.info", "TN:\nSF:/b/src/a.cpp\nDA:1,1.5e+06,abc\nDA:2,-4\nLF:2\nLH:1\nend_of_record\n\n# made\n"),
    ("src/a.js", "coverage/shard-1/lcov.info", lcov("src/a.js", (1, 1), (2, 0))),
    ("a.go", "cover.out", GO),
    ("a.go", "profile.cov", f"mode: atomic\nexample.com/m/a.go:1.1,2.2 1 {2**63}\nexample.com/m/a.go:3.1,4.4 1 0\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "path", "content"), COVERAGE, ids=lambda each: each if isinstance(each, str) and len(each) < 60 else ""
)
def test_coverage_is_read_in_every_form(project: Path, source: str, path: str, content: object) -> None:
    write(project, source, JS)
    write(project, "go.mod", "module example.com/m\n")
    text = content if isinstance(content, str) else json.dumps(content)
    write(project, path, text.replace("STAMP", f"{time.time():.0f}"))
    assert value(project, "test_coverage") == 50


# --- results: one of two passed in every form ----------------------------------------------------

NUNIT = """<test-run end-time="2026-01-01 10:00:00Z"><test-suite><test-case fullname="a" result="Passed"/><test-case
fullname="b" result="Failed"/><test-case fullname="c" result="Skipped"/></test-suite></test-run>"""
NUNIT2 = """<test-results><test-suite><results><test-case name="a" executed="True" result="Success"/><test-case name="b"
executed="True" result="Error"/><test-case name="c" executed="False"/></results></test-suite></test-results>"""
XUNIT = """<assemblies><assembly run-date="2026-01-01" run-time="10:00:00"><collection><test name="a" result="Pass"/>
<test name="b" result="Fail"/><test name="c" result="Skip"/></collection></assembly></assemblies>"""
CTEST = """<Site BuildStamp="20260101-1000-Experimental"><Testing><TestList><Test>./a</Test></TestList><Test Status="passed">
<Name>a</Name></Test><Test Status="failed"><Name>b</Name></Test><Test Status="notrun"><Name>c</Name></Test></Testing></Site>"""
TRX = """<TestRun><Times finish="2026-01-01T10:00:00.1234567+01:00"/><Results><UnitTestResult testName="a" outcome="Passed"/>
<UnitTestResult testName="b" outcome="Timeout"/><UnitTestResult testName="c" outcome="NotExecuted"/></Results></TestRun>"""
JEST = {"startTime": 1767225600000, "testResults": [{"name": "/x/src/a.test.js", "status": "failed", "assertionResults": [
    {"fullName": "a", "status": "passed"}, {"fullName": "c", "status": "pending"}, {"fullName": "d", "status": "todo"}]},
    {"name": "/x/src/b.test.js", "status": "failed", "assertionResults": [], "message": "SyntaxError"}]}  # fmt: skip
MOCHA = {"stats": {"end": "2026-01-01T10:00:00.000Z"}, "tests": [{"fullTitle": "a", "err": {}}, {"fullTitle": "b", "err": {"message": "no"}},
    {"fullTitle": "c", "err": {}}], "pending": [{"fullTitle": "c"}]}  # fmt: skip
RSPEC = {"examples": [{"id": "1", "status": "passed", "file_path": "./spec/a_spec.rb"}, {"id": "2", "status": "pending"}],
    "summary": {"errors_outside_of_examples_count": 1}}  # fmt: skip
PLAYWRIGHT = {"stats": {"startTime": "2026-01-01T10:00:00.000Z"}, "suites": [{"file": "e2e/a.spec.ts", "suites": [{"specs": [
    {"title": "a", "tests": [{"status": "flaky"}, {"status": "unexpected"}, {"status": "skipped"}]}]}]}]}  # fmt: skip
PYTEST = {"created": 1767225600.5, "summary": {}, "tests": [{"nodeid": "tests/test_a.py::a", "outcome": "passed"},
    {"nodeid": "tests/test_a.py::c", "outcome": "skipped"}], "collectors": [{"nodeid": "tests/test_b.py", "outcome": "failed"}]}  # fmt: skip
GO_TEST = "\n".join(json.dumps(each) for each in (
    {"Action": "start", "Package": "m/a"}, {"Action": "pass", "Package": "m/a", "Test": "A"}, {"Action": "skip", "Package": "m/a", "Test": "C"},
    {"Action": "pass", "Package": "m/a"}, {"Action": "fail", "Package": "m/b", "FailedBuild": "m/b"}))  # fmt: skip
TAP = "TAP version 13\n1..4\nok 1 - a\nok 2 - c # SKIP no\nnot ok 3 - later # TODO\n    ok 1 - inner\n"
RESULTS: list[tuple[str, object]] = [
    ("TestResult.xml", NUNIT), ("reports/nunit-report.xml", NUNIT2), ("TestResults/xunit.xml", XUNIT), ("results.xml", XUNIT),
    ("Testing/20260101-1000/Test.xml", CTEST), ("TestResults/x.trx", TRX), ("jest-results.json", JEST),
    ("mocha.json", MOCHA), ("tmp/rspec.json", RSPEC), ("test-results/results.json", PLAYWRIGHT), (".report.json", PYTEST),
    ("go-test.json", f"go: downloading x\n{GO_TEST}\n"), ("results/unit.tap", TAP),
    ("junit.xml", junit('<testcase name="a"/>', '<testcase name="b" status="failed"/>', '<testcase name="c"><skipped/></testcase>')),
    ("junit.xml", '<testsuites><testsuite><testcase name="a"/></testsuite><testsuite name="b"><error/></testsuite></testsuites>'),
    ("artifacts/linux/junit.xml", junit(OK.format("t", 1), FAILED.format("t", 2))),
]  # fmt: skip


@pytest.mark.parametrize(("path", "content"), RESULTS, ids=lambda each: each[:30] if isinstance(each, str) else "")
def test_results_are_read_in_every_form(project: Path, path: str, content: object) -> None:
    for source in ("src/a.test.js", "src/b.test.js", "e2e/a.spec.ts", "spec/a_spec.rb", "tests/test_a.py"):
        write(project, source, JS, age_s=600 * DAY_S)
    write(project, path, content if isinstance(content, str) else json.dumps(content))
    assert value(project, "tests_passed") == 0.5


def test_a_run_that_failed_is_outdated_by_a_later_one_of_the_same_tests_of_newer_sources(project: Path) -> None:
    write(project, "src/Cart.cs", JS, age_s=100)
    write(project, "TestResults/a.trx", TRX.replace("2026-01-01T10:00:00.1234567+01:00", ""), age_s=5000)
    assert value(project, "tests_passed") == 0.5
    passed = TRX.replace("2026-01-01T10:00:00.1234567+01:00", "").replace("Timeout", "Passed")
    write(project, "TestResults/b.trx", passed)
    assert value(project, "tests_passed") == 1


def test_a_shard_that_cannot_be_read_is_said_beside_those_that_can(project: Path) -> None:
    write(project, "app/main.py", PY, age_s=60)
    write(project, "reports/junit-1.xml", junit(OK.format("t", 1)))
    write(project, "reports/junit-2.xml", junit(FAILED.format("t", 1))[:-20])
    found = evidence(project, "tests_passed")
    assert "not read: reports/junit-2.xml is not valid XML" in found.detail


# --- findings: two in every form -----------------------------------------------------------------

LOCATION = {"path": "src/a.py", "lines": {"begin": 1}}
FINDINGS: list[tuple[str, str, object, str]] = [
    ("src/a.py", "gl-code-quality-report.json", [{"check_name": "x", "severity": "major", "location": LOCATION}] * 2 + [{"severity": "info", "location": LOCATION}], "lint"),
    ("src/a.py", "pylint.json", [{"type": "warning", "path": "src/a.py", "message-id": "W1"}] * 2, "lint"),
    ("src/a.py", "pylint.json", {"messages": [{"type": "error", "path": "src/a.py"}] * 2, "statistics": {}}, "lint"),
    ("src/a.py", "flake8.txt", "src/a.py:1:1: E501 line too long\nsrc/a.py:2:1: W291 space\n", "lint"),
    ("src/a.php", "phpstan.json", {"totals": {}, "files": {"src/a.php": {"errors": 1, "messages": []}}, "errors": ["no"]}, "lint"),
    ("src/a.php", "psalm.json", [{"severity": "error", "file_path": "src/a.php"}] * 2 + [{"severity": "info"}], "lint"),
    ("src/a.swift", "swiftlint.json", [{"file": "src/a.swift"}] * 2, "lint"),
    ("src/a.ts", "reports/biome-report.json", {"diagnostics": [{"severity": "error", "location": {"path": {"file": "src/a.ts"}}}] * 2}, "lint"),
    ("src/a.go", "staticcheck.json", '{"code": "S1", "location": {"file": "src/a.go"}}\n' * 2, "lint"),
    ("src/A.java", "target/pmd.xml", '<pmd><file name="src/A.java"><violation/><violation/></file></pmd>', "lint"),
    ("src/A.java", "build/reports/spotbugs/main.xml", '<BugCollection><BugInstance><Class/><SourceLine sourcepath="src/A.java"/></BugInstance><BugInstance/></BugCollection>', "lint"),
    ("src/a.cpp", "cppcheck.xml", '<results version="2"><errors><error severity="error"><location file="src/a.cpp"/></error><error/></errors></results>', "lint"),
    ("src/a.kt", "build/reports/detekt/detekt.xml", '<checkstyle><file name="src/a.kt"><error/><error/></file></checkstyle>', "lint"),
    ("src/a.js", "lint-results.json", [{"filePath": "src/a.js", "messages": [], "errorCount": 1, "warningCount": 1}], "lint"),
    ("src/a.go", "gosec.json", {"Issues": [{"severity": "HIGH", "file": "src/a.go"}] * 2 + [{"severity": "LOW"}]}, "security_lint"),
    ("src/a.rb", "brakeman.json", {"warnings": [{"confidence": "High", "file": "src/a.rb"}] * 2}, "security_lint"),
    ("src/a.js", "semgrep.json", {"results": [{"path": "src/a.js", "extra": {"severity": "ERROR"}}] * 2}, "security_lint"),
    ("src/a.go", "trivy.json", {"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{}, {}]}, {"Vulnerabilities": None}]}, "vulnerabilities"),
    ("src/a.go", "grype.json", {"matches": [{}, {}]}, "vulnerabilities"),
    ("src/A.java", "target/dependency-check-report.json", {"dependencies": [{"vulnerabilities": [{}, {}]}, {}]}, "vulnerabilities"),
    ("src/a.php", "composer-audit.json", {"advisories": {"a/b": [{}, {}]}}, "vulnerabilities"),
    ("src/a.rb", "bundler-audit.json", {"results": [{}, {}]}, "vulnerabilities"),
    ("src/a.go", "govulncheck.json", '{"config": {}}\n{\n "finding": {"osv": "A", "trace": [{"function": "f"}]}\n}\n{"finding": {"osv": "A", "trace": [{"function": "g"}]}}{"finding": {"osv": "B", "trace": [{"function": "f"}]}}{"finding": {"osv": "C", "trace": [{}]}}', "vulnerabilities"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "path", "content", "name"), FINDINGS, ids=lambda each: each[:30] if isinstance(each, str) else ""
)
def test_findings_are_read_in_every_form(project: Path, source: str, path: str, content: object, name: str) -> None:
    write(project, source, "x = 1  # a line of source, as long as most\n" * 25)
    lines = (project / source).stat().st_size / 40
    write(project, path, content if isinstance(content, str) else json.dumps(content))
    assert value(project, name) == pytest.approx(2 if name != "lint" else 2000 / lines, rel=0.001)


CLEAN: list[tuple[str, str, str, str]] = [
    ("src/a.py", "flake8.txt", "", "lint"), ("src/a.go", "staticcheck.json", "", "lint"), ("src/a.py", "pylint.json", "[]", "lint"),
    ("src/a.php", "phpstan.json", '{"totals": {}, "files": [], "errors": []}', "lint"), ("src/a.php", "psalm.json", "[]", "lint"),
    ("src/A.java", "target/pmd.xml", "<pmd/>", "lint"), ("src/a.cpp", "cppcheck.xml", '<results version="2"><errors/></results>', "lint"),
    ("src/a.go", "gosec.json", '{"Issues": null}', "security_lint"), ("src/a.php", "composer-audit.json", '{"advisories": []}', "vulnerabilities"),
    ("src/a.go", "trivy.json", '{"SchemaVersion": 2}', "vulnerabilities"), ("src/a.go", "govulncheck.json", '{"config": {}}', "vulnerabilities"),
    ("src/a.py", "gl-code-quality-report.json", "[]", "lint"), ("src/a.py", "x.sarif", '{"runs": [{"results": []}]}', "lint"),
    ("src/a.py", "x.sarif", '{"runs": [{"tool": {"driver": {"name": "x"}}}]}', "lint"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "path", "content", "name"), CLEAN)
def test_a_clean_report_of_every_form_is_clean(project: Path, source: str, path: str, content: str, name: str) -> None:
    write(project, source, JS)
    write(project, path, content)
    assert value(project, name) == 0


@pytest.mark.parametrize("path", ["reports/sonarlint.html", "pmd.csv", "reports/clippy.txt"])
def test_a_report_in_a_form_that_is_not_read_is_named(project: Path, path: str) -> None:
    write(project, "src/A.java", JS)
    write(project, path, "something")
    assert path in evidence(project, "lint").detail


@pytest.mark.parametrize("path", ["target/jacoco.exec", "default.profraw"])
def test_raw_coverage_is_named_with_what_to_do(project: Path, path: str) -> None:
    write(project, "src/A.java", JS)
    write(project, path, "\0")
    assert f"{path} is raw data" in evidence(project, "test_coverage").detail


# --- encodings, times, and what is hostile -------------------------------------------------------

ENCODED: list[Callable[[str], bytes]] = [
    lambda text: codecs.BOM_UTF8 + text.encode(), lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
]  # fmt: skip


@pytest.mark.parametrize("encode", ENCODED, ids=["UTF-8 with a mark", "UTF-16", "UTF-16 of the other order"])
@pytest.mark.parametrize(
    ("path", "content", "name", "found"),
    [
        ("coverage.json", '{"files": {"src/a.py": {}}, "totals": {"covered_lines": 1, "num_statements": 2}}', "test_coverage", 50),
        ("lcov.info", lcov("src/a.py", (1, 1), (2, 0)), "test_coverage", 50), ("coverage.xml", cobertura("src/a.py"), "test_coverage", 50),
        ("junit.xml", junit(OK.format("t", 1)), "tests_passed", 1), ("mypy.json", "", "types", 0),
        ("ruff.json", "[]", "lint", 0), ("flake8.txt", "", "lint", 0),
    ],
)  # fmt: skip
def test_reports_are_read_as_shells_write_them(
    project: Path, encode: Callable[[str], bytes], path: str, content: str, name: str, found: float
) -> None:
    write(project, "src/a.py", PY)
    write(project, path, encode(content))
    assert value(project, name) == found


def test_xml_in_a_declared_encoding_is_read(project: Path) -> None:
    write(project, "src/Größe.py", PY)
    for encoding in ("iso-8859-1", "windows-1252"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>{cobertura("src/Größe.py")}'
        write(project, "coverage.xml", text.encode(encoding))
        assert value(project, "test_coverage") == 50


@pytest.mark.parametrize(
    ("stamp", "hours"),
    [("2026-03-01T12:00:00+14:00", -14), ("2026-03-01T12:00:00-12:00", 12), ("2026-03-01T12:00:00Z", 0),
     ("2026-03-01T12:00:00.1234567+01:00", -1), ("2026-03-01T12:00:00", 12), ("2026-03-01 12:00:00", 12)],
)  # fmt: skip
def test_a_time_is_of_its_zone_and_without_one_the_latest_that_it_can_be(stamp: str, hours: int) -> None:
    from datetime import UTC, datetime, timedelta

    noon, now = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    found = own_time(stamp, now)
    assert found is not None
    assert found.replace(microsecond=0) == noon + timedelta(hours=hours)


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00", None, 5, "٢٠٢٦-01-01"]
)
def test_what_is_no_time_says_nothing(stamp: object) -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 6, 1, tzinfo=UTC)
    found = own_time(stamp, now)
    assert found is None or found <= now


HOSTILE: list[object] = [
    "", " ", "\0", "{", "[", "null", "5", '"x"', "[null]", "[[]]", "{}", '{"files": 5, "totals": 5}', '{"data": [null], "type": "llvm"}',
    "[" * 100_000, '{"a":' * 100_000, "<a>" * 5000, "<a", '<!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>',
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&x;"/></testsuite>',
    '<coverage><packages><class filename="../../etc/passwd"><line number="1" hits="1"/></class></packages></coverage>',
    "SF:\nDA:1\nend_of_record", "SF:a\nDA:x,1\nend_of_record", "mode: set\nx", "mode: set\n", "1..9999999999\nok", "ok 1", "\ud800".encode("utf-8", "surrogatepass"),
    {"testResults": [5]}, {"testResults": [{"assertionResults": 5}]}, {"suites": [{"suites": "x"}]}, {"examples": [None]},
    {"stats": {}, "tests": [5]}, {"tests": [None], "summary": {}}, {"coverage": {"a": {"lines": ["x", True, -1, 10**400]}}},
    {"a.dll": {"a.cs": {"A": {"m": {"Lines": {"x": 1, "9" * 5000: 1, "1": -1}}}}}}, {"a": {"statementMap": {"0": {"start": {"line": -5}}}, "s": {}}},
    {"gcovr/format_version": 1, "files": [{"file": "a", "lines": [{"line_number": True, "count": 1}]}]},
    {"Results": [{"Vulnerabilities": 5}]}, {"advisories": 5}, {"diagnostics": [{"location": {"path": []}}]}, {"runs": [{"results": [{"locations": [{}]}]}]},
]  # fmt: skip
NAMES = (
    "coverage.json", "coverage-final.json", "coverage.xml", "jacoco.xml", "clover.xml", "coverage.opencover.xml", "lcov.info", "cover.out",
    ".resultset.json", "junit.xml", "TestResult.xml", "Test.xml", "x.trx", "jest.json", "x.tap", "ruff.json", "eslint.json", "pylint.json",
    "flake8.txt", "phpstan.json", "psalm.json", "biome-x.json", "staticcheck.json", "pmd.xml", "spotbugs.xml", "cppcheck.xml", "checkstyle.xml",
    "x.sarif", "lint.json", "code-quality.json", "mypy.json", "mypy.xml", "pyright.json", "tsc.txt", "bandit.json", "gosec.json", "brakeman.json",
    "semgrep.json", "pip-audit.json", "npm-audit.json", "trivy.json", "grype.json", "composer-audit.json", "govulncheck.json", "osv-scanner.json",
)  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_hostile_makes_a_collector_fail_or_counts_as_passed(project: Path, content: object) -> None:
    write(project, "src/a.py", PY)
    data = content if isinstance(content, str | bytes) else json.dumps(content)
    for name in NAMES:
        write(project, f"reports/{name}", data)
    found = collect(look(project, [project.parent])).evidence
    assert not [each.detail for each in found.values() if "failed:" in each.detail]
    assert not found["test_coverage"].measured
    assert not found["tests_passed"].measured or found["tests_passed"].value < 1
