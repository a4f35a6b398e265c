"""Locks as their tools really write them: what they change on the way, and what agrees by accident only."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from services.workspace.dependencies.lock_status import dependency_files


def status(root: Path, **files: object) -> tuple[str, str | None]:
    """The status of the only manifest and its reason, of files by name; two underscores are a dot."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (root / name.replace("__", ".").replace("_", "-")).write_text(text)
    (found,) = dependency_files(root)
    return found.status, found.reason


# --- pnpm: overrides and peers change what an importer has, configuration has a document of its own -----------

IMPORTER = "lockfileVersion: '9.0'\n\nOVERRIDESimporters:\n\n  .:\n    dependencies:\n{}\npackages:\n"
ENTRY = "      {}:\n        specifier: {}\n        version: 2.1.2\n"
CONFIGURATION = """---
lockfileVersion: '9.0'

importers:

  .:
    configDependencies:
      is-odd:
        specifier: 3.0.1
        version: 3.0.1

packages:

  is-odd@3.0.1: {}

---
"""


def pnpm_lock(*entries: tuple[str, str], overrides: str = "", before: str = "") -> str:
    lock = IMPORTER.format("".join(ENTRY.format(*each) for each in entries))
    return before + lock.replace("OVERRIDES", f"overrides:\n{overrides}\n" if overrides else "")


@pytest.mark.parametrize(
    ("manifest", "lock", "expected"),
    [
        ({"dependencies": {"ms": "^2.0.0"}}, pnpm_lock(("ms", "2.1.2"), overrides="  ms: 2.1.2\n"), "agrees"),
        ({"dependencies": {"ms": "^2.0.0"}}, pnpm_lock(("ms", "2.1.2"), overrides="  ms@^2: 2.1.2\n"), "agrees"),
        ({"dependencies": {"@a/b": "^2"}}, pnpm_lock(("'@a/b'", "'>=3'"), overrides="  '@a/b': '>=3'\n"), "agrees"),
        ({"dependencies": {"ms": "^2", "debug": "4"}}, pnpm_lock(("debug", "'4'"), overrides="  ms: '-'\n"), "agrees"),
        ({"dependencies": {"ms": "^2.0.0"}}, pnpm_lock(("ms", "2.1.2"), overrides="  debug: 2.1.2\n"), "stale"),
        ({"dependencies": {"ms": "^2.0.0"}}, pnpm_lock(("ms", "2.1.3"), overrides="  ms: 2.1.2\n"), "stale"),
        ({"peerDependencies": {"ms": ">=2"}}, pnpm_lock(("ms", "'>=2'")), "agrees"),
        ({"peerDependencies": {"ms": ">=3"}}, pnpm_lock(("ms", "'>=2'")), "stale"),
        ({"dependencies": {"ms": "^2"}, "peerDependencies": {"ms": ">=2"}}, pnpm_lock(("ms", "'>=2'")), "stale"),
        ({"dependencies": {"ms": "^2"}}, pnpm_lock(("ms", "^2"), before=CONFIGURATION), "agrees"),
        ({"dependencies": {"ms": "^3"}}, pnpm_lock(("ms", "^2"), before=CONFIGURATION), "stale"),
        ({"dependencies": {"is-odd": "3.0.1"}}, pnpm_lock(("ms", "^2"), before=CONFIGURATION), "stale"),
    ],
)
def test_pnpm_writes_what_its_settings_make_of_a_range(
    tmp_path: Path, manifest: object, lock: str, expected: str
) -> None:
    (tmp_path / "pnpm-lock.yaml").write_text(lock)
    assert status(tmp_path, package__json=manifest)[0] == expected


# --- yarn ---------------------------------------------------------------------------------------------

BERRY = '"ms@npm:^2.1.0, ms@npm:^2.1.3":\n  version: 2.1.3\n\n"@types/debug@npm:^4.0.0":\n  version: 4.1.0\n\n'
BERRY += '"noptcopy@npm:nopt@^7":\n  version: 7.2.1\n\n"x@workspace:.":\n  dependencies:\n    ms: "catalog:"\n'
CLASSIC = (
    '# yarn lockfile v1\n\n"@types/debug@^4.0.0":\n  version "4"\n\n"a@>=1.0.0 <2.0.0", a@^1.2.3:\n  version "1"\n\n'
)
CLASSIC += 'ms@^2.1.0:\n  version "2.1.3"\n  dependencies:\n    debug "^4.0.0"\n'


