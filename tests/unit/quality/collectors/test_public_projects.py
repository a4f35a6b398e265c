"""Evidence as public projects lay it out: layouts, report formats, shards, workspaces, clones, and what is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from services.kit import redaction
from services.quality.collectors import collect
from services.quality.collectors.scan import look
from services.quality.domain.evidence import Collected, Evidence
from services.quality.domain.scoring import Score, score
from tests.unit.quality.collectors.test_collectors import DAY_S, write

JS = "export function total(prices) {\n  return prices.length;\n}\n"
PY = 'def total(prices: list[int]) -> int:\n    """Sums."""\n    return sum(prices)\n'
OK, FAILED = '<testcase classname="{0}" name="ok{1}"/>', '<testcase classname="{0}" name="bad{1}"><failure/></testcase>'


def evidence(root: Path) -> dict[str, Evidence]:
    return dict(collected(root).evidence)


def collected(root: Path) -> Collected:
    top = next(each for each in (root, *root.parents) if each.name in {"project", "clone", "neglected"})
    return collect(look(root, [top.parent]), redaction.find)


def scored(root: Path) -> Score:
    found = collected(root)
    return score(found.evidence, found.kind)


def value(root: Path, name: str) -> float:
    found = evidence(root)[name]
    assert found.measured, found.detail
    return found.value


def junit(*cases: str) -> str:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def lcov(path: str, *lines: tuple[int, int]) -> str:
    return f"SF:{path}\n" + "".join(f"DA:{at},{count}\n" for at, count in lines) + "end_of_record\n"


def git(root: Path, *arguments: str, days_ago: float = 0) -> str:
    stamp = f"{time.time() - days_ago * DAY_S:.0f} +0000"
    identity = {
        f"GIT_{person}_{part}": "ada@example.org" for person in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
    }
    dates = {f"GIT_{person}_DATE": stamp for person in ("AUTHOR", "COMMITTER")}
    environment = {**os.environ, **identity, **dates, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(root.parent)}
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True, env=environment)
    return done.stdout.strip()


def commit(root: Path, message: str = "Add a cart that sums prices", days_ago: float = 0) -> None:
    if not (root / ".git").exists():
        git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "-m", message, days_ago=days_ago)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


# --- age ----------------------------------------------------------------------------------------


def test_a_committed_report_does_not_become_young_by_a_clone(project: Path, tmp_path: Path) -> None:
    write(project, "src/a.js", JS)
    write(project, "coverage/lcov.info", lcov("src/a.js", (1, 1), (2, 1)))
    write(project, "junit.xml", junit(OK.format("src/a", 1), OK.format("src/a", 2)))
    write(project, "eslint-report.json", '[{"filePath": "src/a.js", "errorCount": 0, "warningCount": 0}]')
    commit(project, days_ago=700)
    for number in range(5):
        write(project, "src/a.js", JS + f"// {number}\n")
        write(project, f"src/b{number}.js", JS)
        commit(project, f"Rewrite the cart, part {number}", days_ago=5 - number)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", f"file://{project}", str(clone))
    found = score(evidence(clone))
    points = {row.component.name: row.points for row in found.components}
    assert (points["test_coverage"], points["tests_passed"], points["lint"]) == (0, 0, 0)


def test_a_report_that_is_as_old_as_its_sources_counts_after_a_clone(project: Path, tmp_path: Path) -> None:
    write(project, "src/a.js", JS)
    write(project, "coverage/lcov.info", lcov("src/a.js", (1, 1), (2, 0)))
    commit(project, days_ago=700)
    git(tmp_path, "clone", "--quiet", f"file://{project}", str(tmp_path / "clone"))
    found = evidence(tmp_path / "clone")["test_coverage"]
    assert (found.measured, found.value, found.age_s) == (True, 50, 0)


def test_a_shallow_clone_cannot_date_a_committed_report(project: Path, tmp_path: Path) -> None:
    write(project, "src/a.js", JS)
    write(project, "coverage/lcov.info", lcov("src/a.js", (1, 1)))
    commit(project, days_ago=700)
    write(project, "src/a.js", JS + "\n")
    commit(project)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{project}", str(tmp_path / "clone"))
    found = evidence(tmp_path / "clone")["test_coverage"]
    assert not found.measured
    assert "shallow" in found.detail


def test_a_time_without_an_offset_counts(project: Path) -> None:
    write(project, "a.py", PY)
    write(project, "coverage.json", json.dumps({
        "meta": {"timestamp": "2024-03-01T10:00:00.123456"},
        "files": {"a.py": {"executed_lines": [1], "missing_lines": []}},
        "totals": {"covered_lines": 1, "num_statements": 1},
    }))  # fmt: skip
    assert evidence(project)["test_coverage"].age_s > 90 * DAY_S


# --- what is seen -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["build", "coverage", "virtualenv", "env", "target", "out", "dist", "vendor"])
@pytest.mark.parametrize("place", ["src/", ""])
@pytest.mark.parametrize("is_tracked", [True, False])
def test_a_package_may_be_called_as_an_output_is(project: Path, name: str, place: str, is_tracked: bool) -> None:
    write(project, "pyproject.toml", f'[project]\nname = "{name}"\n')
    write(project, f"{place}{name}/__init__.py", PY)
    write(project, f"{place}{name}/env.py", PY)
    write(project, "tests/test_build.py", "def test_a() -> None:\n    assert True\n")
    files: dict[str, object] = {f"{place}{name}/{file}.py": {} for file in ("__init__", "env")}
    write(project, "coverage.json", json.dumps({"files": files, "totals": {"covered_lines": 3, "num_statements": 4}}))
    if is_tracked:
        commit(project)
    found = evidence(project)
    assert found["test_coverage"].value == 75
    assert found["tests_present"].detail == "1 test files, 2 source files"


def test_what_is_installed_built_ignored_or_another_repository_is_not_seen(project: Path) -> None:
    write(project, "app/main.py", PY)
    write(project, ".gitignore", "generated_here/\n*.local.py\n")
    commit(project)
    for path in (
        "node_modules/a/index.js", "venv/lib/x.py", "env/lib/x.py", "build/lib/app/main.py", "dist/app.js",
        "generated_here/x.py", "settings.local.py", "vendor/github.com/a/a.go", "coverage/lcov-report/prettify.js",
        "app/api_pb2.py", "static/bundle.min.js", "other/x.py",
    ):  # fmt: skip
        write(project, path, PY if path.endswith("py") else JS)
    write(project, "env/pyvenv.cfg", "home = /usr\n")
    write(project, "vendor/modules.txt", "# a\n")
    git(project / "other", "init", "--quiet")
    place = look(project, [project.parent])
    assert [file.path for file in place.sources()] == ["app/main.py"]


def test_gitattributes_say_what_is_of_others(project: Path) -> None:
    attributes = (
        "*.snap.js linguist-generated\nlib/jquery/** text linguist-vendored=true\n/api/ linguist-generated=true\n"
    )
    write(project, ".gitattributes", f"{attributes}own.js linguist-generated=false\n# a.js linguist-vendored\n")
    for path in ("a.js", "own.js", "x/b.snap.js", "lib/jquery/core/c.js", "api/d.js"):
        write(project, path, JS)
    place = look(project, [project.parent])
    assert [file.path for file in place.sources()] == ["a.js", "own.js"]


def test_generated_code_says_so_itself(project: Path) -> None:
    branches = "".join(f"    if a == {number}:\n        return {number}\n" for number in range(20))
    write(project, "app/main.py", PY)
    write(project, "app/tables.py", f"# Code generated by a tool. DO NOT EDIT.\ndef tangle(a):\n{branches}")
    assert value(project, "complexity") == 0


def test_a_directory_within_a_project_is_the_project(project: Path) -> None:
    write(project, "pyproject.toml", '[project]\nname = "shop"\n')
    write(project, "README.md", "A shop that sells lanterns.\n")
    write(project, "src/shop/cart.py", PY)
    assert look(project / "src", [project.parent]).root == project
    assert value(project / "src/shop", "readme") == 5


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("shop/tests.py", "shop/models.py"), ("test/app.e2e-spec.ts", "src/app.ts"),
        ("cypress/e2e/login.cy.ts", "src/app.ts"), ("playwright/login.e2e.ts", "src/app.ts"),
        ("test.mjs", "index.mjs"), ("src/test/java/org/x/CartTest.java", "src/main/java/org/x/Cart.java"),
        ("spec/cart_spec.rb", "lib/cart.rb"), ("tests/CartTest.php", "src/Cart.php"),
        ("Shop.Tests/CartTests.cs", "Shop/Cart.cs"), ("tests/cart_test.cpp", "src/cart.cpp"),
    ],
)  # fmt: skip
def test_tests_are_known_by_the_conventions_of_their_frameworks(project: Path, path: str, source: str) -> None:
    write(project, path, "x\n")
    write(project, source, "x\n")
    assert evidence(project)["tests_present"].detail == "1 test files, 1 source files"


def test_a_readme_may_be_a_link_or_lie_where_hosts_look(project: Path) -> None:
    write(project, "pkg/README.md", "One two three.\n")
    (project / "README.md").symlink_to("pkg/README.md")
    assert value(project, "readme") == 3
    (project / "README.md").unlink()
    write(project, ".github/README.md", "One two.\n")
    assert value(project, "readme") == 2
    (project / ".github/README.md").unlink()
    (project / "README.md").symlink_to("/etc/passwd")
    assert not evidence(project)["readme"].measured


# --- tests that ran -----------------------------------------------------------------------------


def test_failing_shards_are_added_and_never_hidden(project: Path) -> None:
    write(project, "app/main.py", PY, age_s=5000)
    write(project, "reports/junit-integration.xml", junit(FAILED.format("t", 1), FAILED.format("t", 2)), age_s=60)
    write(project, "reports/junit-unit.xml", junit(OK.format("t", 1), OK.format("t", 2)))
    assert value(project, "tests_passed") == 0.5
    assert evidence(project)["tests_passed"].detail == "2 of 2 passed; 0 of 2 passed"
    shutil.rmtree(project / "reports")
    write(project, "build/test-results/TEST-A.xml", junit(FAILED.format("A", 1)), age_s=60)
    write(project, "build/test-results/TEST-B.xml", junit(OK.format("B", 1)))
    assert value(project, "tests_passed") == 0.5


@pytest.mark.parametrize(
    ("cases", "share"),
    [
        (('<testcase name="ok1"/>', '<testcase name="ok2"/>', '<testcase name="b"><failure/><failure/><failure/></testcase>'), 0.6667),
        (('<testcase classname="m" name="a"><failure/></testcase>', '<testcase classname="m" name="a"><error/></testcase>', '<testcase classname="m" name="b"/>'), 0.5),
        (('<testcase name="DISABLED_b" status="notrun" result="suppressed"/>', '<testcase name="DISABLED_c" status="notrun"/>', '<testcase name="a"/>'), 1),
        (('<testcase name="a"><flakyFailure/></testcase>', '<testcase name="b"><skipped/></testcase>'), 1),
    ],
)  # fmt: skip
def test_a_test_counts_once_and_only_if_it_ran(project: Path, cases: tuple[str, ...], share: float) -> None:
    write(project, "app/main.py", PY)
    write(project, "junit.xml", junit(*cases))
    assert value(project, "tests_passed") == share


def test_skipped_tests_have_not_passed_whatever_pytests_cache_says(project: Path) -> None:
    write(project, "tests/test_a.py", "x = 1\n", age_s=60)
    skipped = [f'<testcase classname="tests.test_a" name="t{number}"><skipped/></testcase>' for number in range(10)]
    write(project, "junit.xml", junit(*skipped), age_s=5)
    write(project, ".pytest_cache/v/cache/nodeids", json.dumps([f"tests/test_a.py::t{number}" for number in range(10)]))
    found = evidence(project)["tests_passed"]
    assert not found.measured
    assert "none of them ran" in found.detail


def test_a_linters_junit_is_no_test(project: Path) -> None:
    write(project, "src/a.ts", JS)
    write(project, "reports/eslint-junit.xml", junit(FAILED.format("a", 1)))
    write(project, "reports/unit.xml", junit(OK.format("a", 1)))
    assert value(project, "tests_passed") == 1


def test_reports_of_dotnet_projects_lie_below_each(project: Path) -> None:
    write(project, "src/Shop/Shop.csproj", "<Project/>")
    write(project, "src/Shop/Cart.cs", JS)
    write(project, "tests/Shop.Tests/Shop.Tests.csproj", "<Project/>")
    cobertura = """<coverage lines-valid="2" lines-covered="1" timestamp="{stamp}"><sources><source>/home/runner/work/</source>
