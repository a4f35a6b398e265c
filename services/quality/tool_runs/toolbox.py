"""The tools that can be run: when a project has them, how to run them, and which report they write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.quality.collectors.directory import OWN_PLACES, Place, Unmeasured
from services.quality.collectors.languages import CONVENTIONS
from services.quality.collectors.lint import parse_clippy, parse_eslint, parse_mypy_junit, parse_ruff, parse_tsc
from services.quality.collectors.report_files.coverage_json import parse_coverage_json
from services.quality.collectors.report_files.coverage_text import parse_go
from services.quality.collectors.reports import Parse, Parsed, expect, read_json
from services.quality.collectors.tests import parse_junit
from services.quality.collectors.tools import asked_for, find, json_object, pyproject
from services.workspace.serialization import readable

OUTPUT = ""
"""The report is the tool's output."""
_cargo_result = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)
_pip_conflict = re.compile(r"^\S+ \S+ (?:requires|has requirement) .+$", re.MULTILINE)
_vet_line = re.compile(r"^(?:vet: )?(\S+\.go):\d+:\d+: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """A kind of evidence from a tool: the report's name in the private directory, and its parser."""

    evidence: str
    report: str
    parse: Parse


@dataclass(frozen=True, slots=True)
class Tool:
    """`command` builds the arguments from the tool's path, the place and the private directory for reports."""

    name: str
    program: str
    is_wanted: Callable[[Place], bool]
    command: Callable[[Path, Place, Path], Sequence[str]]
    results: tuple[Result, ...]
    codes: frozenset[int] = frozenset({0, 1})
    """Exit codes of a run with a usable result; others mean that the tool itself failed."""
    meanings: Mapping[int, str] = field(default_factory=dict)
    """What other exit codes mean."""
    with_errors: bool = False
    """Whether the report is on standard error."""
    is_silent_when_clean: bool = False
    """Whether it prints nothing where it finds nothing; that the others print nothing says that they did not run."""


def wanted_tools(place: Place) -> list[tuple[Tool, Path]]:
    """The installed tools that the project has configured, each with its path."""
    found = [(tool, find(place, tool.program)) for tool in TOOLS if tool.is_wanted(place)]
    return [(tool, path) for tool, path in found if path]


def missing_tools(place: Place) -> list[tuple[str, str]]:
    """The tools that the project has configured and that cannot be run, each with the reason; if there is nothing to
    run at all, why not."""
    wanted = [tool for tool in TOOLS if tool.is_wanted(place)]
    missing = [
        (tool.name, f"{tool.program} is neither in the project's environment nor on the PATH")
        for tool in wanted
        if find(place, tool.program) is None
    ]
    if place.has("package.json") and not (place.root / "node_modules").is_dir():
        missing.append(("npm", "node_modules is missing: install the packages first"))
    missing += [(name, f"it is not run by Segue: {what}") for name, what in _others(place)]
    return missing or ([] if wanted else [("none", "no tool that Segue can run is configured here")])


def _others(place: Place) -> list[tuple[str, str]]:
    """The test runners of a project that Segue does not run, and the reports to leave."""
    report = "let it leave a report (junit.xml, coverage/lcov.info)"
    scripts = [
        (name.strip("@").partition("/")[0], report) for name in SCRIPT_RUNNERS if _is_script_dependency(place, name)
    ]
    names = place.by_name
    return scripts[:1] + [
        (runner, what)
        for manifests, runner, what in OTHER_RUNNERS
        if any(name in names if name[0] != "." else _has_suffix(names, name) for name in manifests)
    ]


def _has_suffix(names: Iterable[str], suffix: str) -> bool:
    return any(name.endswith(suffix) for name in names)


def _is_script_dependency(place: Place, name: str) -> bool:
    package = json_object(place, "package.json")
    kinds = (package.get(kind) for kind in ("dependencies", "devDependencies"))
    return any(name in kind for kind in kinds if isinstance(kind, dict))


def _asks_for(name: str) -> Callable[[Place], bool]:
    return lambda place: name in asked_for(place)


def _has_python_tests(place: Place) -> bool:
    return any(CONVENTIONS["python"].search(file.path) for file in place.sources("python"))


def _with_coverage(place: Place) -> bool:
    return "coverage" in pyproject(place).get("tool", {}) or ".coveragerc" in place.paths


def _pytest(path: Path, place: Place, reports: Path) -> list[str]:
    command = [str(path), "-q", "-p", "no:cacheprovider", f"--junit-xml={reports / 'junit.xml'}"]
    if _with_coverage(place):
        command += ["--cov", f"--cov-report=json:{reports / 'coverage.json'}", "--cov-report="]
    return command


def _mypy(path: Path, place: Place, reports: Path) -> list[str]:
    section = pyproject(place).get("tool", {}).get("mypy", {})
    has_targets = isinstance(section, dict) and section.keys() & {"packages", "files", "modules"}
    options = ["--no-error-summary", "--cache-dir", str(reports / "mypy"), "--junit-xml", str(reports / "mypy.xml")]
    return [str(path), *options, *([] if has_targets else ["."])]


def parse_go_test(_: Place, content: bytes) -> Parsed:
    """`go test -json`: one event per line; events with a name and an end are tests."""
    ends = []
    for line in content.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the compiler's output is between the events
        if isinstance(event, dict) and event.get("Test") and event.get("Action") in {"pass", "fail"}:
            ends.append(event["Action"])
    if not ends:
        raise Unmeasured("contains no test")
    passed = ends.count("pass")
    return Parsed(passed, len(ends), languages=("go",), detail=f"{passed} of {len(ends)} passed")


def parse_go_vet(_: Place, content: bytes) -> Parsed:
    """`go vet`: one line per finding."""
    found = _vet_line.findall(content.decode("utf-8", "replace"))
    return Parsed(len(found), languages=("go",), detail=f"{len(found)} findings")


def parse_cargo_test(_: Place, content: bytes) -> Parsed:
    """`cargo test`: one line per test program, with its counts."""
    counts = _cargo_result.findall(content.decode("utf-8", "replace"))
    passed, failed = sum(int(each) for each, _ in counts), sum(int(each) for _, each in counts)
    if not passed + failed:
        raise Unmeasured("contains no test")
    return Parsed(passed, passed + failed, languages=("rust",), detail=f"{passed} of {passed + failed} passed")


def parse_pip_check(_: Place, content: bytes) -> Parsed:
    """`pip check`: one line per unmet requirement of an installed package."""
    return _conflicts(_pip_conflict.findall(content.decode("utf-8", "replace")))


def parse_npm_ls(_: Place, content: bytes) -> Parsed:
    """`npm ls --json`: `problems` are missing packages, and packages of another version than required."""
    return _conflicts([str(each) for each in expect(expect(read_json(content), dict).get("problems", []), list)])


def _conflicts(found: Sequence[str]) -> Parsed:
    """Counts conflicts; having none does not show that the lock agrees, so it is not evidence."""
    if not found:
        raise Unmeasured("no conflicts among what is installed")
    return Parsed(len(found), detail=f"{len(found)} conflicts, as {readable(found[0], 150)}")


def _has_pip(place: Place) -> bool:
    return any((place.root / own / "pip").is_file() for own in OWN_PLACES)


def _has_node_modules(place: Place) -> bool:
    return "package.json" in place.paths and (place.root / "node_modules").is_dir()


def _typescript(place: Place) -> bool:
    return "tsconfig.json" in place.paths and (place.root / "node_modules/.bin/tsc").is_file()


def _eslint(place: Place) -> bool:
    return "eslint" in asked_for(place) or "eslint" in json_object(place, "package.json").get("devDependencies", {})


def _tsc(place: Place, content: bytes) -> Parsed:
    """tsc prints nothing if there are no errors; here it is known that it ended normally."""
    return parse_tsc(place, content or b"Found 0 errors")


SCRIPT_RUNNERS = ("vitest", "jest", "mocha", "ava", "jasmine", "@playwright/test", "cypress")
OTHER_RUNNERS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("manage.py",), "Django", "let `manage.py test` leave a report (junit.xml), or run the tests by pytest"),
    (("pom.xml",), "Maven", "its reports are read from target/surefire-reports and target/site/jacoco"),
    (("build.gradle", "build.gradle.kts"), "Gradle", "its reports are read from build/test-results and build/reports"),
    ((".csproj", ".fsproj", ".sln"), "dotnet", "`dotnet test --logger trx` leaves a report in TestResults/"),
    (("Gemfile",), "Ruby", "RspecJunitFormatter (rspec.xml) and SimpleCov leave reports"),
    (("composer.json",), "PHP", "`phpunit --log-junit junit.xml --coverage-clover clover.xml` leaves reports"),
    (("CMakeLists.txt",), "CTest", "`ctest --output-junit junit.xml` leaves a report"),
)
"""Runners by what is in the project, with what to do instead."""
PYTEST_CODES = {
    2: "it was interrupted, or tests could not be imported",
    3: "an internal error of pytest",
    4: "it was called wrongly: an option or a plugin that the project configures is not installed",
    5: "no tests were found",
}
TOOLS = (
    Tool(
        "pip check", "pip", _has_pip, lambda path, _, __: [str(path), "--no-input", "check"],
        (Result("dependencies", OUTPUT, parse_pip_check),),
    ),
    Tool(
        "npm ls", "npm", _has_node_modules, lambda path, _, __: [str(path), "ls", "--all", "--json", "--offline"],
        (Result("dependencies", OUTPUT, parse_npm_ls),),
    ),
    Tool(
        "ruff", "ruff", _asks_for("ruff"),
        lambda path, _, __: [str(path), "check", "--output-format", "json", "--no-cache", "--exit-zero", "."],
        (Result("lint", OUTPUT, parse_ruff),),
    ),
    Tool("mypy", "mypy", _asks_for("mypy"), _mypy, (Result("types", "mypy.xml", parse_mypy_junit),)),
    Tool(
        "pytest", "pytest", _has_python_tests, _pytest,
        (
            Result("tests_passed", "junit.xml", parse_junit),
            Result("test_coverage", "coverage.json", parse_coverage_json),
        ),
        meanings=PYTEST_CODES,
    ),
    Tool(
        "eslint", "eslint", _eslint, lambda path, _, __: [str(path), "--format", "json", "."],
        (Result("lint", OUTPUT, parse_eslint),),
    ),
    Tool(
        "tsc", "tsc", _typescript, lambda path, _, __: [str(path), "--noEmit", "--pretty", "false"],
        (Result("types", OUTPUT, _tsc),), frozenset({0, 1, 2}), is_silent_when_clean=True,
    ),
    Tool(
        "go vet", "go", _asks_for("go"), lambda path, _, __: [str(path), "vet", "./..."],
        (Result("lint", OUTPUT, parse_go_vet),), with_errors=True, is_silent_when_clean=True,
    ),
    Tool(
        "go test", "go", _asks_for("go"),
        lambda path, _, reports: [str(path), "test", "-json", f"-coverprofile={reports / 'cover.out'}", "./..."],
        (Result("tests_passed", OUTPUT, parse_go_test), Result("test_coverage", "cover.out", parse_go)),
    ),
    Tool(
        "cargo clippy", "cargo", _asks_for("cargo"),
        lambda path, _, __: [str(path), "clippy", "--offline", "--quiet", "--message-format", "json"],
        (Result("lint", OUTPUT, parse_clippy),), frozenset({0, 101}),
    ),
    Tool(
        "cargo test", "cargo", _asks_for("cargo"), lambda path, _, __: [str(path), "test", "--offline"],
        (Result("tests_passed", OUTPUT, parse_cargo_test),), frozenset({0, 101}),
    ),
)  # fmt: skip
"""Evidence of the same name is added up, so that languages are counted side by side."""
