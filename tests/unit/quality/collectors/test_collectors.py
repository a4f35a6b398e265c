"""What the collectors believe, and what they do not."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kit.errors import InvalidInput, NotFound
from services.quality.collectors import COLLECTORS, collect
from services.quality.collectors.directory import look
from services.quality.domain.evidence import MAXIMUM, Evidence
from services.quality.domain.scoring import score

DAY_S = 86_400


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small Python project, an hour old."""
    write(tmp_path, "shop/cart.py", "def total(prices: list[int]) -> int:\n    return sum(prices)\n", age_s=3600)
    write(tmp_path, "tests/test_cart.py", "def test_nothing() -> None:\n    assert True\n", age_s=3600)
    return tmp_path


def write(root: Path, path: str, content: str | bytes, age_s: float = 0) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(file, (time.time() - age_s,) * 2)
    return file


def evidence(root: Path, name: str) -> Evidence:
    return collect(look(root, [root.parent])).evidence[name]


def coverage_json(**changes: object) -> str:
    totals = {"covered_lines": 3, "num_statements": 4}
    return json.dumps({"meta": {}, "files": {"shop/cart.py": {}}, "totals": totals} | changes)


COBERTURA = """<?xml version="1.0"?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage lines-valid="4" lines-covered="3" timestamp="{stamp}"><sources><source>{source}</source></sources>
<packages><package><classes><class filename="cart.py"/></classes></package></packages></coverage>"""
JUNIT = """<testsuites><testsuite tests="3" timestamp="2026-01-01T00:00:00+00:00">
<testcase classname="tests.test_cart" name="a"/>
<testcase classname="tests.test_cart" name="b"><failure message="no"/></testcase>
<testcase classname="tests.test_cart" name="c"><skipped/></testcase></testsuite></testsuites>"""