</sources><packages><package><classes><class filename="src/Shop/Cart.cs"><lines><line number="1" hits="1"/>
<line number="2" hits="0"/></lines></class></classes></package></packages></coverage>"""
    path = "tests/Shop.Tests/TestResults/0b6c/coverage.cobertura.xml"
    write(project, path, cobertura.format(stamp=f"{time.time():.0f}"))
    assert value(project, "test_coverage") == 50


def test_results_of_other_ecosystems_are_read(project: Path) -> None:
    write(project, "src/main/java/org/x/Cart.java", "class Cart {}\n")
    write(project, "src/test/java/org/x/CartTest.java", "class CartTest {}\n")
    write(project, "pom.xml", "<project/>")
    write(project, "target/surefire-reports/TEST-org.x.CartTest.xml", junit(OK.format("org.x.CartTest", 1)))
    write(project, "target/failsafe-reports/TEST-org.x.CartIT.xml", junit(FAILED.format("org.x.CartTest", 1)))
    assert value(project, "tests_passed") == 0.5
    write(project, "TestResults/run.trx", '<TestRun><Results><UnitTestResult outcome="Passed"/></Results></TestRun>')
    assert value(project, "tests_passed") == 0.6667


# --- coverage -----------------------------------------------------------------------------------

CLOVER = """<?xml version="1.0"?><coverage generated="{stamp}" clover="3.2.0"><project><file name="a.js" path="{path}">
<line num="1" count="1" type="stmt"/><line num="2" count="0" type="stmt"/><line num="1" count="1" type="method"/>
</file></project></coverage>"""
FINAL = {"statementMap": {"0": {"start": {"line": 1}}, "1": {"start": {"line": 2}}}, "s": {"0": 3, "1": 0}}
JACOCO = """<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="x">
<sessioninfo id="a" start="1" dump="{stamp}"/><package name="org/x"><sourcefile name="Cart.java">
<line nr="3" mi="0" ci="2"/><line nr="4" mi="3" ci="0"/></sourcefile></package></report>"""
NOW_MS = f"{time.time() * 1000:.0f}"


@pytest.mark.parametrize(
    ("source", "path", "content"),
    [
        ("src/a.js", "coverage/clover.xml", CLOVER.format(stamp=NOW_MS, path="src/a.js")),
        ("src/a.js", "coverage/coverage-final.json", json.dumps({"src/a.js": FINAL})),
        ("lib/a.js", "coverage/lcov.info", "SF:lib/a.js\nDA:1,1\nDA:2,0\nend_of_record"),
        ("src/a.js", "coverage/lcov.info", lcov("/app/src/a.js", (1, 1), (2, 0))),
        ("src/a.ts", "coverage/lcov.info", lcov("src\\a.ts", (1, 1), (2, 0))),
        ("src/main/java/org/x/Cart.java", "target/site/jacoco/jacoco.xml", JACOCO.format(stamp=NOW_MS)),
        ("src/main/java/org/x/Cart.java", "build/reports/jacoco/test/jacocoTestReport.xml", JACOCO.format(stamp=NOW_MS)),
        ("lib/cart.rb", "coverage/.resultset.json", '{"RSpec": {"coverage": {"lib/cart.rb": {"lines": [1, 0, null]}}}}'),
        ("src/Cart.php", "build/logs/clover.xml", CLOVER.format(stamp=NOW_MS, path="src/Cart.php")),
    ],
)  # fmt: skip
def test_every_tools_coverage_is_read(project: Path, source: str, path: str, content: str) -> None:
    write(project, source, JS)
    write(project, path, content)
    assert value(project, "test_coverage") == 50


def test_coverage_of_a_file_in_several_reports_is_the_union_of_its_lines(project: Path) -> None:
    for name in ("a", "b"):
        write(project, f"{name}.js", JS)
    whole = lcov("a.js", (1, 1), (2, 0)) + lcov("b.js", (1, 1), (2, 1)) + lcov("a.js", (1, 0), (2, 1))
    write(project, "lcov.info", whole)
    assert value(project, "test_coverage") == 100
    (project / "lcov.info").unlink()
    write(project, "coverage/lcov-1.info", lcov("a.js", (1, 1), (2, 0)) + lcov("b.js", (1, 1), (2, 1)))
    write(project, "coverage/lcov-2.info", lcov("a.js", (1, 0), (2, 1)))
    assert value(project, "test_coverage") == 100


def test_coverage_of_a_few_files_is_not_that_of_all(project: Path) -> None:
    for number in range(20):
        write(project, f"app/m{number}.py", PY)
    files = {"app/m0.py": {"executed_lines": list(range(1, 11)), "missing_lines": []}}
    write(project, "coverage.json", json.dumps({"files": files, "totals": {"covered_lines": 10, "num_statements": 10}}))
    found = evidence(project)["test_coverage"]
    assert found.value < 10
    assert found.detail == "10 of 10 lines, in 1 of 20 files"


def test_each_package_of_a_repository_is_measured_where_it_is(project: Path) -> None:
    write(project, "packages/foo/package.json", '{"name": "foo"}')
    write(project, "packages/foo/src/index.ts", JS)
    write(project, "packages/foo/coverage/lcov.info", lcov("src/index.ts", (1, 1), (2, 1), (3, 0)))
    write(project, "backend/pyproject.toml", '[project]\nname = "backend"\ndependencies = ["rich"]\n')
    write(project, "backend/app/main.py", PY)
    write(project, "backend/uv.lock", UV_LOCK.format(name="backend", source="."))
    files = {"app/main.py": {"executed_lines": [1], "missing_lines": []}}
    write(
        project,
        "backend/coverage.json",
        json.dumps({"files": files, "totals": {"covered_lines": 1, "num_statements": 1}}),
    )
    write(project, "backend/junit.xml", junit(OK.format("app.main", 1)))
    write(project, "frontend/package.json", '{"name": "frontend", "dependencies": {"ms": "^2.1.0"}}')
    found = evidence(project)
    assert found["test_coverage"].value == 75
    assert found["tests_passed"].value == 1
    assert found["dependencies"].value == 0.5
    assert "backend/uv.lock" in found["dependencies"].source


def test_modules_of_a_go_workspace_are_measured(project: Path) -> None:
    write(project, "go.work", "go 1.22\nuse ./svc\n")
    write(project, "svc/go.mod", "module example.com/m/svc\n")
    write(project, "svc/main.go", "package main\n")
    write(
        project,
        "coverage.txt",
        "mode: set\nexample.com/m/svc/main.go:1.1,2.2 3 1\nexample.com/m/svc/main.go:3.1,4.2 1 0\n",
    )
    assert value(project, "test_coverage") == 75


# --- dependencies -------------------------------------------------------------------------------

UV_LOCK = """version = 1
[[package]]
name = "{name}"
version = "1"
source = {{ virtual = "{source}" }}
[package.metadata]
requires-dist = [{{ name = "rich" }}]
"""
MS = {"dependencies": {"ms": "^2.1.0"}}
NPM = {"packages": {"": {"workspaces": ["packages/*"]}, "packages/foo": {"name": "foo", **MS}}}
PNPM = "importers:\n\n  .:\n    dependencies:\n      ms:\n        specifier: ^2.1.0\n        version: 2.1.3\n"
BUN = '{"lockfileVersion": 1, "workspaces": {"": {"name": "shop", "dependencies": {"ms": "^2.1.0",},},},}'
PDM = '[[package]]\nname = "rich"\nversion = "13"\n'


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"package.json": MS, "bun.lock": BUN}, 1),
        ({"pyproject.toml": '[project]\nname = "a"\ndependencies = ["rich"]\n', "pdm.lock": PDM}, 1),
        ({"pyproject.toml": '[project]\nname = "a"\ndependencies = ["rich"]\n', "pylock.toml": PDM.replace("package", "packages")}, 1),
        ({"Pipfile": '[packages]\nrich = "*"\n', "Pipfile.lock": '{"default": {"rich": {}}}'}, 1),
        ({"package.json": {"packageManager": "pnpm@9.12.0", **MS}, "pnpm-lock.yaml": PNPM, "package-lock.json": {"packages": {"": {}}}}, 1),
        ({"package.json": {"workspaces": ["packages/*"]}, "packages/foo/package.json": MS, "package-lock.json": NPM}, 1),
        ({"package.json": {"workspaces": ["packages/*"]}, "packages/foo/package.json": MS}, 0),
        ({"package.json": {"workspaces": ["packages/*"]}, "packages/foo/package.json": {"dependencies": {"ms": "^3"}}, "package-lock.json": NPM}, 0.5),
        ({"package.json": {**MS, "resolutions": {"ms": "2.1.2"}}, "yarn.lock": '"ms@npm:2.1.2":\n  version: 2.1.2\n'}, 1),
        ({"pyproject.toml": '[project]\nname = "a"\ndependencies = ["rich"]\n[tool.uv.workspace]\nmembers = ["m"]\n',
          "m/pyproject.toml": '[project]\nname = "m"\ndependencies = ["rich"]\n',
          "uv.lock": UV_LOCK.format(name="a", source=".") + UV_LOCK.format(name="m", source="m").partition("\n")[2]}, 1),
        ({"Cargo.toml": '[workspace]\nmembers = ["m"]\n[workspace.dependencies]\nfoo = { path = "real-foo", package = "real-foo" }\n',
          "m/Cargo.toml": '[package]\nname = "m"\n[dependencies]\nfoo = { workspace = true }\n',
          "Cargo.lock": '[[package]]\nname = "m"\nversion = "1"\ndependencies = ["real-foo"]\n'}, 1),
    ],
)  # fmt: skip
def test_locks_are_compared_as_their_tools_write_them(project: Path, files: dict[str, object], share: float) -> None:
    for path, content in files.items():
        write(project, path, content if isinstance(content, str) else json.dumps(content))
    assert value(project, "dependencies") == share


def test_a_package_beside_a_workspace_needs_no_lock_of_it(project: Path) -> None:
    write(project, "package.json", json.dumps({"workspaces": ["packages/*", "!packages/old"]}))
    write(project, "packages/foo/package.json", json.dumps(MS))
    write(project, "packages/old/package.json", json.dumps({"dependencies": {"left-pad": "^1"}}))
    write(project, "playground/package.json", json.dumps({"dependencies": {"left-pad": "^1"}}))
    write(project, "package-lock.json", json.dumps(NPM))
    assert value(project, "dependencies") == 1


@pytest.mark.parametrize("lock", ["package-lock.json", "pnpm-lock.yaml"])
def test_a_member_of_a_workspace_has_the_lock_above_it(project: Path, lock: str) -> None:
    write(project, "package.json", json.dumps({"workspaces": ["packages/*"]}))
    write(project, "packages/foo/package.json", json.dumps(MS))
    pnpm = PNPM.replace("  .:", "  packages/foo:")
    write(project, lock, json.dumps(NPM) if lock.endswith("json") else pnpm)
    git(project, "init", "--quiet")
    assert value(project / "packages/foo", "dependencies") == 1


def test_a_library_needs_no_lock_and_is_not_told_to_have_one(project: Path) -> None:
    write(
        project,
        "pyproject.toml",
        '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "a"\ndependencies = ["rich"]\n',
    )
    write(project, "src/a/__init__.py", PY)
    found = evidence(project)["dependencies"]
    assert (found.measured, found.applies) == (False, False)


def test_poetry_without_a_table_of_its_own_is_compared(project: Path) -> None:
    manifest = '[project]\nname = "a"\nrequires-python = ">=3.12"\ndependencies = ["rich"]\n'
    write(project, "pyproject.toml", manifest)
    relevant = {"project": {"requires-python": ">=3.12", "dependencies": ["rich"]}, "tool": {"poetry": {}}}
    import hashlib

    content_hash = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    write(project, "poetry.lock", f'[[package]]\nname = "rich"\n[metadata]\ncontent-hash = "{content_hash}"\n')
    assert value(project, "dependencies") == 1


# --- git ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "is_good"),
    [
        ("修复购物车在空列表时的崩溃问题", True), ("カートの合計が間違っていたのを直す", True), ("wip", False),
        ("Add a retry with backoff to the client that uploads large files (#12345)", True), ("asdf", False),
        ("update code", False), ("more changes", False), ("minor changes", False), ("final final", False),
        ("Fix the crash of an empty cart", True), ("fix: typo", True), ("Update dependencies of the gateway", True),
        ("x" * 80 + " too long", False), ("fix stuff", False), ("🚀 🚀", False), ("1.2 3", False), ("Add files via upload", False), ("feat!: drop Python 3.8", True), ("docs(readme): say how to install", True),
    ],
)  # fmt: skip
def test_subjects_say_what_changed_in_any_script(project: Path, subject: str, is_good: bool) -> None:
    write(project, "a.py", PY)
    commit(project, subject)
    assert value(project, "commit_subjects") == is_good


def test_a_shallow_clone_does_not_tell_activity(project: Path, tmp_path: Path) -> None:
    write(project, "a.py", PY)
    for day in range(12):
        commit(project, f"Add part {day} of the cart", days_ago=12 - day)
    assert value(project, "active_days") == 12
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{project}", str(tmp_path / "clone"))
    found = scored(tmp_path / "clone")
    active = next(row for row in found.components if row.component.name == "active_days")
    assert not active.evidence.measured
    assert "shallow" in active.evidence.detail
    assert not [each for each in found.recommendations if each.component == "active_days"]


def test_a_wrapper_script_has_no_secret(project: Path) -> None:
    write(project, "mvnw", 'case "${NEXUS_PASSWORD:+is-set-here}" in\n: "${TOKEN:?must be set}"\n')
    write(project, "ci.yml", "token: ${{ secrets.DEPLOY_TOKEN }}\n")
    commit(project)
    assert value(project, "secrets") == 0


def test_a_repository_without_commits_is_told_to_make_one(project: Path) -> None:
    write(project, "a.py", PY)
    git(project, "init", "--quiet")
    assert evidence(project)["commit_subjects"].detail == "no commits yet; make one"


# --- linters and languages ----------------------------------------------------------------------


def sarif(tool: str, *levels: str, path: str = "src/a.go") -> str:
    place = {"physicalLocation": {"artifactLocation": {"uri": path}}}
    results = [{"level": level, "locations": [place]} for level in levels]
    return json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": tool}}, "results": results}]})


@pytest.mark.parametrize(
    ("source", "path", "content", "findings"),
    [
        ("src/a.go", "golangci.sarif", sarif("golangci-lint", "error", "warning", "note"), 2),
        ("src/a.go", "golangci-lint.json", '{"Issues": [{"Pos": {"Filename": "src/a.go"}}]}', 1),
        ("src/a.go", "golangci-lint.json", '{"Issues": null}', 0),
        ("src/a.rs", "clippy.json", '{"reason": "compiler-message", "message": {"level": "warning", "spans": [{"file_name": "src/a.rs"}]}}\n', 1),
        ("src/a.rs", "clippy.json", '{"reason": "build-finished", "success": true}\n', 0),
        ("A.java", "target/checkstyle-result.xml", '<checkstyle><file name="A.java"><error severity="error"/></file></checkstyle>', 1),
        ("a.rb", "rubocop.json", '{"files": [{"path": "a.rb", "offenses": [{}, {}]}]}', 2),
    ],
)  # fmt: skip
def test_linters_of_all_languages_are_read(project: Path, source: str, path: str, content: str, findings: int) -> None:
    write(project, source, "x\n" * 20)
    write(project, path, content)
    assert value(project, "lint") == pytest.approx(1000 * findings, rel=0.01)


def test_a_linter_that_now_finds_nothing_earns_more(project: Path) -> None:
    typed = "".join(f"def f{number}(a: int) -> int:\n    return a\n" for number in range(550))
    write(project, "big.py", typed, age_s=60)
    write(project, "mypy.json", '{"file": "big.py", "severity": "error"}\n')
    before = scored(project).overall
    write(project, "mypy.json", "")
    assert scored(project).overall > before


@pytest.mark.parametrize(
    ("files", "absent"),
    [
        ({"go.mod": "module example.com/m\n", "main.go": "package main\n"}, {"types", "annotations", "docstrings", "security_lint"}),
        ({"Cargo.toml": '[package]\nname = "a"\n', "src/main.rs": "fn main() {}\n"}, {"types", "annotations", "docstrings", "security_lint"}),
        ({"pom.xml": "<project/>", "src/main/java/A.java": "class A {}\n"}, {"types", "dependencies", "docstrings", "security_lint"}),
        ({"package.json": "{}", "index.ts": JS}, {"docstrings", "security_lint"}),
    ],
)  # fmt: skip
def test_what_a_language_cannot_have_is_neither_weighed_nor_advised(
    project: Path, files: dict[str, str], absent: set[str]
) -> None:
    for path, content in files.items():
        write(project, path, content)
    found = scored(project)
    weights = {row.component.name: row.weight for row in found.components}
    assert {name for name in absent if weights[name]} == set()
    assert sum(weights.values()) == pytest.approx(100, abs=0.01)
    text = " ".join(each.text for each in found.recommendations)
    assert "bandit" not in text
    assert "permission" not in text
    assert len(found.recommendations) == 3


def test_notebooks_are_not_told_to_write_tests(project: Path) -> None:
    for number in range(4):
        write(project, f"notebooks/{number}.ipynb", "{}")
    write(project, "notebooks/helpers.py", PY)
    found = scored(project)
    assert {row.component.name for row in found.components if row.weight} & {"tests_present", "test_coverage"} == set()


def test_a_list_of_text_is_no_code_and_scores_below_any_code(project: Path, tmp_path: Path) -> None:
    write(project, "README.md", "A list of strings. " * 100)
    write(project, "strings.txt", "undefined\nnull\n" * 5000)
    write(project, "scripts/convert.py", PY)
    write(project, "package.json", '{"name": "strings"}')
    commit(project)
    neglected = tmp_path / "neglected"
    write(neglected, "app.js", JS * 30)
    write(neglected, "package.json", json.dumps({"dependencies": {"ms": "^2"}}))
    commit(neglected, "wip", days_ago=400)
    assert scored(project).overall < scored(neglected).overall
    assert "no code" in scored(project).summary


# --- what is no secret, and what is ---------------------------------------------------------------

TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("pom.xml", '<replace token="$next-version$" value="$1"/>\n', 0), ("urls.py", 'URL("https://jo:a%20secret@host.org")\n', 0),
        ("docs/clients.md", "httpx.Client(auth=('tom', 'mot123'))\npassword = 'hunter2!x'\n", 0),
        ("crud.py", 'DUMMY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$MjQyZWE1MzBjYjJlZTI0Yw$YTU4NGM5ZTZmYjE2NzZlZjY0ZWY3"\n', 0),
        ("docs/clients.md", f"export TOKEN={TOKEN}\n", 1), ("crud.py", f'example = "{TOKEN}"\n', 1), ("settings.py", "password = 'hunter2!x'\n", 1),
    ],
)  # fmt: skip
def test_what_a_document_shows_is_no_secret_and_a_token_always_is(
    project: Path, path: str, text: str, count: int
) -> None:
    write(project, path, text)
    commit(project)
    assert value(project, "secrets") == count


def test_a_lock_is_as_old_as_its_commit(project: Path, tmp_path: Path) -> None:
    write(project, "requirements.txt", "rich==13.0\n")
    commit(project, days_ago=40)
    git(tmp_path, "clone", "--quiet", f"file://{project}", str(tmp_path / "clone"))
    assert "locked 40 days ago" in evidence(tmp_path / "clone")["dependencies"].detail


def test_documents_are_advised_only_what_documents_can_have(project: Path) -> None:
    write(project, "README.md", "A list. " * 10)
    write(project, "list.txt", "undefined\n" * 5000)
    commit(project)
    advised = {each.component for each in scored(project).recommendations}
    assert advised <= {"readme", "continuous_integration"}
    assert "readme" in advised
