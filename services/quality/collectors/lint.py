"""Linters, type checkers and security scanners: findings from the reports they left."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from services.quality.collectors.directory import File, Place, Unmeasured
from services.quality.collectors.report_files import finding_forms as forms
from services.quality.collectors.report_files.sarif import parse_sarif
from services.quality.collectors.report_files.xml import read_xml
from services.quality.collectors.reports import (
    Format,
    Parse,
    Parsed,
    expect,
    find_reports,
    is_named,
    number,
    read_json,
)
from services.quality.collectors.reports import read_json_lines as json_lines
from services.quality.domain.evidence import Evidence
from services.workspace.text import text_of

PYTHON, SCRIPT, TYPESCRIPT = ("python",), ("javascript", "typescript"), ("typescript",)
_tsc_line = re.compile(r"(?P<path>[^\s(][^(\n]*)\(\d+,\d+\): error TS\d+: ")
_mypy_line = re.compile(r"(?P<path>[^\s:][^:\n]*):\d+:(?:\d+:)*\s+error: ")
_tsc_end = re.compile(r"Found \d+ errors?")
_diagnostic_levels = {"error", "warning"}
_issue_levels = {"MEDIUM", "HIGH"}


def lint(place: Place) -> list[Evidence]:
    """Findings of linters and of type checkers per 1,000 lines."""
    return [
        find_reports(place, LINT).evidence("lint", per_thousand_lines(place), _missing(place, "linter's report", LINT)),
        find_reports(place, TYPES).evidence("types", per_thousand_lines(place), "no type checker's report"),
    ]


def security_reports(place: Place) -> list[Evidence]:
    """Findings of bandit, and known vulnerabilities of dependencies from pip-audit or npm."""
    return [
        find_reports(place, SECURITY_LINT).evidence("security_lint", total, "no security linter's report"),
        find_reports(place, AUDITS).evidence("vulnerabilities", total, "no dependency audit"),
    ]


def per_thousand_lines(place: Place) -> Callable[[Sequence[Parsed]], float]:
    """Findings per 1,000 lines of the languages that the reports cover."""

    def value(reports: Sequence[Parsed]) -> float:
        lines = place.lines(*{language for each in reports for language in each.languages})
        return round(1000 * total(reports) / max(lines, 1.0), 3)

    return value


def total(reports: Sequence[Parsed]) -> float:
    """The sum of all counts."""
    return sum(each.counted for each in reports)


def _findings(found: Sequence[str], languages: tuple[str, ...]) -> Parsed:
    return Parsed(len(found), paths=list(dict.fromkeys(found)), languages=languages, detail=f"{len(found)} findings")


def parse_ruff(_: Place, content: bytes) -> Parsed:
    """`ruff check --output-format json`."""
    rows = expect(read_json(content), list)
    return _findings([expect(expect(row, dict).get("filename"), str) for row in rows], PYTHON)


def parse_eslint(_: Place, content: bytes) -> Parsed:
    """`eslint --format json`: every checked file with its messages."""
    files = [expect(row, dict) for row in expect(read_json(content), list)]
    counts = [number(row.get("errorCount")) + number(row.get("warningCount")) for row in files]
    paths = [expect(row.get("filePath"), str) for row in files]
    return Parsed(sum(counts), paths=paths, languages=SCRIPT, detail=f"{sum(counts):.0f} findings")


def _of_sources_here(place: Place, found: Parsed) -> Parsed:
    """A report without findings is one of this project only if there is something that the tool could look at."""
    if not found.counted and not any(language in place.by_language for language in found.languages):
        raise Unmeasured(f"is about {' and '.join(found.languages)}, of which there is none here")
    return found


def parse_mypy_json(place: Place, content: bytes) -> Parsed:
    """`mypy --output json`: one line per message, none where all is in order; notes are not errors."""
    rows = [expect(row, dict) for row in json_lines(content)]
    found = [expect(row.get("file"), str) for row in rows if row.get("severity") == "error"]
    return _of_sources_here(place, _findings(found, PYTHON))


def parse_mypy_text(place: Place, content: bytes) -> Parsed:
    """What mypy prints: a line for each error, and one at the end that says how many there are."""
    text = text_of(content)
    found = [match["path"] for line in text.splitlines() if (match := _mypy_line.match(line))]
    if not found and "Success: no issues found" not in text:
        raise Unmeasured("contains no line of mypy")
    return _of_sources_here(place, _findings(found, PYTHON))


def parse_mypy_junit(_: Place, content: bytes) -> Parsed:
    """`mypy --junit-xml`: one test case per file with errors, with one line of text per error."""
    errors: list[str] = []
    cases = 0

    def element(name: str, _: Mapping[str, str]) -> None:
        nonlocal cases
        cases += name == "testcase"

    def text(name: str, content: str) -> None:
        if name in {"failure", "error"}:
            errors.extend(line.split(":", 1)[0] for line in content.splitlines() if ": error:" in line)

    read_xml(content, element, text)
    if not cases:
        raise Unmeasured("contains no test case")
    return _findings(errors, PYTHON)


def parse_pyright(_: Place, content: bytes) -> Parsed:
    """`pyright --outputjson`; warnings count, too."""
    rows = expect(expect(read_json(content), dict).get("generalDiagnostics"), list)
    found = [row for row in map(_mapping, rows) if _is_one_of(row.get("severity"), _diagnostic_levels)]
    return _findings([expect(row.get("file"), str) for row in found], PYTHON)


def _is_one_of(value: object, levels: set[str]) -> bool:
    """Whether the value is one of the words; reports may contain anything, including unhashable values."""
    return isinstance(value, str) and value in levels


def _mapping(row: object) -> dict[str, Any]:
    found: dict[str, Any] = expect(row, dict)
    return found


def parse_tsc(place: Place, content: bytes) -> Parsed:
    """`tsc --pretty false`: one line per error, nothing where all is in order."""
    text = text_of(content)
    found = [match["path"] for line in text.splitlines() if (match := _tsc_line.match(line))]
    if not found and text.strip() and not _tsc_end.search(text):
        raise Unmeasured("contains no line of tsc")
    return _of_sources_here(place, _findings(found, TYPESCRIPT))


def parse_bandit(_: Place, content: bytes) -> Parsed:
    """`bandit --format json`; findings of low severity are ignored."""
    rows = [_mapping(row) for row in expect(expect(read_json(content), dict).get("results"), list)]
    found = [row for row in rows if _is_one_of(row.get("issue_severity"), _issue_levels)]
    return _findings([expect(row.get("filename"), str) for row in found], PYTHON)


def parse_pip_audit(_: Place, content: bytes) -> Parsed:
    """`pip-audit --format json`, the current format and the older list."""
    report = read_json(content)
    rows = expect(report.get("dependencies") if isinstance(report, dict) else report, list)
    known = sum(len(expect(_mapping(row).get("vulns", []), list)) for row in rows)
    return Parsed(known, languages=PYTHON, detail=f"{known} vulnerabilities in {len(rows)} packages")


def parse_npm_audit(_: Place, content: bytes) -> Parsed:
    """`npm audit --json`: one count per severity."""
    metadata = expect(expect(read_json(content), dict).get("metadata"), dict)
    counts = _mapping(metadata.get("vulnerabilities"))
    known = sum(number(count) for severity, count in counts.items() if severity not in {"total", "info"})
    return Parsed(known, languages=SCRIPT, detail=f"{known:.0f} vulnerabilities")


def parse_golangci(_: Place, content: bytes) -> Parsed:
    """`golangci-lint run --output.json.path`: `Issues` is null where there are none."""
    report = expect(read_json(content), dict)
    if "Issues" not in report:
        raise Unmeasured("does not have the format of such a report")
    rows = [_mapping(row) for row in expect(report["Issues"] or [], list)]
    names = [_mapping(row.get("Pos") or {}).get("Filename") for row in rows]
    paths = list(dict.fromkeys(each for each in names if isinstance(each, str)))
    return Parsed(len(rows), paths=paths, languages=("go",), detail=f"{len(rows)} findings")


def parse_clippy(_: Place, content: bytes) -> Parsed:
    """`cargo clippy --message-format json`: compiler messages that are warnings or errors, each once: a library's are
    repeated for its tests."""
    found, is_cargo = dict[str, str](), False
    for line in text_of(content).splitlines():
        if not line.startswith("{"):
            continue
        row = _mapping(read_json(line.encode()))
        is_cargo |= "reason" in row
        message = _mapping(row.get("message") or {}) if row.get("reason") == "compiler-message" else {}
        spans = message.get("spans")
        if _is_one_of(message.get("level"), _diagnostic_levels) and isinstance(spans, list) and spans:
            identity = repr((message.get("code"), message.get("message"), spans))
            found[identity] = str(_mapping(spans[0]).get("file_name", ""))
    if not is_cargo:
        raise Unmeasured("contains no line of cargo")
    return _findings(list(found.values()), ("rust",))


def parse_rubocop(_: Place, content: bytes) -> Parsed:
    """`rubocop --format json`."""
    files = [_mapping(each) for each in expect(expect(read_json(content), dict).get("files"), list)]
    offenses = [_mapping(row) for each in files for row in expect(each.get("offenses"), list)]
    count = sum(row.get("corrected") is not True for row in offenses)
    paths = [expect(each.get("path"), str) for each in files]
    return Parsed(count, paths=paths, languages=("ruby",), detail=f"{count} findings")


def parse_cargo_audit(_: Place, content: bytes) -> Parsed:
    """`cargo audit --json`."""
    found = _mapping(expect(read_json(content), dict).get("vulnerabilities"))
    known = number(found.get("count"))
    return Parsed(known, languages=("rust",), detail=f"{known:.0f} vulnerabilities")


def parse_osv(place: Place, content: bytes) -> Parsed:
    """`osv-scanner --format json`: packages with their known vulnerabilities, of any language."""
    rows = [_mapping(each) for each in expect(expect(read_json(content), dict).get("results"), list)]
    packages = [_mapping(each) for row in rows for each in expect(row.get("packages") or [], list)]
    known = sum(len(expect(each.get("vulnerabilities") or [], list)) for each in packages)
    return Parsed(known, languages=place.languages, detail=f"{known} vulnerabilities")


def parse_lint_json(place: Place, content: bytes) -> Parsed:
    """A linter's JSON in one of the known forms: people name their reports as they like."""
    report = read_json(content)
    first = report[0] if isinstance(report, list) and report else report
    keys = first.keys() if isinstance(first, dict) else set()
    for marks, parse in LINT_JSON:
        if marks <= keys:
            return parse(place, content)
    raise Unmeasured("does not have the format of such a report")


