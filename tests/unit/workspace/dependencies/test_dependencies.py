"""Whether locks agree with manifests, in the words of each tool's own files."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.workspace.dependencies.lock_status import dependency_files
from services.workspace.dependencies.manifests import LOCK_MAX_BYTES, DependencyFile

PYPROJECT = """
[project]
name = "segue"
version = "1"
dependencies = ["Ruff>=0.17, <1", "mypy[faster]==2.4 ; python_version > '3'", "near @ file:///near"]
[project.optional-dependencies]
extra = ["pytest"]
[dependency-groups]
dev = ["tox>=4", {include-group = "other"}]
other = []
"""
UV_LOCK = """
version = 1
[[package]]
name = "ruff"
version = "0.17.1"
source = { registry = "https://example.org" }

[[package]]
name = "segue"
version = "1"
source = { editable = "." }
dependencies = [{ name = "ruff" }]

[package.metadata]
requires-dist = [
    { name = "mypy", extras = ["faster"], marker = "python_full_version >= '3'", specifier = "==2.4" },
    { name = "near", directory = "near" },
    { name = "pytest", marker = "extra == 'extra'" },
    { name = "ruff", specifier = ">=0.17,<1" },
]

[package.metadata.requires-dev]
dev = [{ name = "tox", specifier = ">=4" }]

[[package]]
name = "tox"
version = "4.1"
"""
PACKAGE = {"dependencies": {"left-pad": "^1.0.0"}, "devDependencies": {"@types/node": "20"}}
NPM_LOCK = {"lockfileVersion": 3, "packages": {"": PACKAGE, "node_modules/left-pad": {"version": "1.0.0"}}}
YARN_LOCK = '"@types/node@20":\n  version "20.1"\n\nleft-pad@^1.0.0, left-pad@^1.1.0:\n  version "1.1.0"\n'
PNPM_LOCK = """lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      left-pad:
        specifier: ^1.0.0
        version: 1.3.0
    devDependencies:
      '@types/node':
        specifier: '20'
        version: 20.1.0

packages:

  left-pad@1.3.0: {}
"""
CARGO = """
[package]
name = "segue"
[dependencies]
serde = "1"
json = { package = "serde_json", version = "1" }
[target.'cfg(unix)'.dev-dependencies]
nix = "0.29"
"""
CARGO_LOCK = """
[[package]]
name = "segue"
version = "0.1.0"
dependencies = [
 "nix 0.29.0",
 "serde",
 "serde_json",
]

