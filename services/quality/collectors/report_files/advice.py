"""How to leave a report of what is not measured, with the tools that the project itself uses."""

from __future__ import annotations

from collections.abc import Mapping

from services.quality.collectors.directory import Place, Unmeasured

SCRIPTS = frozenset({"javascript", "typescript"})
BY_LANGUAGE: Mapping[str, Mapping[str, str]] = {
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
BY_FILE: tuple[tuple[str, str, str], ...] = (
    ("lint", "biome.json", "`biome lint --reporter json > biome-report.json` leaves a report."),
    ("lint", "biome.jsonc", "`biome lint --reporter json > biome-report.json` leaves a report."),
    ("vulnerabilities", "package-lock.json", "`npm audit --json > npm-audit.json` leaves a report."),
    ("vulnerabilities", "npm-shrinkwrap.json", "`npm audit --json > npm-audit.json` leaves a report."),
    ("vulnerabilities", "pnpm-lock.yaml", "`pnpm audit --json > pnpm-audit.json` leaves a report."),
    *(("vulnerabilities", name, OTHERWISE["vulnerabilities"]) for name in ("yarn.lock", "bun.lock", "deno.lock")),
)
"""Of scripts: what to run where a file tells the tool. `npm audit` needs npm's own lock."""
BY_PACKAGE: tuple[tuple[str, str, str], ...] = (
    ("tests_passed", "vitest", "`vitest run --reporter=junit --outputFile=junit.xml` leaves a report."),
    ("tests_passed", "jest", "`jest --json --outputFile=jest-results.json` leaves a report."),
    ("tests_passed", "mocha", "`mocha --reporter json --reporter-option output=mocha.json` leaves a report."),
    (
        "tests_passed",
        "@playwright/test",
        "`playwright test --reporter=json > playwright-results.json` leaves a report.",
    ),
    ("test_coverage", "vitest", "`vitest run --coverage` leaves a report in coverage/."),
    ("test_coverage", "jest", "`jest --coverage` leaves a report in coverage/."),
)
"""Of scripts: what to run where package.json names the tool."""


def advice(place: Place, name: str, languages: tuple[str, ...]) -> str:
    """How to leave a report for this evidence, first in the language that most is written in; empty if nobody knows."""
    for language in languages:
        if language in SCRIPTS and (found := _of_scripts(place, name)):
            return found
        if found := BY_LANGUAGE.get(name, {}).get(language, ""):
            return found
    return OTHERWISE.get(name, "")


def _of_scripts(place: Place, name: str) -> str:
    by_file = next((text for of, file, text in BY_FILE if of == name and file in place.paths), "")
    if by_file or "package.json" not in place.paths:
        return by_file
    try:
        manifest = place.text("package.json")
    except Unmeasured:
        return ""
    return next((text for of, tool, text in BY_PACKAGE if of == name and f'"{tool}"' in manifest), "")
