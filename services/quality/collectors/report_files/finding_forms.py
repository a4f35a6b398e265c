"""Findings of linters, security scanners and audits in the forms of many tools: for each finding the file it is in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.languages import languages_of
from services.quality.collectors.report_files.xml import OnElement, first_element, read_xml
from services.quality.collectors.reports import NoReport, Parsed, expect, number, read_json
from services.workspace.text import text_of

MINOR = frozenset({"info", "information", "note", "none", "style-info", "hint", "suggestion"})
"""Levels below a warning."""
_text_line = re.compile(r"(?P<path>[^\s:][^:\n]*):\d+:(?:\d+:)? .{2,}")


def findings(paths: Sequence[str], languages: Sequence[str] = (), what: str = "findings") -> Parsed:
    """One finding for each path; of the languages of these, or of the tool's."""
    named = list(dict.fromkeys(path for path in paths if path))
    return Parsed(len(paths), 0.0, named, languages_of(named) or tuple(languages), detail=f"{len(paths)} {what}")


def _table(value: object) -> dict[str, Any]:
    found: dict[str, Any] = expect(value, dict)
    return found


def _rows(value: object) -> list[dict[str, Any]]:
    return [_table(each) for each in expect(value, list)]


def _path(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_minor(level: object) -> bool:
    return isinstance(level, str) and level.lower() in MINOR


def parse_code_climate(_: Place, content: bytes) -> Parsed:
    """Code Climate's JSON, which GitLab calls a code quality report."""
    rows = [row for row in _rows(read_json(content)) if not _is_minor(row.get("severity"))]
    if any("location" not in row for row in rows):
        raise Unmeasured("does not have the format of such a report")
    return findings([_path(_table(row["location"]).get("path")) for row in rows])


def parse_pylint(_: Place, content: bytes) -> Parsed:
    """`pylint --output-format json` and `json2`."""
    report = read_json(content)
    rows = _rows(report.get("messages") if isinstance(report, dict) else report)
    return findings([_path(row.get("path")) for row in rows if not _is_minor(row.get("type"))], ("python",))


def parse_text_lines(_: Place, content: bytes) -> Parsed:
    """`path:line:column: message`, as flake8 and many others print it; nothing where all is in order."""
    lines = [line for line in text_of(content).splitlines() if line.strip()]
    found = [match["path"] for line in lines if (match := _text_line.match(line))]
    if lines and not found:
        raise Unmeasured("contains no line of a linter")
    return findings(found, ("python",))


def parse_phpstan(_: Place, content: bytes) -> Parsed:
    """`phpstan --error-format json`; general errors are of no file."""
    report = _table(read_json(content))
    files = _table(report.get("files") or {})
    found = [path for path, each in files.items() for _ in range(int(number(_table(each).get("errors"))))]
    return findings([*found, *("" for _ in expect(report.get("errors") or [], list))], ("php",))


def parse_psalm(_: Place, content: bytes) -> Parsed:
    """`psalm --output-format json`."""
    rows = [row for row in _rows(read_json(content)) if not _is_minor(row.get("severity"))]
    return findings([_path(row.get("file_path") or row.get("file_name")) for row in rows], ("php",))


def parse_swiftlint(_: Place, content: bytes) -> Parsed:
    """`swiftlint --reporter json`."""
    return findings([_path(row.get("file")) for row in _rows(read_json(content))], ("swift",))


def parse_biome(_: Place, content: bytes) -> Parsed:
    """`biome lint --reporter json`."""
    rows = _rows(_table(read_json(content)).get("diagnostics"))
    places = [_table(row.get("location") or {}).get("path") for row in rows if not _is_minor(row.get("severity"))]
    paths = [each.get("file") if isinstance(each, dict) else each for each in places]
    return findings([_path(path) for path in paths], ("javascript", "typescript"))


def parse_staticcheck(_: Place, content: bytes) -> Parsed:
    """`staticcheck -f json`: a finding a line, nothing where all is in order."""
    rows = [_table(row) for row in json_values(content)]
    return findings([_path(_table(row.get("location") or {}).get("file")) for row in rows], ("go",))


OF_CONFIGURATION = frozenset(
    "module ruleset FindBugsFilter suppressions baseline SmellBaseline files psalm scalastyle def project".split()  # noqa: SIM905
)
"""The first element of what linters are told, which has the name of a report as often as not."""


def read_findings(content: bytes, element: OnElement) -> None:
    """Reads a linter's XML. Raises NoReport for its configuration."""
    if first_element(content)[0] in OF_CONFIGURATION:
        raise NoReport
    read_xml(content, element)


def parse_checkstyle(_: Place, content: bytes) -> Parsed:
    """Checkstyle's XML, which many linters write: an `error` for each finding, below its `file`."""
    paths: dict[str, None] = {}
    count, is_checkstyle = 0, False

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal count, is_checkstyle
        is_checkstyle |= name == "checkstyle"
        if name == "file":
            paths[attributes.get("name", "")] = None
        elif name == "error" and attributes.get("severity") != "info":
            count += 1

    read_findings(content, element)
    if not is_checkstyle:
        raise Unmeasured("does not have the format of such a report")
    return Parsed(count, paths=list(paths), languages=languages_of(paths), detail=f"{count} findings")


def parse_finding_xml(_: Place, content: bytes) -> Parsed:
    """PMD's, SpotBugs' and cppcheck's XML."""
    roots: list[str] = []
    paths: list[str] = []
    current = ""
    is_open = False

    def element(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal current, is_open
        if not roots:
            roots.append(name)
        if name == "file":
            current = attributes.get("name", "")
        elif name in {"violation", "BugInstance"} or (name == "error" and roots == ["results"]):
            is_open = name != "violation"
            paths.append("" if is_open else current)
        elif is_open and name in {"SourceLine", "location"}:
            paths[-1] = paths[-1] or attributes.get("sourcepath") or attributes.get("file", "")

    read_findings(content, element)
    languages = {"pmd": ("java",), "BugCollection": ("java",), "results": ("c", "cpp")}
    if roots[0] not in languages:
        raise Unmeasured("does not have the format of such a report")
    return findings(paths, languages[roots[0]])


def parse_gosec(_: Place, content: bytes) -> Parsed:
    """`gosec -fmt json`; findings of low severity are ignored, as of all security linters."""
    report = _table(read_json(content))
    if "Issues" not in report:
        raise Unmeasured("does not have the format of such a report")
    rows = _rows(report["Issues"] or [])
    return findings([_path(row.get("file")) for row in rows if row.get("severity") != "LOW"], ("go",))


def parse_brakeman(_: Place, content: bytes) -> Parsed:
    """`brakeman -f json`."""
    rows = _rows(_table(read_json(content)).get("warnings"))
    return findings([_path(row.get("file")) for row in rows if row.get("confidence") != "Weak"], ("ruby",))


def parse_semgrep(place: Place, content: bytes) -> Parsed:
    """`semgrep --json`."""
    rows = _rows(_table(read_json(content)).get("results"))
    levels = [(row, _table(row.get("extra") or {}).get("severity")) for row in rows]
    found = [_path(row.get("path")) for row, level in levels if not _is_minor(level)]
    return findings(found, place.languages)


def _vulnerabilities(count: float, languages: Sequence[str]) -> Parsed:
    return Parsed(count, languages=tuple(languages), detail=f"{count:.0f} vulnerabilities")


def parse_trivy(place: Place, content: bytes) -> Parsed:
    """`trivy fs --format json`: `Results` is missing where there is nothing that could be looked at."""
    report = _table(read_json(content))
    if not report.keys() & {"Results", "ArtifactName", "SchemaVersion"}:
        raise Unmeasured("does not have the format of such a report")
    rows = _rows(report.get("Results") or [])
    known = sum(len(expect(row.get("Vulnerabilities") or [], list)) for row in rows)
    return _vulnerabilities(known, place.languages)


def parse_grype(place: Place, content: bytes) -> Parsed:
    """`grype --output json`."""
    return _vulnerabilities(len(_rows(_table(read_json(content)).get("matches"))), place.languages)


def parse_dependency_check(place: Place, content: bytes) -> Parsed:
    """OWASP dependency-check's JSON."""
    rows = _rows(_table(read_json(content)).get("dependencies"))
    return _vulnerabilities(sum(len(expect(row.get("vulnerabilities") or [], list)) for row in rows), place.languages)


def parse_composer_audit(_: Place, content: bytes) -> Parsed:
    """`composer audit --format json`: a list of advisories for each package, and `[]` where there are none."""
    advisories = _table(read_json(content)).get("advisories")
    by_package = advisories if isinstance(advisories, dict) else {"": expect(advisories, list)}
    return _vulnerabilities(sum(len(each) for each in by_package.values() if isinstance(each, list | dict)), ("php",))


def parse_bundler_audit(_: Place, content: bytes) -> Parsed:
    """`bundle-audit check --format json`."""
    return _vulnerabilities(len(_rows(_table(read_json(content)).get("results"))), ("ruby",))


def parse_govulncheck(_: Place, content: bytes) -> Parsed:
    """`govulncheck -json`: objects one after another; a vulnerability counts if the project calls what has it."""
    known, is_govulncheck = set[str](), False
    for row in map(_table, json_values(content)):
        is_govulncheck |= bool(row.keys() & {"config", "progress", "SBOM"})
        found = _table(row.get("finding") or {})
        trace = expect(found.get("trace") or [], list)
        if trace and _table(trace[0]).get("function"):
            known.add(str(found.get("osv")))
    if not is_govulncheck and not known:
        raise Unmeasured("does not have the format of such a report")
    return _vulnerabilities(len(known), ("go",))


def json_values(content: bytes) -> Iterator[Any]:
    """The JSON values of a text one after another, on one line each or on several. Unmeasured if one is invalid."""
    text, decoder, at = text_of(content), json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Unmeasured("is not valid JSON") from error
        yield value
