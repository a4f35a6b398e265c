"""Reports are found where the tools of each ecosystem leave them by default, in the root and in a module."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_report_forms import evidence, project

__all__ = ("project",)
LCOV = "SF:{source}\nDA:1,1\nDA:2,0\nend_of_record\n"
JACOCO = (
    '<report name="x"><package name="p"><sourcefile name="A.kt"><line nr="1" ci="3"/><line nr="2" ci="0"/></sourcefile>'
)
JACOCO += "</package></report>"
COBERTURA = (
    '<coverage><class filename="{source}"><line number="1" hits="1"/><line number="2" hits="0"/></class></coverage>'
)
SEGMENTS = [[1, 1, 1, True, True], [2, 1, 0, True, True]]
LLVM = json.dumps(
    {"type": "llvm.coverage.json.export", "data": [{"files": [{"filename": "/w/SOURCE", "segments": SEGMENTS}]}]}
)
COVERALLS = json.dumps({"source_files": [{"name": "SOURCE", "coverage": [1, 0, None]}]})
JUNIT = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'
STATEMENTS = {"0": {"start": {"line": 1}}, "1": {"start": {"line": 2}}}
ISTANBUL = json.dumps({"/w/SOURCE": {"statementMap": STATEMENTS, "s": {"0": 1, "1": 0}}})
PLACES = [
    ("packages/a/src/i.ts", "coverage/packages/a/lcov.info", LCOV.replace("{source}", "src/i.ts")),
    ("packages/a/src/i.ts", "coverage/apps/a/cobertura-coverage.xml", COBERTURA),
    ("lib/a.ex", "cover/lcov.info", LCOV),
    ("lib/a.ex", "cover/excoveralls.json", COVERALLS),
    ("lib/main.dart", "coverage/lcov.info", LCOV),
    ("Sources/A/A.swift", ".build/debug/codecov/A.json", LLVM),
    ("Sources/A/A.swift", ".build/arm64-apple-macosx/debug/codecov/A.json", LLVM),
    ("src/main/kotlin/p/A.kt", "build/reports/coverage/test/debug/report.xml", JACOCO),
    ("src/a.c", "build/meson-logs/coverage.xml", COBERTURA),
    ("src/i.ts", "coverage/unit/coverage-final.json", ISTANBUL),
    ("src/a.py", "dist/coverage/python/coverage.xml", COBERTURA),
]


@pytest.mark.parametrize("module", ["", "app/"])
@pytest.mark.parametrize(("source", "path", "content"), PLACES)
def test_coverage_is_found_where_tools_leave_it(
    project: Path, module: str, source: str, path: str, content: str
) -> None:
    write(project, f"{module}build.gradle", "// any manifest\n")
    write(project, f"{module}{source}", "int x = 1;\n" * 1000, age_s=60)
    write(project, f"{module}{path}", content.replace("SOURCE", source).replace("{source}", source))
    found = evidence(project, "test_coverage")
    assert (found.value, found.measured) == (50, True), found.detail


@pytest.mark.parametrize("module", ["", "app/"])
@pytest.mark.parametrize(
    "path",
    [
        "build/outputs/androidTest-results/connected/TEST-device.xml",
        "build/meson-logs/testlog.junit.xml",
        "target/nextest/ci/junit.xml",
        "dist/test/reports/junit.xml",
        "TestResults/junit.xml",
    ],
)
def test_results_are_found_where_tools_leave_them(project: Path, module: str, path: str) -> None:
    write(project, f"{module}build.gradle", "// any manifest\n")
    write(project, f"{module}src/a.py", "x = 1\n" * 1000, age_s=60)
    write(project, f"{module}{path}", JUNIT)
    assert evidence(project, "tests_passed").value == 0.5
