"""What can be asked of a project of this language and kind, and how to have the rest measured here.

What cannot apply leaves the weights and is not advised: nobody can leave a type checker's report of Go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.languages import LANGUAGES, is_aside, is_test, says_it_is_generated
from services.quality.domain.evidence import CODE, NO_CODE, WITHOUT_CODE, Evidence, no_measurement, not_applicable

LIBRARY_BYTES_MIN = 8_000
"""A program of about 200 lines; less beside a lot of text is a helper of a document."""
LITTLE_TEXT_BYTES = 20_000
main_share = 0.05
notebooks_min = 3
looked_into_max = 20
generated_max_bytes = 2_000_000
_text = re.compile(r"\.(txt|md|rst|adoc|csv|tsv|json|ya?ml|gitignore|html|tex|base64)$", re.IGNORECASE)
_no_text = re.compile(
    r"(^|/)(readme|license|licence|changelog|changes|contributing|code_of_conduct)|lock|^\.|/\.", re.IGNORECASE
)
_manifest = re.compile(r"(^|/)(package\.json|tsconfig[^/]*\.json|composer\.json|docker-compose[^/]*|compose\.ya?ml)$")
NEEDS_CODE = frozenset(
    "test_coverage lint types annotations complexity tests_passed tests_present docstrings".split()  # noqa: SIM905
)
OF_CODE = frozenset({"dependencies", "vulnerabilities", "security_lint"})
"""What nobody advises where there is no code."""
OF_NOTEBOOKS = NEEDS_CODE - {"lint"}
"""What a book or an analysis in notebooks is not asked for."""
OF_INFRASTRUCTURE = NEEDS_CODE - {"lint"} | {"dependencies"}
LANGUAGES_OF: Mapping[str, frozenset[str]] = {
    "types": frozenset({"python", "typescript"}),
    "security_lint": frozenset({"python"}),
    "vulnerabilities": frozenset(LANGUAGES.values()) - {"c", "cpp", "swift", "scala"},
    "dependencies": frozenset({"python", "javascript", "typescript", "go", "rust"}),
}
"""Evidence of which only tools of these languages leave a report of their own."""
ADVICE: Mapping[str, Mapping[str, str]] = {
    "test_coverage": {
        "python": "`coverage json` leaves coverage.json.",
        "javascript": "`vitest --coverage`, `jest --coverage` or `c8` leave a report in coverage/.",
        "typescript": "`vitest --coverage`, `jest --coverage` or `c8` leave a report in coverage/.",
        "go": "`go test -coverprofile=cover.out ./...` leaves cover.out.",
        "rust": "`cargo llvm-cov --lcov --output-path lcov.info` leaves one.",
        "java": "JaCoCo's XML report is read from target/site/jacoco or build/reports/jacoco.",
        "kotlin": "JaCoCo's XML report is read from build/reports/jacoco.",
        "csharp": '`dotnet test --collect:"XPlat Code Coverage"` leaves Cobertura in TestResults/.',
        "c": "`gcovr --cobertura coverage.xml` leaves one.",
        "cpp": "`gcovr --cobertura coverage.xml` leaves one.",
        "ruby": "SimpleCov leaves coverage/.resultset.json.",
        "php": "`phpunit --coverage-clover clover.xml` leaves one.",
    },
    "lint": {
        "python": "`ruff check --output-format json --output-file ruff.json` leaves a report.",
        "javascript": "`eslint --format json --output-file eslint.json .` leaves a report.",
        "typescript": "`eslint --format json --output-file eslint.json .` leaves a report.",
        "go": "`golangci-lint run --output.json.path=golangci-lint.json` leaves a report.",
        "rust": "`cargo clippy --message-format json > clippy.json` leaves a report.",
        "java": "Checkstyle's XML (checkstyle-result.xml) or any SARIF is read.",
        "ruby": "`rubocop --format json --out rubocop.json` leaves a report.",
    },
    "types": {
        "python": "`mypy --output json . > mypy.json` leaves a report, an empty one where all is in order.",
        "typescript": "`tsc --noEmit --pretty false > tsc.txt` leaves a report, an empty one where all is in order.",
    },
    "tests_passed": {
        "python": "`pytest --junit-xml=junit.xml` leaves a report.",
        "javascript": "A JUnit reporter (`vitest --reporter=junit --outputFile=junit.xml`) leaves a report.",
        "typescript": "A JUnit reporter (`vitest --reporter=junit --outputFile=junit.xml`) leaves a report.",
        "go": "`gotestsum --junitfile junit.xml ./...` leaves a report.",
        "rust": "`cargo nextest run` with a JUnit path leaves a report in target/nextest.",
        "java": "Surefire and Gradle leave reports; they are read from target/surefire-reports and build/test-results.",
        "csharp": "`dotnet test --logger trx` leaves one in TestResults/.",
        "cpp": "`ctest --output-junit junit.xml` leaves a report.",
        "c": "`ctest --output-junit junit.xml` leaves a report.",
        "php": "`phpunit --log-junit junit.xml` leaves a report.",
        "ruby": "RspecJunitFormatter leaves rspec.xml.",
    },
    "vulnerabilities": {
        "python": "`pip-audit --format json --output pip-audit.json` leaves a report.",
        "javascript": "`npm audit --json > npm-audit.json` leaves a report.",
        "typescript": "`npm audit --json > npm-audit.json` leaves a report.",
        "rust": "`cargo audit --json > cargo-audit.json` leaves a report.",
    },
    "security_lint": {"python": "`bandit -r . --format json --output bandit.json` leaves a report."},
}
OTHERWISE = {"lint": "Any linter's SARIF report is read.", "tests_passed": "A JUnit report (junit.xml) is read."}
OTHERWISE |= {"vulnerabilities": "`osv-scanner --format json . > osv-scanner.json` leaves a report."}
OTHERWISE |= {"security_lint": "A security scanner's SARIF report (semgrep.sarif, trivy.sarif) is read."}
OTHERWISE |= {"test_coverage": "A report in lcov's or Cobertura's format is read."}


def main_languages(place: Place) -> tuple[str, ...]:
    """The languages that the project is written in, the one with most source first. Tests, scripts and documents count
    only where there is nothing else."""
    sizes = (
        _sizes(place, lambda path: not is_test(path) and not is_aside(path))
        or _sizes(place, lambda path: not is_test(path))
        or _sizes(place, lambda _: True)
    )
    total = sum(sizes.values())
    return tuple(sorted((each for each in sizes if sizes[each] >= main_share * total), key=lambda each: -sizes[each]))


def _sizes(place: Place, counts: Callable[[str], bool]) -> dict[str, int]:
    """The bytes of each language in the files whose paths count."""
    sizes = {
        language: sum(file.size for file in files if counts(file.path)) for language, files in place.by_language.items()
    }
    return {language: size for language, size in sizes.items() if size}


def kind(place: Place) -> str:
    """`code`, `notebooks`, `infrastructure` or `documents`."""
    code_bytes = _written_bytes(place)
    if code_bytes >= LIBRARY_BYTES_MIN * 4:
        return CODE
    names = [file.path for file in place.files]
    if sum(name.endswith(".ipynb") for name in names) >= notebooks_min:
        return "notebooks"
    if code_bytes < LIBRARY_BYTES_MIN and any(name.endswith((".tf", ".bicep", ".tfvars")) for name in names):
        return "infrastructure"
    text_bytes = sum(file.size for file in place.files if _is_text(file.path))
    is_helper = code_bytes < LIBRARY_BYTES_MIN and text_bytes > 10 * code_bytes and text_bytes > LITTLE_TEXT_BYTES
    return NO_CODE if not code_bytes or is_helper else CODE


def _written_bytes(place: Place) -> int:
    """The bytes of source that somebody wrote; of many files their sizes tell enough."""
    files = place.sources()
    total = sum(file.size for file in files)
    if len(files) > looked_into_max:
        return total
    return total - sum(
        file.size for file in files if place.once("generated", file, partial(_is_generated, place, file))
    )


def _is_generated(place: Place, file: File) -> bool:
    try:
        return says_it_is_generated(place.read(file.path, generated_max_bytes))
    except Unmeasured:
        return file.size > generated_max_bytes


def _is_text(path: str) -> bool:
    return bool(_text.search(path)) and not _no_text.search(path) and not _manifest.search(path)


def with_applicability(place: Place, evidence: Mapping[str, Evidence]) -> tuple[dict[str, Evidence], str]:
    """The evidence with what does not apply marked as such, the rest with advice; and the project's kind."""
    found, languages = kind(place), main_languages(place)
    if not place.files:
        return dict(evidence), CODE
    adjusted = {name: _for_project(each, found, languages) for name, each in evidence.items()}
    return adjusted, NO_CODE if found == NO_CODE else CODE


