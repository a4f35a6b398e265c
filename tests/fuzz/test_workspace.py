"""Whatever is in a repository's own files: it is told what can be, in a bounded value that a client can send."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import InvalidInput, LimitExceeded, ServiceError
from services.workspace.evidence import WORKSPACE_MAX_BYTES, Workspace, measure
from services.workspace.git.checkpoint import Checkpoint
from services.workspace.git.snapshot import LeftOut
from services.workspace.handoff_files import write_handoff
from services.workspace.serialization import Lines
from tests.fuzz.budget import tried
from tests.fuzz.mutations import encoded, mutated, mutated_json
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own

FILES = {
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".git/config": b"""[core]\n\trepositoryformatversion = 0\n\tbare = false
[filter "x"]\n\tclean = cat\n\trequired = true
[hook "y"]\n\tcommand = true
[branch "main"]\n\tremote = origin\n\tmerge = refs/heads/main\n[include]\n\tpath = other\n""",
    ".git/commondir": b"../.git\n",
    ".git/packed-refs": b"# pack-refs with: peeled fully-peeled sorted\n" + b"a" * 40 + b" refs/heads/other\n",
    ".git/index": b"DIRC\0\0\0\2\0\0\0\0",
    ".git/info/exclude": b"*.log\n",
    ".git/worktrees/w/gitdir": b"/tmp/elsewhere/.git\n",
    ".git/worktrees/w/HEAD": b"ref: refs/heads/w\n",
    ".git/rebase-merge/head-name": b"refs/heads/main\n",
    ".gitmodules": b'[submodule "s"]\n\tpath = s\n\turl = ../s\n',
    ".gitattributes": b"*.py filter=x\n",
    ".gitignore": b"build/\n!x\n",
    "pyproject.toml": b'[project]\nname = "shop"\n',
    "package.json": b'{"name": "shop"}',
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with a commit and a change."""
    with pytest.MonkeyPatch.context() as environment:
        home_of_its_own(tmp_path_factory.mktemp("user"), environment)
        repository = RepositoryOnDisk(tmp_path_factory.mktemp("repositories") / "template")
        repository.commit(a__py="x = 1\n")
        repository.write("a.py", "x = 2\n")
        repository.write("new.py")
        yield repository.root


@tried(20)
@given(names=st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=3), data=st.data())
def test_a_repository_with_odd_files_is_looked_at(template: Path, names: list[str], data: st.DataObject) -> None:
    root = template.with_name("odd")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data.draw(mutated([FILES[name], *FILES.values()])))
    try:
        found = measure(root, [root.parent], NOW)
    except ServiceError:
        return
    assert len(found.to_json()) <= WORKSPACE_MAX_BYTES
    assert Workspace.from_json(found.to_json()).git == found.git
    _expect_a_handoff_or_a_reason(root)


def _expect_a_handoff_or_a_reason(root: Path) -> None:
    try:
        path = write_handoff(root, [root.parent], "2026-03-01T0930Z-0123abcd.md", "# Handoff\n")
    except (InvalidInput, OSError):
        return
    assert path.is_file()
    assert os.path.realpath(path).startswith(os.path.realpath(root))


def test_a_report_of_a_directory_is_taken_or_refused(template: Path) -> None:
    report = measure(template, [template.parent], NOW).to_dict()

    @tried(50)
    @given(raw=mutated_json([report]).map(encoded) | mutated([encoded(report)]))
    def is_read(raw: bytes) -> None:
        try:
            found = Workspace.from_json(raw)
        except (InvalidInput, LimitExceeded):
            return
        assert found.source == "reported by client"
        assert found.to_json()

    is_read()


CHECKPOINT = Checkpoint(True, Lines("made"), None, "a" * 40, None, ("a.py",), 1, (LeftOut("b", "too large"),)).to_dict()


@tried(30)
@given(value=mutated_json([CHECKPOINT]))
def test_what_a_client_says_of_a_checkpoint_is_taken_or_refused(value: object) -> None:
    try:
        Checkpoint.from_dict(value)
    except InvalidInput:
        return