@pytest.mark.parametrize(
    ("requirements", "lock", "expected"),
    [
        ({"ms": "^2.1.0"}, BERRY, "agrees"),
        ({"ms": "^2.1.3", "noptcopy": "npm:nopt@^7", "@types/debug": "^4.0.0"}, BERRY, "agrees"),
        ({"ms": "catalog:"}, BERRY, "agrees"),
        ({"debug": "catalog:"}, BERRY, "stale"),
        ({"ms": "^2.1"}, BERRY, "stale"),
        ({"debug": "^4.0.0"}, BERRY, "stale"),
        ({"ms": "^2"}, BERRY, "stale"),
        ({"ms": "^2.1.0", "a": "^1.2.3", "@types/debug": "^4.0.0"}, CLASSIC, "agrees"),
        ({"a": ">=1.0.0 <2.0.0"}, CLASSIC, "agrees"),
        ({"debug": "^4.0.0"}, CLASSIC, "stale"),
        ({"ms": "^2.1"}, CLASSIC, "stale"),
        ({"a": "^1.2"}, CLASSIC, "stale"),
    ],
)
def test_a_descriptor_of_yarn_is_compared_whole(
    tmp_path: Path, requirements: dict[str, str], lock: str, expected: str
) -> None:
    (tmp_path / "yarn.lock").write_text(lock)
    assert status(tmp_path, package__json={"dependencies": requirements})[0] == expected


def test_what_is_optional_for_npm_is_that_alone(tmp_path: Path) -> None:
    both = {"dependencies": {"ms": "^2", "debug": "^4"}, "optionalDependencies": {"debug": "^4"}}
    locked = {"dependencies": {"ms": "^2"}, "optionalDependencies": {"debug": "^4"}}
    assert status(tmp_path, package__json=both, package_lock__json={"packages": {"": locked}}) == ("agrees", None)


# --- go -----------------------------------------------------------------------------------------------

GO_SUM = "example.org/fork v1.5.0 h1:x=\nexample.org/fork v1.5.0/go.mod h1:x=\nexample.org/b v1.0.0/go.mod h1:x=\n"


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ("replace example.org/a => example.org/fork v1.5.0", None),
        ("replace example.org/a v1.2.3 => example.org/fork v1.5.0", None),
        ("replace (\n\texample.org/a => example.org/fork v1.5.0 // why\n)", None),
        ("replace example.org/a v1.2.3 => ../a", None),
        ("replace example.org/a => /abs/a", None),
        ("replace example.org/a v1.9.9 => example.org/fork v1.5.0", "example.org/a v1.2.3 is not in go.sum"),
        ("replace example.org/a => example.org/fork v1.6.0", "example.org/fork v1.6.0 is not in go.sum"),
        ("replace example.org/c => ./c", "example.org/a v1.2.3 is not in go.sum"),
    ],
)
def test_go_sum_has_what_replaces_a_module(tmp_path: Path, replacement: str, expected: str | None) -> None:
    required = "module example.org/m\n\ngo 1.23\n\nrequire (\n\texample.org/a v1.2.3\n\texample.org/b v1.0.0\n)\n\n"
    found = status(tmp_path, go__mod=f"{required}{replacement}\n", go__sum=GO_SUM)
    assert found == ("stale" if expected else "agrees", expected)


# --- Python -------------------------------------------------------------------------------------------

