"""A run that broke off did not pass, and what tools write beside their usual form is read, or said to be other."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.quality.collectors.report_files.coverage_xml import parse_cobertura
from services.quality.collectors.reports import with_paths_here
from services.quality.collectors.scan import look
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import PY
from tests.unit.quality.collectors.test_report_forms import evidence, project, value

__all__ = ("project",)


def go(*events: Mapping[str, object]) -> str:
    return "".join(json.dumps({"Package": "m/a", **event}) + "\n" for event in events)


RUN, PASS = {"Action": "run", "Test": "A"}, {"Action": "pass", "Test": "A"}
TRX = (
    '<TestRun><Results><UnitTestResult testName="a" outcome="Passed"/></Results><ResultSummary outcome="{}"/></TestRun>'
)
XUNIT = """<assemblies><assembly><errors>{}</errors><collection><test name="a" result="Pass"/></collection></assembly>
</assemblies>"""
NUNIT = """<test-run><test-suite result="{}" site="TearDown" fullname="S"><test-case fullname="a" result="Passed"/>
</test-suite></test-run>"""
HOOK = {"fullTitle": '"after all" hook', "err": {"message": "no"}}
MOCHA = {"stats": {}, "tests": [{"fullTitle": "a", "err": {}}], "failures": [HOOK]}
SPEC = {"file": "a.spec.ts", "specs": [{"title": "a", "tests": [{"status": "expected"}]}]}
BROKEN: list[tuple[str, object, str]] = [
    ("go-test.json", go(RUN, PASS, {"Action": "pass"}), "1 of 1 passed"),
    ("go-test.json", go(RUN, PASS, {"Action": "fail"}), "1 of 2 passed"),
    ("go-test.json", go(RUN, PASS, {"Action": "run", "Test": "B"}), "1 of 2 passed"),
    ("go-test.json", go(RUN, PASS, {"Action": "run", "Test": "B"}, {"Action": "fail"}), "1 of 2 passed"),
    ("go-test.json", go(RUN, {"Action": "fail", "Test": "A"}, {"Action": "fail"}), "0 of 1 passed"),
    ("go-test.json", go(RUN, PASS, {"Action": "fail", "Package": "m/b", "FailedBuild": "m/b"}), "1 of 2 passed"),
    ("TestResults/a.trx", TRX.format("Completed"), "1 of 1 passed"),
    ("TestResults/a.trx", TRX.format("Aborted"), "1 of 2 passed"),
    ("TestResults/a.trx", TRX.format("Failed"), "1 of 2 passed"),
    ("TestResults/xunit.xml", XUNIT.format(""), "1 of 1 passed"),
    ("TestResults/xunit.xml", XUNIT.format('<error type="assembly-cleanup"><failure/></error>'), "1 of 2 passed"),
    ("TestResult.xml", NUNIT.format("Passed"), "1 of 1 passed"),
    ("TestResult.xml", NUNIT.format("Failed"), "1 of 2 passed"),
    ("mocha.json", MOCHA, "1 of 2 passed"),
    ("playwright-results.json", {"suites": [SPEC], "errors": []}, "1 of 1 passed"),
    ("playwright-results.json", {"suites": [SPEC], "errors": [{"message": "global setup"}]}, "1 of 2 passed"),
    ("results/x.tap", "TAP version 14\n1..0 # SKIP no database\n", "results/x.tap skips all of its tests"),
]


@pytest.mark.parametrize(("path", "content", "expected"), BROKEN)
def test_a_run_that_broke_off_has_not_passed(project: Path, path: str, content: object, expected: str) -> None:
    for source in ("a.go", "a.cs", "src/a.js", "a.spec.ts"):
        write(project, source, "int x = 1;\n" * 100, age_s=60)
    write(project, path, content if isinstance(content, str) else json.dumps(content))
    assert evidence(project, "tests_passed").detail == expected


CASES = "<testsuite><testcase name='a'/><testcase name='b'><failure>{}no</failure></testcase></testsuite>"
DECLARED = '<?xml version="1.0" encoding="utf-8"?>'


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF16_LE + (DECLARED + CASES).encode("utf-16-le"),
        codecs.BOM_UTF16_BE + (DECLARED + CASES).encode("utf-16-be"),
        codecs.BOM_UTF8 + (DECLARED + CASES).encode(),
        f"\r\n\n{DECLARED}{CASES}".encode(),
        CASES.format("\x1b[31m").encode(),
        CASES.format("&#27;[31m&#x1B;&#x0008;&#x10;").encode(),
        CASES.format("&#10;&#x9;&#9731;").encode(),
    ],
)
def test_xml_is_read_as_shells_and_tests_write_it(project: Path, content: bytes) -> None:
    write(project, "src/a.py", PY, age_s=60)
    (project / "junit.xml").write_bytes(content)
    assert value(project, "tests_passed") == 0.5


# --- coverage -----------------------------------------------------------------------------------------

SUMMARY = {
    "gcovr/summary_format_version": "0.6",
    "line_total": 10,
    "line_covered": 5,
    "files": [{"filename": "src/a.c"}],
}
XCCOV = {"coveredLines": 5, "executableLines": 10, "targets": [{"files": [{"path": "/Users/x/w/src/a.c"}]}]}
CODECOV = {"coverage": {"/w/src/a.c": {"1": "1/2", "2": 0, "3": None, "4": 7, "5": "0/2"}}}
TRACES = [{"line": 1, "stats": {"Line": 2}}, {"line": 2, "stats": {"Line": 0}}]
TARPAULIN = {"files": [{"path": ["/", "w", "src", "a.c"], "traces": TRACES}]}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("gcovr.json", SUMMARY),
        ("coverage.json", SUMMARY),
        ("xccov.json", XCCOV),
        ("coverage.json", XCCOV),
        ("codecov.json", CODECOV),
        ("tarpaulin-report.json", TARPAULIN),
        ("target/tarpaulin/tarpaulin-report.json", TARPAULIN),
    ],
)
def test_coverage_is_read_in_more_forms(project: Path, path: str, content: object) -> None:
    write(project, "src/a.c", "int x = 1;\n" * 100, age_s=60)
    write(project, path, json.dumps(content))
    assert value(project, "test_coverage") == 50


def test_what_v8_leaves_of_each_process_is_not_named_as_a_report(project: Path) -> None:
    write(project, "src/a.js", "let x = 1\n" * 100, age_s=60)
    write(project, "coverage/tmp/coverage-4711-1764547200000-0.json", '{"result": []}')
    assert evidence(project, "test_coverage").detail == "no coverage report"


@pytest.mark.parametrize(
    ("source", "names", "expected"),
    [
        ("C:\\agent\\1\\s\\src\\shop\\", ("main.py", "cart.py"), {"src/shop/main.py", "src/shop/cart.py"}),
        ("C:\\agent\\1\\s\\", ("src\\shop\\main.py",), {"src/shop/main.py"}),
        ("/home/runner/work/shop/shop/src/shop", ("main.py", "cart.py"), {"src/shop/main.py", "src/shop/cart.py"}),
        ("/builds/shop", ("main.py",), {"main.py"}),
        ("/builds/shop", ("main.py", "src/shop/main.py"), {"main.py", "src/shop/main.py"}),
    ],
)
def test_names_of_cobertura_are_below_its_source(
    project: Path, source: str, names: tuple[str, ...], expected: set[str]
) -> None:
    for path in ("main.py", "src/shop/main.py", "src/shop/cart.py"):
        write(project, path, PY, age_s=60)
    lines = '<lines><line number="1" hits="1"/></lines>'
    classes = "".join(f'<class filename="{name}">{lines}</class>' for name in names)
    place = look(project, [project.parent])
    content = f"<coverage><sources><source>{source}</source></sources>{classes}</coverage>"
    assert set(with_paths_here(place, parse_cobertura(place, content.encode())).paths) == expected


# --- linters ------------------------------------------------------------------------------------------


def test_a_finding_that_cargo_repeats_for_the_tests_counts_once(project: Path) -> None:
    write(project, "src/a.rs", "fn x() {}\n" * 100, age_s=60)
    message = {
        "level": "warning",
        "message": "m",
        "code": {"code": "c"},
        "spans": [{"file_name": "src/a.rs", "line_start": 1}],
    }
    other = {**message, "spans": [{"file_name": "src/a.rs", "line_start": 2}]}
    rows = [
        {"reason": "compiler-message", "target": {"name": name}, "message": each}
        for name in "ab"
        for each in (message, other)
    ]
    write(project, "clippy.json", "".join(json.dumps(row) + "\n" for row in rows))
    assert evidence(project, "lint").detail == "2 findings"


def test_what_rubocop_corrected_is_no_finding_any_more(project: Path) -> None:
    write(project, "a.rb", "x = 1\n" * 100, age_s=60)
    write(
        project,
        "rubocop.json",
        json.dumps({"files": [{"path": "a.rb", "offenses": [{"corrected": True}, {"corrected": False}, {}]}]}),
    )
    assert evidence(project, "lint").detail == "2 findings"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "src/a.py:1: error: no  [x]\nsrc/a.py:2:4: error: no\nsrc/a.py:2: note: why\nFound 2 errors in 1 file\n",
            "2 findings",
        ),
        ("Success: no issues found in 3 source files\n", "0 findings"),
        ("mypy: can't read file 'x'\n", "mypy.txt contains no line of mypy"),
        ("", "mypy.txt contains no line of mypy"),
    ],
)
def test_what_mypy_prints_is_read(project: Path, text: str, expected: str) -> None:
    write(project, "src/a.py", PY, age_s=60)
    write(project, "mypy.txt", text)
    assert evidence(project, "types").detail == expected
