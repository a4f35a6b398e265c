"""A better project never scores less: for every component that is seen in the project itself, in every language."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from services.kit import redaction
from services.quality.collectors import collect
from services.quality.collectors.languages import LANGUAGES
from services.quality.collectors.scan import look
from services.quality.domain.scoring import COMPONENTS, HEALTH, score
from tests.unit.quality.collectors.test_better_reports import CASES
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import commit

SUFFIXES = {language: suffix for suffix, language in reversed(LANGUAGES.items())}
TESTS = {
    "python": "tests/test_{0}.py", "javascript": "src/{0}.test.js", "typescript": "src/{0}.test.ts", "go": "{0}_test.go",
    "rust": "tests/{0}.rs", "java": "src/test/java/{0}Test.java", "kotlin": "src/test/kotlin/{0}Test.kt",
    "scala": "src/test/scala/{0}Spec.scala", "csharp": "Shop.Tests/{0}Tests.cs", "c": "tests/{0}.c", "cpp": "tests/{0}.cpp",
    "ruby": "spec/{0}_spec.rb", "php": "tests/{0}Test.php", "swift": "Tests/{0}Tests.swift",
}  # fmt: skip
MANIFESTS: dict[str, Sequence[tuple[str, str]]] = {
    "python": (("pyproject.toml", '[project]\nname = "a"\ndependencies = ["rich"]\n'), ("pdm.lock", ""),
        ("pdm.lock", '[[package]]\nname = "rich"\nversion = "1"\n')),
    "javascript": (("package.json", '{"dependencies": {"ms": "^2"}}'), ("package-lock.json", '{"packages": {"": {}}}'),
        ("package-lock.json", '{"packages": {"": {"dependencies": {"ms": "^2"}}}}')),
    "go": (("go.mod", "module m\nrequire example.org/a v1.2.3\n"), ("go.sum", ""), ("go.sum", "example.org/a v1.2.3/go.mod h1:x=\n")),
    "rust": (("Cargo.toml", '[package]\nname = "a"\n[dependencies]\nitoa = "1"\n'), ("Cargo.lock", '[[package]]\nname = "a"\n'),
        ("Cargo.lock", '[[package]]\nname = "a"\ndependencies = ["itoa"]\n')),
}  # fmt: skip
MANIFESTS["typescript"] = MANIFESTS["javascript"]
Step = Callable[[Path, str], object]


def source(language: str, branches: int, *, typed: bool = False, told: bool = False) -> str:
    """A function of that many branches, long enough to be a program."""
    if language in {"python", "ruby"}:
        head = f"def total(price{': int' * typed}){' -> int' * typed}:\n" + '    """Adds."""\n' * told
        body = "".join(f"    if price == {number}:\n        return {number}\n" for number in range(branches))
        return head + body + "    return price\n" + "# a comment that makes the file as long as a program is\n" * 300
    heads = {
        "go": "func total(p int) int {",
        "rust": "fn total(p: i32) -> i32 {",
        "swift": "func total(p: Int) -> Int {",
    }
    head = heads.get(
        language, "function total(p) {" if "script" in language or language == "php" else "int total(int p) {"
    )
    body = "".join(f"  if (p == {number}) {{ return {number}; }}\n" for number in range(branches))
    return f"{head}\n{body}  return p;\n}}\n" + "// a comment that makes the file as long as a program is\n" * 300


def main_file(language: str) -> str:
    return f"src/Cart{SUFFIXES[language]}"


def complexity(branches: int) -> Step:
    return lambda root, language: write(root, main_file(language), source(language, branches), age_s=60)


def with_tests(count: int) -> Step:
    return lambda root, language: [write(root, TESTS[language].format(f"C{n}"), "x\n") for n in range(count)]


def readme(words: int) -> Step:
    return lambda root, _: write(root, "README.md", "word " * words)


def continuous_integration(root: Path, _: str) -> object:
    return write(root, ".github/workflows/ci.yml", "on: push\n")


def types_and_words(typed: bool, told: bool) -> Step:
    def step(root: Path, language: str) -> object:
        if language == "javascript" and typed:  # one file after another becomes TypeScript
            return write(root, f"src/typed{int(told)}.ts", source("typescript", 2))
        return write(root, main_file(language), source(language, 2, typed=typed, told=told), age_s=60)

    return step


def dependencies(number: int) -> Step:
    def step(root: Path, language: str) -> object:
        return [write(root, path, text) for path, text in MANIFESTS.get(language, ())[: number + 1]]

    return step


def nothing(_: Path, __: str) -> None:
    """The project as it is."""


LADDERS: dict[str, Sequence[Step]] = {
    "complexity": (complexity(40), complexity(12), complexity(3)),
    "tests_present": (nothing, with_tests(1), with_tests(3)),
    "readme": (nothing, readme(20), readme(400)),
    "continuous_integration": (nothing, continuous_integration),
    "annotations": (types_and_words(False, False), types_and_words(True, False), types_and_words(True, True)),
    "docstrings": (types_and_words(False, False), types_and_words(False, True)),
    "dependencies": (dependencies(0), dependencies(1), dependencies(2)),
}


def overall(root: Path) -> float:
    found = collect(look(root, [root.parent]), redaction.find)
    return score(found.evidence, found.kind).overall


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.mark.parametrize("component", LADDERS)
@pytest.mark.parametrize("language", TESTS)
def test_a_project_that_gets_better_never_scores_less(root: Path, language: str, component: str) -> None:
    write(root, main_file(language), source(language, 2), age_s=60)
    scores = []
    for step in LADDERS[component]:
        step(root, language)
        scores.append(overall(root))
    assert scores == sorted(scores)
    if component in {"tests_present", "readme", "continuous_integration"}:
        assert scores[-1] > scores[0]


@pytest.mark.parametrize("language", TESTS)
def test_tidier_git_never_scores_less(root: Path, language: str) -> None:
    """Subjects, activity, what is not committed, and a secret in a tracked file."""
    write(root, main_file(language), source(language, 2))
    write(root, "settings.env", f"TOKEN={'ghp_16C7e42F292c6912E7710c83' + '8347Ae178B4a'}\n")
    commit(root, "wip", days_ago=3)
    write(root, main_file(language), source(language, 3))
    scores = [overall(root)]
    subjects = ("update", "Add a cart that sums prices", "Read the token from the environment")
    for days_ago, subject in zip((3, 2, 0), subjects, strict=True):
        if not days_ago:
            write(root, "settings.env", "TOKEN=${TOKEN}\n")
        commit(root, subject, days_ago=days_ago)
        scores.append(overall(root))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0]


@pytest.mark.parametrize("language", sorted({*TESTS} - {"python"}))
def test_a_script_in_another_language_changes_no_score(root: Path, language: str) -> None:
    write(root, main_file(language), source(language, 2) * 20)
    before = overall(root)
    write(root, "scripts/release.py", "def release(a, b):\n    return a\n")
    assert overall(root) == before


def test_every_component_of_health_is_tried() -> None:
    tried = {*LADDERS, *(report.component for _, report in CASES)}
    tried |= {"active_days", "uncommitted", "commit_subjects", "secrets"}
    assert tried == {component.name for component in COMPONENTS if component.group in HEALTH}
    assert set(TESTS) == set(LANGUAGES.values())


@pytest.mark.parametrize("language", ["go", "java", "cpp", "javascript"])
def test_a_report_that_nobody_asks_for_never_lowers_the_score(root: Path, language: str) -> None:
    write(root, main_file(language), source(language, 2), age_s=60)
    write(root, "README.md", "word " * 400)
    before = overall(root)
    place = {"physicalLocation": {"artifactLocation": {"uri": main_file(language)}}}
    for count in (0, 1, 50):
        results = [{"level": "error", "locations": [place]}] * count
        write(root, "semgrep.sarif", json.dumps({"runs": [{"results": results}]}))
        write(root, "osv-scanner.json", json.dumps({"results": [{"packages": [{"vulnerabilities": [{}] * count}]}]}))
        assert overall(root) >= before