def test_an_empty_directory_scores_0_and_nothing_of_it_is_measured(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = collect(look(tmp_path / "empty", [tmp_path]))
    assert set(found.evidence) == set(MAXIMUM)
    assert not [name for name, each in found.evidence.items() if each.measured]
    assert all(each.detail for each in found.evidence.values())
    assert score(found.evidence).overall == 0


def test_a_directory_that_may_not_be_looked_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        look(tmp_path / "nothing", [tmp_path])
    with pytest.raises(InvalidInput):
        look(Path("/"), [Path("/")])


@pytest.mark.parametrize(
    ("path", "content", "percent"),
    [
        ("coverage.json", coverage_json(), 75),
        ("reports/coverage.json", coverage_json(), 75),
        ("coverage.xml", COBERTURA.format(stamp=0, source="shop"), 75),
        ("coverage/lcov.info", "SF:shop/cart.py\nLF:10\nLH:4\nend_of_record\n", 40),
        ("coverage/coverage-summary.json", '{"total": {"lines": {"total": 8, "covered": 2}}, "shop/cart.py": {}}', 25),
    ],
)
def test_coverage_is_read_from_each_format(project: Path, path: str, content: str, percent: float) -> None:
    write(project, path, content)
    found = evidence(project, "test_coverage")
    assert found.measured, found.detail
    assert found.value == percent
    assert path in found.source
    assert found.age_s == 0


def test_coverage_of_an_absolute_path_below_the_project_counts(project: Path) -> None:
    write(project, "coverage.xml", COBERTURA.format(stamp=0, source=project / "shop"))
    assert evidence(project, "test_coverage").value == 75


def test_coverage_data_without_totals_says_what_to_run(project: Path) -> None:
    write(project, ".coverage", b"SQLite format 3\0")
    assert "coverage json" in evidence(project, "test_coverage").detail


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><coverage lines-valid="4" lines-covered="3">&b;</coverage>'
)
OUTSIDE = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><coverage lines-valid="4" lines-covered="3">&x;</coverage>'
)
PARAMETER = '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://localhost/x">%x;]><coverage lines-valid="4" lines-covered="3"/>'
REFUSED: dict[str, tuple[str, str | bytes, str]] = {
    "entity bomb": ("coverage.xml", BOMB, "entities"),
    "external entity": ("coverage.xml", OUTSIDE, "entities"),
    "parameter entity": ("coverage.xml", PARAMETER, "entities"),
    "deep": ("coverage.xml", "<a>" * 5000, "deeper"),
    "truncated XML": ("coverage.xml", COBERTURA.format(stamp=0, source="shop")[:-30], "not valid"),
    "unknown encoding": ("coverage.xml", '<?xml version="1.0" encoding="nonsense"?><coverage/>', "not valid"),
    "truncated JSON": ("coverage.json", coverage_json()[:-5], "not valid"),
    "deep JSON": ("coverage.json", "[" * 200_000, "not valid"),
    "truncated lcov": ("coverage/lcov.info", "SF:shop/cart.py\nLF:10\nLH:4\n", "not complete"),
    "another shape": ("coverage.json", '{"totals": 5}', "format"),
    "empty": ("coverage.json", "", "not valid"),
    "huge": ("coverage.json", b" " * (9 * 1024 * 1024), "MiB"),
    "300 %": ("coverage.json", coverage_json(totals={"covered_lines": 12, "num_statements": 4}), "300 %"),
    "negative": ("coverage.json", coverage_json(totals={"covered_lines": -1, "num_statements": 4}), "format"),
    "not a number": (
        "coverage.json",
        coverage_json(totals={"covered_lines": float("nan"), "num_statements": 4}),
        "format",
    ),
    "another project": ("coverage.json", coverage_json(files={"bank/account.py": {}}), "not here"),
    "outside": ("coverage.json", coverage_json(files={"/etc/passwd": {}, "../../x.py": {}}), "not here"),
    "future by its word": ("coverage.json", coverage_json(meta={"timestamp": "2199-01-01T00:00:00+00:00"}), "future"),
    "future by its stamp": ("coverage.xml", COBERTURA.format(stamp=7226582400, source="shop"), "future"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_report_that_cannot_be_believed_is_unmeasured_and_says_why(project: Path, name: str) -> None:
    path, content, reason = REFUSED[name]
    write(project, path, content)
    found = evidence(project, "test_coverage")
    assert not found.measured
    assert reason in found.detail


@pytest.mark.parametrize(("path", "name"), [("junit.xml", "tests_passed"), ("mypy.xml", "types")])
@pytest.mark.parametrize("content", [BOMB, OUTSIDE, PARAMETER])
def test_no_other_xml_may_declare_entities_either(project: Path, path: str, name: str, content: str) -> None:
    write(project, path, content)
    assert "entities" in evidence(project, name).detail


def test_a_report_written_in_the_future_is_unmeasured(project: Path) -> None:
    write(project, "coverage.json", coverage_json(), age_s=-3600)
    assert "future" in evidence(project, "test_coverage").detail


def test_a_report_older_than_the_sources_says_by_how_much(project: Path) -> None:
    write(project, "coverage.json", coverage_json(), age_s=3600 + 2 * DAY_S)
    found = evidence(project, "test_coverage")
    assert found.measured
    assert found.age_s == pytest.approx(2 * DAY_S, abs=60)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_what_is_no_file_is_no_report(project: Path, make: Callable[[Path], None]) -> None:
    make(project / "coverage.json")
    make(project / "README.md")
    found = collect(look(project, [project.parent]))
    assert not found.evidence["test_coverage"].measured


def test_the_newest_believable_report_counts(project: Path) -> None:
    write(project, "coverage.json", coverage_json(), age_s=600)
    write(project, "coverage.xml", "<coverage", age_s=60)
    assert evidence(project, "test_coverage").value == 75


def test_reports_of_different_languages_add_up(project: Path) -> None:
    write(project, "web/cart.ts", "export const x = 1;\n", age_s=3600)
    write(project, "coverage.json", coverage_json())
    write(project, "coverage/lcov.info", "SF:web/cart.ts\nLF:6\nLH:0\nend_of_record\n")
    assert evidence(project, "test_coverage").value == 30


def test_results_of_tests_are_counted_case_by_case(project: Path) -> None:
    write(project, "reports/junit.xml", JUNIT)
    assert evidence(project, "tests_passed").value == 0.5


def test_results_of_another_projects_tests_are_not_ours(project: Path) -> None:
    write(project, "junit.xml", JUNIT.replace("test_cart", "test_bank"))
    assert "not here" in evidence(project, "tests_passed").detail


def test_pytests_cache_is_read(project: Path) -> None:
    nodes = ["tests/test_cart.py::test_nothing", "tests/test_cart.py::test_more"]
    write(project, ".pytest_cache/v/cache/nodeids", json.dumps(nodes))
    write(project, ".pytest_cache/v/cache/lastfailed", json.dumps({nodes[0]: True, "gone.py::test": True}))
    assert evidence(project, "tests_passed").value == 0.5


@pytest.mark.parametrize(
    ("name", "path", "content", "findings"),
    [
        ("lint", "ruff.json", '[{"filename": "shop/cart.py"}, {"filename": "shop/cart.py"}]', 2),
        ("lint", "ruff.json", "[]", 0),
        ("types", "mypy.json", '{"file": "shop/cart.py", "severity": "error"}\n', 1),
        ("types", "mypy.xml", "<testsuite><testcase/></testsuite>", 0),
        ("types", "pyright.json", '{"generalDiagnostics": [{"file": "shop/cart.py", "severity": "error"}]}', 1),
    ],
)
def test_findings_are_counted_by_a_thousand_lines(
    project: Path, name: str, path: str, content: str, findings: int
) -> None:
    write(project, path, content)
    found = evidence(project, name)
    assert found.measured, found.detail
    lines = sum(file.stat().st_size for file in project.rglob("*.py")) / 40
    assert found.value == pytest.approx(1000 * findings / lines, abs=0.001)


@pytest.mark.parametrize(
    ("name", "path", "content", "value"),
    [
        ("security_lint", "bandit.json", '{"results": [{"issue_severity": "HIGH", "filename": "shop/cart.py"}]}', 1),
        ("vulnerabilities", "pip-audit.json", '{"dependencies": [{"name": "a", "vulns": [{}, {}]}]}', 2),
        ("vulnerabilities", "npm-audit.json", '{"metadata": {"vulnerabilities": {"high": 3, "total": 3}}}', 3),
    ],
)
def test_security_reports_are_read(project: Path, name: str, path: str, content: str, value: float) -> None:
    write(project, path, content)
    assert evidence(project, name).value == value


@pytest.mark.parametrize("path", ["mypy.json", "tsc.txt"])
def test_an_empty_report_may_be_cut_off_and_is_not_believed(project: Path, path: str) -> None:
    write(project, path, "")
    assert not evidence(project, "types").measured


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyright.json", '{"generalDiagnostics": [{"file": "shop/cart.py", "severity": ["error"]}]}'),
        ("pyright.json", '{"generalDiagnostics": [{"file": "shop/cart.py", "severity": {"a": 1}}]}'),
        ("bandit.json", '{"results": [{"issue_severity": ["HIGH"], "filename": "shop/cart.py"}]}'),
        ("coverage.json", coverage_json(meta={"timestamp": "0001-01-01T00:00:00+14:00"})),
        ("coverage.json", coverage_json(meta={"timestamp": "9999-12-31T23:59:59-14:00"})),
        ("junit.xml", JUNIT.replace("2026-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00")),
    ],
)
def test_an_odd_value_in_a_report_does_not_make_a_collector_fail(project: Path, path: str, content: str) -> None:
    """Nor does it take the other reports of that collector with it."""
    write(project, path, content)
    write(project, "ruff.json", "[]")
    found = collect(look(project, [project.parent])).evidence
    assert not [each.detail for each in found.values() if "failed" in each.detail]
    assert found["lint"].measured


