"""Whatever a project's reports, manifests and sources hold: it is measured, or said why not; no collector fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.quality.collectors import collect
from services.quality.collectors.coverage import FORMATS
from services.quality.collectors.directory import Place, Unmeasured
from services.quality.collectors.lint import AUDITS, LINT, SECURITY_LINT, TYPES
from services.quality.collectors.reports import Format
from services.quality.collectors.scan import look
from services.quality.collectors.tests import RESULTS
from services.quality.domain.scoring import score
from services.workspace.dependencies.lock_status import dependency_files
from tests.fuzz.budget import tried
from tests.fuzz.mutations import encoded, mutated, mutated_json
from tests.unit.quality.collectors.test_report_forms import COVERAGE, FINDINGS
from tests.unit.quality.collectors.test_report_forms import RESULTS as OTHER_RESULTS

JSON_REPORTS: dict[str, Any] = {
    "coverage.json": {
        "meta": {"timestamp": "2026-01-01T00:00:00+00:00"},
        "files": {"shop/cart.py": {}},
        "totals": {"covered_lines": 3, "num_statements": 4},
    },
    "coverage-summary.json": {"total": {"lines": {"covered": 3, "total": 4}}, "shop/cart.ts": {}},
    "ruff.json": [{"filename": "shop/cart.py", "code": "E1"}],
    "eslint.json": [{"filePath": "shop/cart.ts", "errorCount": 1, "warningCount": 0, "messages": []}],
    "mypy.json": {"file": "shop/cart.py", "line": 1, "message": "no", "severity": "error"},
    "pyright.json": {"generalDiagnostics": [{"file": "shop/cart.py", "severity": "error"}]},
    "bandit.json": {"results": [{"filename": "shop/cart.py", "issue_severity": "HIGH"}]},
    "pip-audit.json": {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "x"}]}]},
    "npm-audit.json": {"metadata": {"vulnerabilities": {"info": 0, "low": 1, "total": 1}}},
    "coverage-final.json": {
        "shop/cart.ts": {
            "statementMap": {"0": {"start": {"line": 1}}, "1": {"start": {"line": 2}}},
            "s": {"0": 1, "1": 0},
        }
    },
    ".resultset.json": {"RSpec": {"coverage": {"shop/cart.rb": {"lines": [1, 0, None]}}}},
    "lint.sarif": {
        "runs": [
            {
                "tool": {"driver": {"name": "ruff"}},
                "results": [
                    {
                        "level": "error",
                        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "shop/cart.py"}}}],
                    }
                ],
            }
        ]
    },
    "golangci-lint.json": {"Issues": [{"Pos": {"Filename": "shop/a.go"}}]},
    "clippy.json": {
        "reason": "compiler-message",
        "message": {"level": "warning", "spans": [{"file_name": "shop/a.rs"}]},
    },
    "rubocop.json": {"files": [{"path": "shop/cart.rb", "offenses": [{}]}]},
    "cargo-audit.json": {"vulnerabilities": {"count": 1}},
    "osv-scanner.json": {"results": [{"packages": [{"vulnerabilities": [{}]}]}]},
    ".pytest_cache/v/cache/nodeids": ["tests/test_cart.py::test_a"],
}
TEXT_REPORTS: dict[str, bytes] = {
    "coverage.xml": b"""<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "http://x/coverage-04.dtd">
<coverage lines-valid="4" lines-covered="3" timestamp="1767225600"><sources><source>shop</source></sources>
<packages><package><classes><class filename="cart.py"/></classes></package></packages></coverage>""",
    "lcov.info": b"TN:\nSF:shop/cart.ts\nDA:1,1\nLF:4\nLH:3\nend_of_record\n",
    "cover.out": b"mode: set\nexample.org/shop/a.go:1.2,3.4 5 1\nexample.org/shop/a.go:3.2,4.4 2 0\n",
    "junit.xml": b"""<testsuites><testsuite tests="3" timestamp="2026-01-01T00:00:00+00:00">
<testcase classname="tests.test_cart" name="a" file="tests/test_cart.py"/>
<testcase classname="tests.test_cart" name="b"><failure message="no">x</failure></testcase>
<testcase classname="tests.test_cart" name="c"><skipped/></testcase></testsuite></testsuites>""",
    "mypy.xml": b'<testsuite><testcase name="m"><failure>shop/cart.py:1: error: no</failure></testcase></testsuite>',
    "clover.xml": b"""<coverage generated="1767225600" clover="3"><project><file path="shop/cart.ts">
<line num="1" count="1" type="stmt"/><line num="2" count="0" type="stmt"/></file></project></coverage>""",
    "jacoco.xml": b"""<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="x">
<sessioninfo dump="1767225600000"/><package name="org/x"><sourcefile name="Cart.java"><line nr="3" ci="2"/></sourcefile>
</package></report>""",
    "checkstyle.xml": b'<checkstyle><file name="shop/A.java"><error severity="error"/></file></checkstyle>',
    "Testing/1/Test.xml": b'<Site><Testing><Test Status="passed"/><Test Status="failed"/></Testing></Site>',
    "run.trx": b'<TestRun><Results><UnitTestResult outcome="Passed"/></Results></TestRun>',
    "tsc.txt": b"shop/cart.ts(1,2): error TS2322: no\nFound 1 error in shop/cart.ts:1\n",
}
MANIFESTS: dict[str, bytes] = {
    "pyproject.toml": b"""[project]\nname = "shop"\ndependencies = ["httpx>=1", "rich"]
[dependency-groups]\ndev = ["pytest"]
[tool.ruff]\nline-length = 100\n[tool.uv]\ndev-dependencies = []\n""",
    "uv.lock": b"""version = 1\n[[package]]\nname = "shop"\nsource = { virtual = "." }\n[package.metadata]
