"""A file counts as what it is: findings are no tests, configuration is no report, and a module's report is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import PY
from tests.unit.quality.collectors.test_report_forms import evidence, project

__all__ = ("project",)
JAVA = "class A { int x; int y; int z; }\n" * 100
CHECKSTYLE = """<checkstyle><file name="/w/src/main/java/p/A.java"><error line="1" severity="error"/><error line="2"
severity="warning"/></file></checkstyle>"""
PMD = """<pmd><file name="/w/src/main/java/p/A.java"><violation beginline="1"/></file><error filename="x" msg="y"/>
</pmd>"""
SPOTBUGS = '<BugCollection><BugInstance type="a"><SourceLine sourcepath="p/A.java"/></BugInstance></BugCollection>'
KOVER = """<report name="x"><package name="p"><sourcefile name="A.java"><line nr="1" ci="3"/><line nr="2" ci="0"/>
</sourcefile></package></report>"""
CLOVER = """<coverage generated="1"><project><file name="a.py"><line num="1" type="stmt" count="1"/></file></project>
</coverage>"""
OK = '<testsuite name="all"><testcase classname="p.A" name="a"/></testsuite>'


def of_linter(suites: str, suite: str) -> str:
    return f"<testsuites {suites}><testsuite {suite}><testcase name='x'><failure/></testcase></testsuite></testsuites>"


ESLINT_JUNIT = of_linter("", "package='org.eslint' name='a.js'")
RUFF_JUNIT = of_linter("name='ruff'", "package='org.ruff' name='a.py'")
MYPY_JUNIT = of_linter("", "name='mypy'")
PHPCS_JUNIT = of_linter("name='PHP_CodeSniffer 3.11'", "name='a.php'")
OTHERS = [CHECKSTYLE, PMD, SPOTBUGS, KOVER, CLOVER, ESLINT_JUNIT, RUFF_JUNIT, MYPY_JUNIT, PHPCS_JUNIT]


@pytest.mark.parametrize(
    "path",
    ["build/reports/checkstyle/main.xml", "reports/style.xml", "artifacts/x.xml", "report.xml", "build/reports/x.xml"],
)
@pytest.mark.parametrize("content", OTHERS)
def test_what_other_tools_wrote_as_xml_is_no_result_of_tests(project: Path, path: str, content: str) -> None:
    write(project, "src/main/java/p/A.java", JAVA, age_s=60)
    write(project, path, content)
    assert evidence(project, "tests_passed").detail == "no test results"
    write(project, "build/test-results/test/TEST-p.A.xml", OK)
    found = evidence(project, "tests_passed")
    assert (found.value, found.detail) == (1.0, "1 of 1 passed")


def test_a_file_that_is_called_junit_and_is_not_is_named(project: Path) -> None:
    write(project, "src/main/java/p/A.java", JAVA, age_s=60)
    write(project, "junit.xml", CHECKSTYLE)
    assert "junit.xml does not have the format" in evidence(project, "tests_passed").detail


@pytest.mark.parametrize("module", ["", "app/", "libs/core/"])
@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("build/reports/checkstyle/main.xml", CHECKSTYLE, "lint"),
        ("build/reports/pmd/main.xml", PMD, "lint"),
        ("build/reports/spotbugs/main.xml", SPOTBUGS, "lint"),
        ("build/reports/ktlint/main/out.xml", CHECKSTYLE, "lint"),
        ("build/reports/kover/report.xml", KOVER, "test_coverage"),
        ("build/reports/jacoco/test/out.xml", KOVER, "test_coverage"),
        ("build/test-results/test/out.xml", OK, "tests_passed"),
        ("report/out.xml", OK, "tests_passed"),
        ("artifacts/out.xml", OK, "tests_passed"),
    ],
)
def test_the_report_of_a_module_is_read_as_that_of_the_root(
    project: Path, module: str, path: str, content: str, name: str
) -> None:
    write(project, "build.gradle", "// the root\n")
    write(project, f"{module}build.gradle", "// a module\n")
    write(project, f"{module}src/main/java/p/A.java", JAVA, age_s=60)
    write(project, f"{module}{path}", content)
    assert evidence(project, name).measured, evidence(project, name).detail


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("phpcs.xml", '<?xml version="1.0"?><ruleset name="x"><rule ref="PSR12"/></ruleset>'),
        ("checkstyle.xml", '<!DOCTYPE module PUBLIC "-//x" "https://x/x.dtd"><module name="Checker"/>'),
        ("spotbugs-exclude.xml", "<FindBugsFilter><Match/></FindBugsFilter>"),
        ("pmd-ruleset.xml", "<ruleset/>"),
        ("detekt-baseline.xml", "<SmellBaseline/>"),
        ("ktlint-baseline.xml", "<baseline/>"),
        ("cppcheck-suppressions.xml", "<suppressions/>"),
        ("eslint-suppressions.json", '{"src/a.js": {"no-x": {"count": 1}}}'),
        ("golangci-baseline.json", "{}"),
    ],
)
def test_what_a_linter_is_told_is_not_named_as_its_report(project: Path, path: str, content: str) -> None:
    write(project, "src/a.py", PY, age_s=60)
    write(project, path, content)
    assert evidence(project, "lint").detail == "no linter's report"
    write(project, "ruff.json", "[]")
    assert evidence(project, "lint").detail == "0 findings"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("README.md", "# 项目\n" + "这是一个用于处理发票的系统。" * 40, 281),
        ("README.ko.md", "이것은 프로젝트 입니다 " * 20, 100),
        ("README.rdoc", "= Shop\n" + "word " * 200, 201),
        ("README.md", "# Shop\n" + "слово " * 200, 201),
    ],
)
def test_the_words_of_a_readme_are_counted_in_any_script(project: Path, name: str, content: str, words: int) -> None:
    write(project, name, content)
    assert evidence(project, "readme").value == words