def test_complexity_types_and_docstrings_come_from_the_source(project: Path) -> None:
    branches = "".join(f"    if a == {number}:\n        return {number}\n" for number in range(11))
    write(project, "shop/tangle.py", f'def tangle(a):\n    """Too much."""\n{branches}')
    found = collect(look(project, [project.parent])).evidence
    assert found["complexity"].value == 0.5
    assert found["annotations"].value == 0.5
    assert found["docstrings"].value == 0.5


@pytest.mark.parametrize(
    "content", [b"def broken(:\n", b"(" * 100_000, b"\0\0", b"# -*- coding: nonsense -*-\n", b"\xff"]
)
def test_source_that_is_no_python_takes_nothing_with_it(project: Path, content: bytes) -> None:
    write(project, "shop/broken.py", content)
    assert evidence(project, "docstrings").measured


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_git_says_how_active_and_how_tidy_a_project_is(project: Path) -> None:
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "Add a cart that sums prices")
    git(project, "commit", "--quiet", "--allow-empty", "-m", "wip")
    write(project, "shop/cart.py", "# changed\n")
    found = collect(look(project, [project.parent]))
    assert found.evidence["active_days"].value == 1
    assert found.evidence["uncommitted"].value == 1
    assert found.evidence["commit_subjects"].value == 0.5
    assert found.git["state"] == "ready"
    assert len(str(found.git["head"])) == 40


