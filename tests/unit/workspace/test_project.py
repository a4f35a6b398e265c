"""Project, tools, and the one value of all: what is told of a directory, and what a client may claim."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import InvalidInput, LimitExceeded
from services.workspace.developer_tools import find_tools
from services.workspace.evidence import WORKSPACE_MAX_BYTES, Workspace, measure
from services.workspace.project import find_project
from services.workspace.serialization import readable
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["pyproject.toml", "setup.py"], "python"),
        (["package.json"], "javascript"),
        (["package.json", "tsconfig.json"], "typescript"),
        (["go.mod"], "go"),
        (["Cargo.toml"], "rust"),
        (["pom.xml"], "java"),
        (["Cargo.toml", "pyproject.toml"], "mixed"),
        (["src/a.rs", "src/b.rs", "x.py"], "rust"),
        (["notes.txt"], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_type_comes_from_the_manifests_and_else_from_the_files(
    tmp_path: Path, files: list[str], expected: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert find_project(tmp_path, [tmp_path]).type == expected


def test_the_root_is_the_nearest_repository_or_manifest(repository: RepositoryOnDisk) -> None:
    repository.write("packages/one/package.json", "{}")
    repository.write("packages/one/src/deep/x.js")
    repository.write("docs/x.md")
    roots = [repository.root]
    one = find_project(repository.root / "packages" / "one" / "src" / "deep", roots)
    assert (one.name, one.root, one.repository_root) == (
        "one",
        str(repository.root / "packages" / "one"),
        str(repository.root),
    )
    assert find_project(repository.root / "docs", roots).root == str(repository.root)
    assert find_project(repository.root / "docs", [repository.root / "docs"]).name == "docs"


def test_all_working_trees_of_a_repository_are_one_project(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    repository.commit(a="1\n")
    repository.git("worktree", "add", "--quiet", str(tmp_path / "feature-x"))
    assert find_project(tmp_path / "feature-x", [tmp_path]).name == "project"


def test_the_structure_is_what_the_top_shows(tmp_path: Path) -> None:
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "uv.lock"):
        (tmp_path / name).write_text("")
    for name in ("tests", "docs", ".github"):
        (tmp_path / name).mkdir()
    assert not find_project(tmp_path, [tmp_path]).structure.has_ci
    (tmp_path / ".github/workflows").mkdir()
    (tmp_path / ".github/workflows/ci.yml").write_text("")
    known = find_project(tmp_path, [tmp_path]).structure
    assert known.has_readme
    assert known.has_licence
    assert known.has_changelog
    assert known.has_tests
    assert known.has_docs
    assert known.has_ci
    assert (known.manifests, known.locks, known.entries) == (("pyproject.toml",), ("uv.lock",), 8)
    (tmp_path / "empty").mkdir()
    empty = find_project(tmp_path / "empty", [tmp_path / "empty"]).structure
    shown = [empty.has_readme, empty.has_licence, empty.has_changelog, empty.has_tests, empty.has_docs, empty.has_ci]
    assert not any(shown)


def test_tools_are_named_with_their_place_and_none_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in (("uv", 0o755), ("ruff", 0o644)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (tmp_path / "bin" / name).chmod(mode)
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/missing{os.pathsep}{tmp_path}/bin")
    assert find_tools(tmp_path / "project") == {"uv": str(tmp_path / "bin" / "uv")}
    assert find_tools(tmp_path) == {}
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def reported(repository: RepositoryOnDisk) -> dict[str, Any]:
    repository.commit(a="1\n", pyproject__toml="[project]\nname = 'x'\n")
    repository.write(b"\xff\n")
    content: dict[str, Any] = json.loads(measure(repository.root, [repository.root], NOW).to_json())
    return content


def test_what_was_measured_survives_the_wire_and_says_who_reported_it(reported: dict[str, Any]) -> None:
    assert reported["source"] == "measured"
    received = Workspace.from_json(json.dumps(reported).encode())
    assert received.source == "reported by client"
    assert received.to_dict() == {**reported, "source": "reported by client"}
    assert received.measured_at == NOW
    assert received.git.untracked.names == (r"\xff\n",)


def test_a_report_may_say_more_than_is_known_today(reported: dict[str, Any]) -> None:
    assert Workspace.from_dict({**reported, "of a later version": 1}).git.branch == "main"


WRONG: list[tuple[str, object]] = [
    ("git.state", "perfect"),
    ("git.branch", "x" * 257),
    ("git.branch", "two\nlines"),
    ("git.branch", "\ud800"),
    ("git.branch", 7),
    ("git.ahead", -1),
    ("git.ahead", 1.5),
    ("git.ahead", True),
    ("git.ahead", 10**30),
    ("git.detached", "yes"),
    ("git.staged", None),
    ("git.staged.names", ["x"] * 65),
    ("git.staged.names", "abc"),
    ("git.staged.names", [["x"]]),
    ("git.last_commit", []),
    ("git.last_commit.committed_at", "2030-01-01T00:00:00"),
    ("git.last_commit.committed_at", "yesterday"),
    ("measured_at", None),
    ("tools", {"git": {"deep": 1}}),
    ("tools", {str(number): "x" for number in range(65)}),
    ("tools", ["git"]),
    ("dependencies", [{"status": "agrees"}]),
    ("project", 3),
]


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_a_report_that_is_not_of_the_form_is_refused_with_its_place(
    reported: dict[str, Any], place: str, value: object
) -> None:
    *path, name = place.split(".")
    target = reported
    for step in path:
        target = target[step]
    target[name] = value
    with pytest.raises(InvalidInput, match=place.split(".", maxsplit=1)[0]) as refused:
        Workspace.from_dict(reported)
    assert refused.value.message.isprintable()
    del target[name]
    with pytest.raises(InvalidInput):
        Workspace.from_dict(reported)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"[" * 60_000, b'{"a": \xff}', b"1" * 5000])
def test_what_is_no_report_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        Workspace.from_json(text)


def test_a_report_that_is_too_large_is_refused(reported: dict[str, Any]) -> None:
    with pytest.raises(LimitExceeded):
        Workspace.from_json(b" " * (WORKSPACE_MAX_BYTES + 1))
    paths = ["\N{GREEK SMALL LETTER ALPHA}" * 256] * 64
    for kind in ("staged", "unstaged", "untracked", "conflicted"):
        reported["git"][kind]["names"] = paths
    with pytest.raises(LimitExceeded):
        Workspace.from_dict(reported)


def test_the_largest_repository_fits_on_the_wire(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    repository.commit(a="1\n")
    for number in range(40):
        repository.write(f"{number:02}{'名' * 80}/{'前' * 80}")
        repository.git("worktree", "add", "--quiet", "--no-checkout", str(tmp_path / f"{number}{'é' * 100}"))
    repository.git("add", "--all")
    for number in range(40):
        repository.write(f"{number:02}{'名' * 80}/{'前' * 80}", "again\n")
        repository.write(f"{number:02}{'新' * 80}/{'前' * 80}")
    known = measure(repository.root, [tmp_path], NOW)
    assert known.git.unstaged.count == 40
    assert len(known.to_json()) <= WORKSPACE_MAX_BYTES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"plain name.py", "plain name.py"),
        (b"a\nb\x1b[0m", r"a\nb\x1b[0m"),
        (b"\xff", r"\xff"),
        ("\ud800", r"\ud800"),
        (b"x" * 300, "x" * 128 + "…" + "x" * 127),
    ],
)
def test_a_name_becomes_one_printable_line(name: bytes | str, expected: str) -> None:
    assert readable(name) == expected


def test_measuring_says_when(repository: RepositoryOnDisk) -> None:
    now = datetime(2031, 1, 1, tzinfo=UTC)
    assert measure(repository.root, [repository.root], now).measured_at == now