UV_LOCK = """version = 1
[[package]]
name = "x"
version = "1"
source = { virtual = "." }

[package.metadata]
requires-dist = [
    { name = "attrs", marker = "extra == 'a'", specifier = ">=22" },
    { name = "attrs", marker = "extra == 'all'", specifier = ">=23" },
    { name = "certifi", specifier = ">=2024.7.4" },
    { name = "idna", specifier = ">=3.0rc1,!=3.1.*" },
    { name = "numpy", marker = "python_full_version < '3.10'", specifier = "<2" },
    { name = "numpy", marker = "python_full_version >= '3.10'", specifier = ">=2" },
    { name = "x", extras = ["a"], marker = "extra == 'all'" },
]

[package.metadata.requires-dev]
dev = [
    { name = "toml", specifier = ">=0.9" },
    { name = "toml", specifier = ">=0.10" },
]
test = [{ name = "toml", specifier = ">=0.10" }]
"""
PYPROJECT = """[project]
name = "x"
version = "1"
dependencies = ["certifi>=2024.07.04", "numpy>=2; python_version>='3.10'", "numpy<2; python_version<'3.10'",
  "idna >= 3.0RC1, !=3.1.*"]
[project.optional-dependencies]
all = ["x[a]", "attrs>=23"]
a = ["attrs>=22"]
[dependency-groups]
test = ["toml>=0.10"]
dev = ["toml>=0.9", {include-group = "test"}]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", "agrees"),
        ("2024.07.04", "2024.08.04", "stale"),
        ("2024.07.04", "2024.7.40", "stale"),
        ("numpy<2", "numpy<1", "stale"),
        ("attrs>=23", "attrs>=24", "stale"),
        ("toml>=0.9", "toml>=0.8", "stale"),
        ("3.0RC1", "3.0.rc.1", "agrees"),
        ("3.0RC1", "3.0b1", "stale"),
        ('version = "1"', 'dynamic = ["optional-dependencies", "version"]', "unknown"),
    ],
)
def test_uv_locks_a_range_for_each_environment_extra_and_group(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert status(tmp_path, pyproject__toml=PYPROJECT.replace(old, new), uv__lock=UV_LOCK)[0] == expected


PYLOCK = 'lock-version = "1.0"\ncreated-by = "pip"\n[[packages]]\nname = "attrs"\nversion = "25.1"\n'


@pytest.mark.parametrize(
    ("requirements", "group", "expected"),
    [
        ('"attrs>=23"', '"pytest"', "agrees"),
        ('"attrs>=23", "pywin32; sys_platform == \'win32\'"', '"pytest"', "agrees"),
        ('"attrs>=23", "idna"', '"pytest"', "stale"),
    ],
)
def test_pylock_is_of_one_environment_and_of_no_group(
    tmp_path: Path, requirements: str, group: str, expected: str
) -> None:
    text = (
        f'[project]\nname = "x"\nversion = "1"\ndependencies = [{requirements}]\n[dependency-groups]\ndev = [{group}]\n'
    )
    assert status(tmp_path, pyproject__toml=text, pylock__toml=PYLOCK)[0] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("https://example.org/flask-3.0-py3-none-any.whl", "agrees"),
        ("git+https://example.org/flask.git@v3#egg=flask", "agrees"),
        ("flask @ https://example.org/flask-3.0-py3-none-any.whl", "agrees"),
        ("flask[async]@git+https://example.org/flask.git@3f2a", "agrees"),
        ("libs/flask-3.0-py3-none-any.whl", "agrees"),
        ("./libs/flask", "agrees"),
        ("-e git+https://example.org/flask.git#egg=flask", "agrees"),
        ("flask == 3.0 ; python_version > '3'", "agrees"),
        ("flask==3.*", "missing lock"),
        ("flask", "missing lock"),
        ("flask~=3.0", "missing lock"),
        ("flask[async]>=3", "missing lock"),
    ],
)
def test_an_address_or_a_path_pins_what_it_names(tmp_path: Path, line: str, expected: str) -> None:
    assert status(tmp_path, requirements__txt=f"rich==14.0\n{line}\n")[0] == expected


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
)
def test_manifests_and_locks_are_read_as_editors_and_shells_of_windows_write_them(
    tmp_path: Path, mark: bytes, encoding: str
) -> None:
    def write(name: str, text: str) -> None:
        (tmp_path / name).write_bytes(mark + text.replace("\n", "\r\n").encode(encoding))

    write("requirements.txt", "rich==14.0\nflask>=3\n")
    write("package.json", json.dumps({"dependencies": {"ms": "^2"}}))
    write("package-lock.json", json.dumps({"packages": {"": {"dependencies": {"ms": "^2"}}}}))
    found = {each.manifest: (each.status, each.reason) for each in dependency_files(tmp_path)}
    assert found["package.json"] == ("agrees", None)
    assert found["requirements.txt"] == ("missing lock", "flask is not pinned to a version")
