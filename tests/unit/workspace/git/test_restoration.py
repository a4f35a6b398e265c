"""The list of checkpoints, what one changed, and putting its files back."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli.directory import checkpoints as command
from services.kit.errors import InvalidInput, NotFound
from services.workspace.git.checkpoint import CheckpointRequest, create_checkpoint
from services.workspace.git.repository import Repository, find_repository
from services.workspace.git.restoration import changed_since, checkpoints, description, restore
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own

REQUEST = CheckpointRequest("segue", "session-1", 84.4)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    made = RepositoryOnDisk(tmp_path / "project")
    made.commit(a="1\n", b="1\n")
    return made


def opened(repository: RepositoryOnDisk) -> Repository:
    found = find_repository(repository.root, [repository.root.parent])
    assert found
    return found


def record(repository: RepositoryOnDisk, *, ref: bool = False) -> str:
    made = create_checkpoint(
        repository.root, [repository.root.parent], replace(REQUEST, ref=ref, policy="all"), lambda _: [], NOW
    )
    assert made.commit_hash
    return made.commit_hash


def run(*arguments: str, yes: bool = False) -> int:
    action, name = (*arguments, None)[:2]
    return command.run(argparse.Namespace(action=action, name=name, limit=20, yes=yes))


def test_checkpoints_are_listed_wherever_they_are(repository: RepositoryOnDisk) -> None:
    assert checkpoints(opened(repository)) == []
    repository.write("a", "2\n")
    beside = record(repository, ref=True)
    on_branch = record(repository)
    found = {each.commit: each.ref for each in checkpoints(opened(repository))}
    assert found == {beside: "refs/segue/checkpoints/session-1", on_branch: ""}
    assert len(checkpoints(opened(repository), 1)) == 1


def test_a_checkpoint_is_shown_with_its_files(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    shown = description(opened(repository), record(repository))
    assert "checkpoint: segue (quality: 84/100)" in shown
    assert "a | 2" in shown


def test_restoring_puts_files_back_and_leaves_newer_ones_branch_and_index(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    repository.write("deep/c", "3\n")
    commit = record(repository, ref=True)
    head, index = repository.git("rev-parse", "HEAD"), repository.git("ls-files", "--stage")
    repository.write("a", "changed\n")
    (repository.root / "b").unlink()
    (repository.root / "deep/c").unlink()
    repository.write("newer", "4\n")
    assert sorted(changed_since(opened(repository), commit)) == [b"a", b"b", b"deep/c"]
    assert sorted(restore(opened(repository), commit).paths) == ["a", "b", "deep/c"]
    texts = {name: (repository.root / name).read_text() for name in ("a", "b", "deep/c", "newer")}
    assert texts == {"a": "2\n", "b": "1\n", "deep/c": "3\n", "newer": "4\n"}
    assert (repository.git("rev-parse", "HEAD"), repository.git("ls-files", "--stage")) == (head, index)


@pytest.mark.parametrize("name", ["HEAD", "main", "--all", "../x", "refs/heads/main", ""])
def test_only_a_checkpoint_is_restored(repository: RepositoryOnDisk, name: str) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        restore(opened(repository), name)
    with pytest.raises(NotFound):
        restore(opened(repository), repository.git("rev-parse", "HEAD"))


def test_the_command_shows_first_and_records_the_state_of_now(
    repository: RepositoryOnDisk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository.root)
    repository.write("a", "2\n")
    commit = record(repository)
    repository.write("a", "later\n")
    assert run("list") == 0
    assert commit[:12] in capsys.readouterr().out
    assert run("restore", commit) == 0
    assert (repository.root / "a").read_text() == "later\n"
    assert run("restore", commit, yes=True) == 0
    assert (repository.root / "a").read_text() == "2\n"
    kept = next(each for each in checkpoints(opened(repository)) if each.ref.endswith("before-restore"))
    assert run("restore", kept.commit, yes=True) == 0
    assert (repository.root / "a").read_text() == "later\n"
    assert run("show") == 1
    assert run("show", "HEAD") == 1
    assert run("show", commit) == 0
