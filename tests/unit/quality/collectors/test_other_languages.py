"""Code is code in any language: what nobody can tell of it here is not asked for, and its reports are read and age."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.quality.collectors import collect
from services.quality.collectors.scan import look
from services.quality.domain.evidence import CODE, NO_CODE
from services.quality.domain.scoring import score
from tests.unit.quality.collectors.test_collectors import DAY_S, write
from tests.unit.quality.collectors.test_report_forms import evidence, project

__all__ = ("project",)
SOURCES = [
    "lib/main.dart",
    "lib/shop.ex",
    "bin/run.sh",
    "src/Main.hs",
    "shop.lua",
    "src/main.zig",
    "analysis.R",
    "Deploy.ps1",
]


@pytest.mark.parametrize("source", SOURCES)
def test_code_in_any_language_is_code(project: Path, source: str) -> None:
    write(project, source, "x = 1 and some more\n" * 1000, age_s=60)
    found = collect(look(project, [project.parent]))
    assert found.kind == CODE
    for name in ("tests_present", "complexity", "docstrings", "annotations", "types", "dependencies"):
        assert not found.evidence[name].applies, name
    assert found.evidence["test_coverage"].detail == "no coverage report"
    advised = {each.id for each in score(found.evidence, found.kind).candidates}
    assert "measure:test_coverage" in advised
    assert not advised & {
        "measure:tests_present",
        "measure:complexity",
        "measure:dependencies",
        "improve:tests_present",
    }


def test_reports_of_any_language_are_read_and_age_with_its_sources(project: Path) -> None:
    write(project, "lib/main.dart", "void main() {}\n" * 1000, age_s=60)
    write(project, "android/Main.kt", "class Main\n", age_s=900 * DAY_S)
    write(project, "coverage/lcov.info", "SF:lib/main.dart\nDA:1,1\nDA:2,0\nend_of_record\n", age_s=100 * DAY_S)
    found = evidence(project, "test_coverage")
    assert found.value == 50
    assert found.age_s == pytest.approx(100 * DAY_S - 60, abs=5)
    results = [{"level": "error"}] * 15
    write(project, "x.sarif", json.dumps({"runs": [{"tool": {"driver": {"name": "x"}}, "results": results}]}))
    assert evidence(project, "lint").value < 50


@pytest.mark.parametrize("source", SOURCES)
def test_a_helper_beside_a_lot_of_text_makes_no_code(project: Path, source: str) -> None:
    write(project, source, "x = 1\n" * 20)
    write(project, "list.txt", "one line of a list\n" * 2000)
    assert collect(look(project, [project.parent])).kind == NO_CODE


def test_a_script_beside_more_of_a_known_language_changes_nothing(project: Path) -> None:
    write(project, "src/a.py", "def f() -> int:\n    return 1\n" * 1000)
    write(project, "run.sh", "echo\n" * 1000)
    assert evidence(project, "tests_present").applies
    assert evidence(project, "complexity").measured


@pytest.mark.parametrize(
    ("files", "name", "expected"),
    [
        ({"pnpm-lock.yaml": "x"}, "vulnerabilities", "pnpm audit"),
        ({"package-lock.json": "{}"}, "vulnerabilities", "npm audit"),
        ({"yarn.lock": "x"}, "vulnerabilities", "osv-scanner"),
        ({"bun.lock": "{}"}, "vulnerabilities", "osv-scanner"),
        ({"package.json": '{"devDependencies": {"jest": "^30"}}'}, "tests_passed", "jest --json"),
        ({"package.json": '{"devDependencies": {"vitest": "^3"}}'}, "tests_passed", "vitest run --reporter=junit"),
        ({"package.json": '{"devDependencies": {"mocha": "^11"}}'}, "tests_passed", "mocha --reporter json"),
        ({"package.json": "{}"}, "tests_passed", "A JUnit reporter"),
        ({"biome.json": "{}"}, "lint", "biome lint"),
        ({"package.json": "{}"}, "lint", "eslint"),
    ],
)
def test_the_advice_names_the_tool_that_the_project_has(
    project: Path, files: dict[str, str], name: str, expected: str
) -> None:
    write(project, "src/a.js", "let x = 1\n" * 1000)
    for path, content in files.items():
        write(project, path, content)
    found = evidence(project, name).advice
    assert f"`{expected}" in found or found.startswith(expected)