[[package]]
name = "serde"
version = "1.0.0"
source = "registry+https://example.org"
dependencies = []
"""
GO_MOD = """module example.org/segue
go 1.23
require example.org/one v1.2.3
require (
	example.org/two v0.1.0 // indirect
	example.org/near v0.0.0
)
replace example.org/near => ./near
"""
GO_SUM = "example.org/one v1.2.3 h1:x=\nexample.org/one v1.2.3/go.mod h1:x=\nexample.org/two v0.1.0/go.mod h1:x=\n"


@dataclass(frozen=True)
class Pair:
    """A manifest and its lock that agree, and what to replace in the manifest to make the lock stale."""

    ecosystem: str
    manifest: str
    content: str
    lock: str
    locked: str
    changes: tuple[tuple[str, str], ...]


PACKAGE_CHANGES = (("^1.0.0", "^2.0.0"), ("left-pad", "right-pad"))
PAIRS = [
    Pair("uv", "pyproject.toml", PYPROJECT, "uv.lock", UV_LOCK, (("Ruff>=0.17", "ruff>=0.18"), ("tox>=4", "nox"))),
    Pair("npm", "package.json", json.dumps(PACKAGE), "package-lock.json", json.dumps(NPM_LOCK), PACKAGE_CHANGES),
    Pair("npm", "package.json", json.dumps(PACKAGE), "yarn.lock", YARN_LOCK, PACKAGE_CHANGES),
    Pair("npm", "package.json", json.dumps(PACKAGE), "pnpm-lock.yaml", PNPM_LOCK, PACKAGE_CHANGES),
    Pair("cargo", "Cargo.toml", CARGO, "Cargo.lock", CARGO_LOCK, (("serde_json", "simd-json"), ('serde = "1"\n', ""))),
    Pair("go", "go.mod", GO_MOD, "go.sum", GO_SUM, (("v1.2.3", "v1.3.0"), ("two v0.1.0", "three v0.1.0"))),
    Pair("pip", "requirements.in", "Ruff>=0.17\n# x\n", "requirements.txt", "ruff==0.17.1 \\\n", (("Ruff", "mypy"),)),
]
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.lock)


def laid(directory: Path, pair: Pair) -> DependencyFile:
    (directory / pair.manifest).write_text(pair.content)
    (directory / pair.lock).write_text(pair.locked)
    (found,) = dependency_files(directory)
    return found


@every_pair
def test_a_lock_made_from_its_manifest_agrees(tmp_path: Path, pair: Pair) -> None:
    assert laid(tmp_path, pair) == DependencyFile(pair.ecosystem, pair.manifest, pair.lock, "agrees", None)


@every_pair
def test_a_manifest_that_was_changed_since_makes_the_lock_stale(tmp_path: Path, pair: Pair) -> None:
    for old, new in pair.changes:
        found = laid(tmp_path, replace(pair, content=pair.content.replace(old, new)))
        assert (found.status, bool(found.reason)) == ("stale", True), (old, new)


@every_pair
def test_a_lock_of_another_form_is_unknown_and_never_an_error(tmp_path: Path, pair: Pair) -> None:
    for locked in (
        "",
        "\0",
        "[" * 50_000,
        "{}",
        "[1]",
        '{"packages": 3}',
        '[[package]]\nsource = { virtual = "." }\nx',
    ):
        found = laid(tmp_path, replace(pair, locked=locked))
        assert found.status in {"unknown", "stale"}
        assert found.reason


@every_pair
def test_a_lock_that_is_too_large_is_not_read(tmp_path: Path, pair: Pair) -> None:
    laid(tmp_path, pair)
    with (tmp_path / pair.lock).open("r+b") as lock:
        lock.truncate(LOCK_MAX_BYTES + 1)
    (found,) = dependency_files(tmp_path)
    assert found.status == "unknown"


@pytest.mark.parametrize("pair", PAIRS[:-1], ids=lambda pair: pair.lock)
def test_a_manifest_without_its_lock_misses_it_if_it_requires_anything(tmp_path: Path, pair: Pair) -> None:
    laid(tmp_path, pair)
    (tmp_path / pair.lock).unlink()
    (found,) = dependency_files(tmp_path)
    assert (found.status, found.lock) == ("missing lock", None)
    nothing = {"package.json": '{"name": "x"}', "go.mod": "module x\n"}.get(pair.manifest, '[package]\nname = "x"\n')
    (tmp_path / pair.manifest).write_text(nothing)
    assert dependency_files(tmp_path)[0].status == "agrees"


def test_poetry_is_compared_by_its_own_hash(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.poetry.dependencies]\npython = "^3.11"\nruff = "^0.17"\n')
    content = {"dependencies": {"python": "^3.11", "ruff": "^0.17"}, "dev-dependencies": None}
    content |= {"extras": None, "source": None}
    made = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    lock = f'[[package]]\nname = "ruff"\n\n[metadata]\ncontent-hash = "{made}"\n'
    for text, status in ((lock, "agrees"), (lock.replace(made, "0"), "unknown"), (lock.replace("ruff", "x"), "agrees")):
        (tmp_path / "poetry.lock").write_text(text)
        assert dependency_files(tmp_path)[0].status == status
    (tmp_path / "poetry.lock").write_text(lock.replace(made, "0").replace("ruff", "mypy"))
    assert dependency_files(tmp_path)[0] == DependencyFile(
        "poetry", "pyproject.toml", "poetry.lock", "stale", "ruff is not in poetry.lock"
    )


@pytest.mark.parametrize("place", ["requirements", "deploy/requirements"])
def test_requirements_compiled_from_the_manifest_stand_in_for_a_lock(tmp_path: Path, place: str) -> None:
    extras = '[project.optional-dependencies]\nall = ["shop[web]"]\nweb = ["flask"]\n'
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "shop"\ndependencies = ["Rich>=1"]\n{extras}')
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "base.txt").write_text("rich==1.0 \\\n    --hash=sha256:x\n")
    (found,) = dependency_files(tmp_path)
    assert (found.status, found.lock, found.reason) == ("stale", place, f"flask is not in {place}")
    (tmp_path / place / "web.txt").write_text("Flask==3.0\n")
    assert dependency_files(tmp_path)[0].status == "agrees"


def test_requirements_are_a_lock_of_their_own_only_when_pinned(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r other.txt\nruff==1 --hash=sha256:x\n")
    (tmp_path / "requirements-dev.txt").write_text("mypy>=2\n")
    found = {each.lock: each.status for each in dependency_files(tmp_path)}
    assert found == {"requirements.txt": "agrees", "requirements-dev.txt": "missing lock"}


def test_a_directory_without_manifests_has_none(tmp_path: Path) -> None:
    assert dependency_files(tmp_path) == ()
    assert dependency_files(tmp_path / "missing") == ()


def test_a_lock_that_uv_wrote_agrees_until_the_manifest_changes(tmp_path: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "pyproject.toml").write_text('[project]\nname = "near"\nversion = "1"\n')
    manifest = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["near>=1"]\n'
    manifest += '[tool.uv.sources]\nnear = { path = "near" }\n'
    (tmp_path / "pyproject.toml").write_text(manifest)
    subprocess.run([uv, "lock", "--offline", "--quiet", "--no-cache"], cwd=tmp_path, check=True)
    assert dependency_files(tmp_path)[0].status == "agrees"
    (tmp_path / "pyproject.toml").write_text(manifest.replace('"near>=1"', '"near>=1", "ruff"'))
    assert dependency_files(tmp_path)[0].status == "stale"