def _json(tool: str, parse: Parse) -> Format:
    return Format(tool, (f"{tool}.json", f"{tool}-*.json", f"{tool}_*.json"), parse, but=OF_CONFIGURATION)


OF_CONFIGURATION = ("*suppression*", "*baseline*", "*config*", "*schema*", "*rc.json", "*ruleset*")
"""Names of what linters are told, beside what they tell."""


LINT_JSON: tuple[tuple[frozenset[str], Parse], ...] = (
    (frozenset({"filename", "code"}), parse_ruff),
    (frozenset({"filePath", "messages"}), parse_eslint),
    (frozenset({"check_name", "location"}), forms.parse_code_climate),
    (frozenset({"message-id", "path"}), forms.parse_pylint),
    (frozenset({"Issues"}), parse_golangci),
    (frozenset({"runs", "version"}), parse_sarif),
)
SECURITY_TOOLS = ("bandit", "gosec", "semgrep", "codeql", "trivy", "snyk", "brakeman")
XML_FINDINGS = ("pmd*.xml", "*spotbugs*.xml", "*findbugs*.xml", "cppcheck*.xml")
LINT = (
    _json("ruff", parse_ruff),
    _json("eslint", parse_eslint),
    _json("golangci-lint", parse_golangci),
    _json("golangci", parse_golangci),
    _json("clippy", parse_clippy),
    _json("rubocop", parse_rubocop),
    _json("pylint", forms.parse_pylint),
    _json("phpstan", forms.parse_phpstan),
    _json("psalm", forms.parse_psalm),
    _json("swiftlint", forms.parse_swiftlint),
    _json("staticcheck", forms.parse_staticcheck),
    Format("biome", ("biome-*.json", "biome_*.json"), forms.parse_biome),
    Format("flake8", ("flake8*.txt", "pycodestyle*.txt", "flake8*.log"), forms.parse_text_lines),
    Format(
        "Code Climate", ("*code-quality*.json", "*codequality*.json", "*codeclimate*.json"), forms.parse_code_climate
    ),
    Format(
        "Checkstyle",
        (
            *("*checkstyle*.xml", "build/reports/checkstyle/*.xml", "phpcs*.xml", "ktlint*.xml", "*detekt*.xml"),
            *("build/reports/ktlint/*/*.xml", "eslint*.xml", "scalastyle*.xml", "stylelint*.xml"),
        ),
        forms.parse_checkstyle,
    ),
    Format(
        "PMD, SpotBugs or cppcheck",
        (*XML_FINDINGS, "build/reports/pmd/*.xml", "build/reports/spotbugs/*.xml"),
        forms.parse_finding_xml,
    ),
    Format("SARIF", ("*.sarif", "*.sarif.json"), parse_sarif, but=tuple(f"{tool}*" for tool in SECURITY_TOOLS)),
    Format("a linter's JSON", ("*lint-report*.json", "*lint-results*.json", "lint.json"), parse_lint_json),
)
TYPES = (
    _json("mypy", parse_mypy_json),
    Format("mypy", ("mypy.xml", "mypy-*.xml", "mypy_*.xml", "junit-mypy.xml"), parse_mypy_junit),
    Format("mypy", ("mypy.txt", "mypy.log", "mypy-*.txt", "mypy_*.txt"), parse_mypy_text),
    _json("pyright", parse_pyright),
    _json("basedpyright", parse_pyright),
    Format("tsc", ("tsc.txt", "tsc.log", "tsc-*.txt"), parse_tsc),
)
SECURITY_LINT = (
    _json("bandit", parse_bandit),
    _json("gosec", forms.parse_gosec),
    _json("brakeman", forms.parse_brakeman),
    _json("semgrep", forms.parse_semgrep),
    Format("SARIF", tuple(f"{tool}*.sarif" for tool in SECURITY_TOOLS), parse_sarif),
)
AUDITS = (
    _json("pip-audit", parse_pip_audit),
    _json("npm-audit", parse_npm_audit),
    _json("pnpm-audit", parse_npm_audit),
    _json("cargo-audit", parse_cargo_audit),
    _json("osv-scanner", parse_osv),
    _json("trivy", forms.parse_trivy),
    _json("grype", forms.parse_grype),
    _json("dependency-check", forms.parse_dependency_check),
    _json("composer-audit", forms.parse_composer_audit),
    _json("bundle-audit", forms.parse_bundler_audit),
    _json("bundler-audit", forms.parse_bundler_audit),
    _json("govulncheck", forms.parse_govulncheck),
)
_unread = re.compile(
    r"[^/]*(lint|shellcheck|checkstyle|pmd|spotbugs|rubocop|clippy|sonar|stylecop|credo|findings)[^/]*"
    r"\.(txt|log|html|json|xml|ya?ml|csv|md|sarif)",
    re.IGNORECASE,
)


def _missing(place: Place, what: str, formats: Sequence[Format]) -> str:
    """Why there is no evidence: no report at all, or one in a form that is not read."""
    names = [file.path for file in place.reports if _unread.fullmatch(file.path.rpartition("/")[2])]
    names = [
        path for path in names if not _is_configuration(path) and not any(is_named_so(path, form) for form in formats)
    ]
    return f"no {what} that is read; {names[0]} is in another form" if names else f"no {what}"


def _is_configuration(path: str) -> bool:
    name = path.rpartition("/")[2]
    is_told = any(fnmatchcase(name, pattern) for pattern in OF_CONFIGURATION)
    return name.startswith(".") or is_told or name in {"lint.yml", "lint.yaml", "lint.sh"}


def is_named_so(path: str, form: Format) -> bool:
    """Whether a path has a name of that format."""
    return is_named(File(path, 0, 0.0), form)