def test_secrets_are_counted_in_tracked_files_and_never_shown(project: Path) -> None:
    git(project, "init", "--quiet")
    write(project, "settings.toml", "token = 'hunter2'\n")
    git(project, "add", ".")
    write(project, "scratch.toml", "token = 'hunter2'\n")
    found = collect(look(project, [project.parent]), lambda text: ["hunter2"] * text.count("hunter2"))
    assert found.evidence["secrets"].value == 1
    assert "settings.toml" in found.evidence["secrets"].detail
    assert "hunter2" not in repr(found)


def test_a_lock_agrees_when_it_holds_what_the_manifest_asks_for(project: Path) -> None:
    manifest = '[package]\nname = "shop"\nversion = "1.0.0"\n[dependencies]\nitoa = "1"\n'
    own = '[[package]]\nname = "shop"\nversion = "1.0.0"\n'
    write(project, "Cargo.toml", manifest)
    assert evidence(project, "dependencies").value == 0
    write(project, "Cargo.lock", own)
    assert evidence(project, "dependencies").value == 0
    write(project, "Cargo.lock", own + 'dependencies = ["itoa"]\n' + '[[package]]\nname = "itoa"\nversion = "1.0.11"\n')
    assert evidence(project, "dependencies").value == 1


def test_pinned_requirements_stand_in_for_a_lock(project: Path) -> None:
    write(project, "pyproject.toml", '[project]\nname = "shop"\ndependencies = ["rich"]\n')
    assert evidence(project, "dependencies").value == 0
    write(project, "requirements.in", "rich\n")
    write(project, "requirements.txt", "rich==15.0.0\n")
    assert evidence(project, "dependencies").value == 1


def test_a_collector_that_fails_leaves_its_names_unmeasured(project: Path) -> None:
    def broken(_: str) -> list[str]:
        raise RuntimeError("unforeseen")

    git(project, "init", "--quiet")
    git(project, "add", ".")
    found = collect(look(project, [project.parent]), broken).evidence
    assert "RuntimeError" in found["secrets"].detail
    assert found["annotations"].measured


def test_every_name_is_some_collectors() -> None:
    of_git = {"active_days", "uncommitted", "commit_subjects"}
    assert {name for _, names in COLLECTORS for name in names} | of_git | {"secrets", "permissions"} == set(MAXIMUM)


def test_the_state_is_the_same_until_something_changes(project: Path) -> None:
    def state() -> str:
        return look(project, [project.parent]).state

    git(project, "init", "--quiet")
    before = state()
    assert state() == before
    write(project, "coverage/lcov.info", "")
    with_report = state()
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "Add all")
    assert len({before, with_report, state()}) == 3


def test_the_same_place_gives_the_same_evidence(project: Path) -> None:
    now = datetime.now(UTC)
    write(project, "coverage.json", coverage_json())
    assert collect(look(project, [project.parent], now)) == collect(look(project, [project.parent], now))