def _for_project(each: Evidence, kind_: str, languages: tuple[str, ...]) -> Evidence:
    name = each.name
    left_out = {"notebooks": OF_NOTEBOOKS, "infrastructure": OF_INFRASTRUCTURE}.get(kind_, frozenset())
    if name in left_out:
        return _as_unasked(each, f"the project is made of {kind_}")
    if kind_ == NO_CODE:
        return no_measurement(name, WITHOUT_CODE) if _is_of_code(each) else each
    if not each.applies:
        return each
    if name in LANGUAGES_OF and languages and not LANGUAGES_OF[name] & set(languages):
        return _as_unasked(each, f"not for {', '.join(languages[:3])}")
    if each.measured:
        return each
    advice = next((ADVICE[name][each] for each in languages if name in ADVICE and each in ADVICE[name]), "")
    return replace(each, advice=advice or OTHERWISE.get(name, ""))


def _is_of_code(each: Evidence) -> bool:
    """Whether evidence of a project without code says something of code, or waits for some."""
    if each.name in NEEDS_CODE:
        return each.measured or each.detail.startswith("no ")
    return each.name in OF_CODE and each.applies and not each.measured


def _as_unasked(each: Evidence, reason: str) -> Evidence:
    """What nobody asks of such a project; if it is measured all the same, it may raise the score."""
    return replace(each, applies=False) if each.measured else not_applicable(each.name, reason)
