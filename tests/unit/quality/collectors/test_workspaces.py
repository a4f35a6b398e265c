"""Packages of workspaces, wherever one works in them, and locks as other tools write them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.quality.collectors.scan import look
from services.quality.tool_runs.toolbox import missing_tools
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import (
    JS,
    MS,
    PY,
    UV_LOCK,
    collected,
    evidence,
    git,
    lcov,
    scored,
    value,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


def fill(root: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        write(root, path, content)


CARGO = {
    "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nexclude = ["crates/old"]\nresolver = "2"\n'
    '[workspace.dependencies]\nserde = "1"\n',
    "crates/a/Cargo.toml": '[package]\nname = "a"\n[dependencies]\nserde = { workspace = true }\nb = { path = "../b" }\n',
    "crates/a/src/lib.rs": "pub fn a() {}\n",
    "crates/b/Cargo.toml": '[package]\nname = "b"\n[dependencies.itoa]\nversion = "1"\n[dev-dependencies]\nserde.workspace = true\n',
    "crates/b/src/main.rs": "fn main() {}\n",
    "Cargo.lock": '[[package]]\nname = "a"\nversion = "0.1.0"\ndependencies = ["b", "serde"]\n\n[[package]]\nname = "b"\n'
    'version = "0.1.0"\ndependencies = ["itoa", "serde"]\n',
}


def test_the_root_of_a_cargo_workspace_is_measured_by_its_members(project: Path) -> None:
    fill(project, CARGO)
    assert value(project, "dependencies") == 1
    write(project, "crates/a/Cargo.toml", CARGO["crates/a/Cargo.toml"] + 'rand = "0.8"\n')
    assert value(project, "dependencies") == 0.5
    assert "rand differs" in evidence(project)["dependencies"].detail
    (project / "Cargo.lock").unlink()
    assert not evidence(project)["dependencies"].value


def test_a_cargo_root_that_is_a_package_itself_is_one_of_them(project: Path) -> None:
    fill(project, CARGO)
    write(
        project,
        "Cargo.toml",
        '[package]\nname = "top"\n[dependencies]\na = { path = "crates/a" }\n' + CARGO["Cargo.toml"],
    )
    own = '\n[[package]]\nname = "top"\nversion = "0.1.0"\ndependencies = ["a"]\n'
    write(project, "Cargo.lock", CARGO["Cargo.lock"] + own)
    assert value(project, "dependencies") == 1
    write(project, "Cargo.lock", CARGO["Cargo.lock"])
    assert value(project, "dependencies") < 1


def test_coverage_of_a_cargo_workspace_is_that_of_its_crates(project: Path) -> None:
    fill(project, CARGO)
    write(
        project,
        "target/llvm-cov/lcov.info",
        lcov("/home/ci/x/crates/a/src/lib.rs", (1, 1)) + lcov("crates/b/src/main.rs", (1, 0)),
    )
    assert value(project, "test_coverage") == 50


@pytest.mark.parametrize("member", ["crates/a", "crates/b"])
def test_a_member_of_a_cargo_workspace_has_the_lock_above_it(project: Path, member: str) -> None:
    fill(project, CARGO)
    git(project, "init", "--quiet")
    found = evidence(project / member)["dependencies"]
    assert found.value == 1 or not found.applies, found.detail
    assert "no Cargo.lock" not in found.detail


def test_a_member_of_a_uv_workspace_has_the_lock_above_it(project: Path) -> None:
    tables = '[project]\nname = "{0}"\ndependencies = ["rich"]\n'
    fill(project, {
        "pyproject.toml": tables.format("a") + '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
        "packages/m/pyproject.toml": tables.format("m"), "packages/m/m.py": PY,
        "uv.lock": UV_LOCK.format(name="a", source=".") + UV_LOCK.format(name="m", source="packages/m").partition("\n")[2],
    })  # fmt: skip
    git(project, "init", "--quiet")
    assert value(project / "packages/m", "dependencies") == 1
    write(project, "packages/m/pyproject.toml", tables.format("m").replace("rich", "httpx"))
    assert value(project / "packages/m", "dependencies") == 0


@pytest.mark.parametrize(
    ("files", "applies"),
    [
        ({"environment.yml": "dependencies:\n  - numpy\n"}, False), ({"pom.xml": "<project/>"}, False),
        ({"CMakeLists.txt": "project(a)\n"}, False), ({}, True),
    ],
)  # fmt: skip
def test_a_manifest_without_a_lock_of_its_tool_is_not_asked_for_one(
    project: Path, files: dict[str, str], applies: bool
) -> None:
    write(project, "src/a.py", PY)
    fill(project, files)
    found = evidence(project)["dependencies"]
    assert (found.measured, found.applies) == (False, applies)


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"package.json": '{"dependencies": {"@types/node": "catalog:", "ms": "catalog:old"}}', "pnpm-lock.yaml":
          "importers:\n\n  .:\n    dependencies:\n      '@types/node':\n        specifier: 'catalog:'\n        version: 1\n      ms:\n        specifier: catalog:old\n        version: 1\n"}, 1),
        ({"go.mod": "module m\nrequire (\n\texample.org/a v1.2.3 // indirect\n)\ntool example.org/a/cmd\n", "go.sum": "example.org/a v1.2.3/go.mod h1:x=\n"}, 1),
        ({"requirements.in": "rich\n", "requirements.txt": "rich==13.0 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n    # via -r requirements.in\n"}, 1),
        ({"package.json": json.dumps(MS), "yarn.lock": '__metadata:\n  version: 8\n\n"ms@npm:^2.1.0":\n  version: 2.1.3\n'}, 1),
        ({"package.json": json.dumps({**MS, "resolutions": {"**/ms": "2.1.2"}}), "yarn.lock": "ms@2.1.2:\n  version: 2.1.2\n"}, 1),
        ({"package.json": json.dumps({**MS, "packageManager": "yarn@4.1.0"}), "yarn.lock": '"ms@npm:^2.1.0":\n', "package-lock.json": '{"packages": {"": {}}}'}, 1),
        ({"package.json": json.dumps({**MS, "packageManager": "bun@1.2.0"}), "bun.lock": '{"workspaces": {"": {"dependencies": {"ms": "^3"}}}}'}, 0),
    ],
)  # fmt: skip
def test_locks_of_other_kinds_are_compared(project: Path, files: dict[str, str], share: float) -> None:
    fill(project, files)
    assert value(project, "dependencies") == share


def test_a_rust_file_with_tests_inside_counts_as_a_test(project: Path) -> None:
    write(project, "Cargo.toml", '[package]\nname = "a"\n')
    write(project, "src/lib.rs", "pub fn a() {}\n#[cfg(test)]\nmod tests {}\n")
    assert evidence(project)["tests_present"].detail == "1 test files, 1 source files"


def test_blocks_of_go_that_several_packages_ran_count_once(project: Path) -> None:
    write(project, "go.mod", "module example.com/m\n")
    write(project, "a.go", "package m\n")
    block = "example.com/m/a.go:1.1,2.2 2 {0}\n"
    write(project, "cover.out", f"mode: set\n{block.format(0)}{block.format(1)}example.com/m/a.go:3.1,4.2 2 0\n")
    assert value(project, "test_coverage") == 50


# --- tools that do not run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "tool", "report"),
    [
        ({"manage.py": PY, "shop/tests.py": PY}, "Django", "junit.xml"), ({"pom.xml": "<project/>", "src/main/java/A.java": JS}, "Maven", "target/surefire-reports"),
        ({"build.gradle.kts": "", "src/main/kotlin/A.kt": JS}, "Gradle", "build/test-results"), ({"Shop/Shop.csproj": "", "Shop/A.cs": JS}, "dotnet", "trx"),
        ({"Gemfile": "", "lib/a.rb": "x\n"}, "Ruby", "rspec"), ({"composer.json": "{}", "src/A.php": "x\n"}, "PHP", "clover"),
        ({"CMakeLists.txt": "", "a.cpp": JS}, "CTest", "junit"), ({"package.json": '{"devDependencies": {"mocha": "1"}}'}, "mocha", "junit.xml"),
        ({"package.json": '{"devDependencies": {"@playwright/test": "1"}}'}, "playwright", "junit.xml"),
    ],
)  # fmt: skip
def test_why_a_projects_tests_do_not_run_is_said_with_what_to_do(
    project: Path, files: dict[str, str], tool: str, report: str
) -> None:
    fill(project, files)
    reasons = dict(missing_tools(look(project, [project.parent])))
    assert report in reasons[tool]
    assert "run_tools" not in " ".join(each.text for each in scored(project).recommendations)


# --- reports that are really made here ------------------------------------------------------------


def run(project: Path, *command: str, output: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, capture_output=True, check=False,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""},
    )  # fmt: skip
    if output:
        (project / output).write_bytes(done.stdout)


@pytest.mark.slow
def test_reports_of_the_tools_of_this_machine_are_read(project: Path) -> None:
    write(project, "pyproject.toml", '[project]\nname = "shop"\n')
    write(project, "shop/cart.py", "import os\n\n\ndef total(a: int) -> str:\n    return a\n", age_s=60)
    tests = "import pytest\n\n\ndef test_a(): pass\n\n\ndef test_b(): assert 0\n\n\n@pytest.mark.skip\ndef test_c(): assert 0\n\n\n"
    tests += "@pytest.fixture\ndef broken():\n    yield\n    assert 0\n\n\ndef test_d(broken): assert 0\n"
    write(project, "tests/test_cart.py", tests, age_s=60)
    run(project, "ruff", "check", "--isolated", "--output-format", "json", "shop", output="ruff.json")
    run(project, "mypy", "--output", "json", "--no-incremental", "shop", output="mypy.json")
    run(project, "pytest", "-q", "-p", "no:xdist", "--junit-xml=junit.xml", "-c", "pyproject.toml", "--rootdir", ".")
    found = collected(project).evidence
    lines = sum(file.stat().st_size for file in project.rglob("*.py")) / 40
    assert found["lint"].value == pytest.approx(1000 / lines, rel=0.01)
    assert found["types"].value == pytest.approx(1000 / lines, rel=0.01)
    assert found["tests_passed"].value == pytest.approx(1 / 3, abs=0.001)
    write(project, "shop/cart.py", "def total(a: int) -> int:\n    return a\n")
    run(project, "ruff", "check", "--isolated", "--output-format", "sarif", "shop", output="ruff.sarif")
    (project / "ruff.json").unlink()
    run(project, "mypy", "--output", "json", "--no-incremental", "shop", output="mypy.json")
    assert (value(project, "lint"), value(project, "types")) == (0, 0)