requires-dist = [{ name = "httpx", specifier = ">=1" }, { name = "rich" }]\n[package.metadata.requires-dev]
dev = [{ name = "pytest" }]\n""",
    "poetry.lock": b'[[package]]\nname = "httpx"\n[metadata]\ncontent-hash = "abc0"\n',
    "package.json": encoded({"name": "shop", "dependencies": {"left": "^1"}, "devDependencies": {"right": "~2"}}),
    "package-lock.json": encoded({"lockfileVersion": 3, "packages": {"": {"dependencies": {"left": "^1"}}}}),
    "yarn.lock": b'left@^1:\n  version "1.0.0"\n',
    "pnpm-lock.yaml": b"importers:\n  .:\n    dependencies:\n      left:\n        specifier: ^1\n",
    "Cargo.toml": b'[package]\nname = "shop"\n[dependencies]\nserde = { version = "1", package = "serde" }\n',
    "Cargo.lock": b'[[package]]\nname = "shop"\nversion = "1.0.0"\ndependencies = ["serde 1"]\n',
    "bun.lock": b'{"workspaces": {"": {"dependencies": {"left": "^1",},},},}',
    "Pipfile": b'[packages]\nrich = "*"\n',
    "Pipfile.lock": b'{"default": {"rich": {}}}',
    "pdm.lock": b'[[package]]\nname = "httpx"\n',
    "pnpm-workspace.yaml": b"packages:\n  - 'shop/*'\n",
    "go.work": b"go 1.22\nuse (\n\t./shop\n)\n",
    ".gitattributes": b"*.py text\n",
    "go.mod": b"module example.org/shop\n\nrequire (\n\texample.org/a v1.2.3\n)\n",
    "go.sum": b"example.org/a v1.2.3/go.mod h1:x=\n",
    "requirements.txt": b"httpx==1.0 --hash=sha256:ab\n-r other.txt\n",
    "requirements.in": b"httpx\n",
    "shop/cart.py": b'"""Doc."""\nclass Cart:\n    def total(self, prices: list[int]) -> int:\n'
    b"        return sum(prices) if prices else 0\n",
    "shop/cart.ts": b"export function total(a: number[]) { if (a.length) { return 1 } return 0 }\n",
    "README.md": b"# Shop\nSells lanterns.\n",
}
BYTES = {**{name: encoded(value) for name, value in JSON_REPORTS.items()}, **TEXT_REPORTS}
EVERY_FORMAT: tuple[Format, ...] = (*FORMATS, *LINT, *TYPES, *SECURITY_LINT, *AUDITS, *RESULTS)


def _project(root: Path) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    for name, content in {**MANIFESTS, **BYTES, "tests/test_cart.py": b"def test_a(): pass\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _project(tmp_path_factory.mktemp("reports") / "shop")


@pytest.fixture(scope="module")
def place(project: Path) -> Place:
    return look(project, [project.parent], limit_s=3600)


OTHERS = [content for _, _, content, *_ in (*COVERAGE, *FINDINGS)] + [content for _, content in OTHER_RESULTS]
OTHER_JSON = [*JSON_REPORTS.values(), *(each for each in OTHERS if not isinstance(each, str))]
OTHER_TEXT = [*BYTES.values(), *(each.encode() for each in OTHERS if isinstance(each, str))]
reports = st.sampled_from(OTHER_JSON).flatmap(lambda report: mutated_json([report]).map(encoded))
contents = reports | mutated(OTHER_TEXT)


@tried(50)
@given(content=contents)
def test_a_report_is_read_or_refused(place: Place, content: bytes) -> None:
    """By every parser, for a report may have any name."""
    for form in EVERY_FORMAT:
        try:
            parsed = form.parse(place, content)
        except Unmeasured:
            continue
        assert 0 <= parsed.counted < float("inf"), form.tool
        assert 0 <= parsed.total < float("inf"), form.tool


@tried(25)
@given(names=st.lists(st.sampled_from(sorted(BYTES)), min_size=1, max_size=3), data=st.data())
def test_a_project_with_odd_reports_is_measured(project: Path, names: list[str], data: st.DataObject) -> None:
    _expect_measured(project, {name: data.draw(contents) for name in names})


@tried(25)
@given(names=st.lists(st.sampled_from(sorted(MANIFESTS)), min_size=1, max_size=3), data=st.data())
def test_a_project_with_odd_manifests_and_sources_is_measured(
    project: Path, names: list[str], data: st.DataObject
) -> None:
    odd = {name: data.draw(mutated([MANIFESTS[name], *MANIFESTS.values()])) for name in names}
    if "package.json" in odd:
        odd["package.json"] = encoded(data.draw(mutated_json([json.loads(MANIFESTS["package.json"])])))
    if data.draw(st.integers(0, 3)):
        _with(project, odd, lambda: dependency_files(project))
    else:
        _expect_measured(project, odd)


def _expect_measured(project: Path, odd: dict[str, bytes]) -> None:
    def check() -> None:
        collected = collect(look(project, [project.parent], limit_s=3600))
        failed = [each for each in collected.evidence.values() if "failed" in each.detail]
        assert not failed
        assert "problem" not in collected.git
        assert 0 <= score(collected.evidence).overall <= 100

    _with(project, odd, check)


def _with(project: Path, odd: dict[str, bytes], check: Any) -> None:
    """The project as it was, afterwards."""
    for name, content in odd.items():
        (project / name).write_bytes(content)
    try:
        check()
    finally:
        for name in odd:
            (project / name).write_bytes({**MANIFESTS, **BYTES}[name])
