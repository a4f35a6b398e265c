"""Checkpoints in repositories of every layout: what git would record is recorded, or it is said what was not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own

REQUEST = CheckpointRequest("segue", "session-1", 84.4)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


def checkpoint(root: Path, request: CheckpointRequest = REQUEST) -> Checkpoint:
    return create_checkpoint(root, [root.parent], request, lambda _: [], NOW)


def content(repository: RepositoryOnDisk, path: str, commit: str = "HEAD") -> str:
    return repository.git("show", f"{commit}:{path}")


def test_a_sparse_checkout_keeps_the_paths_that_are_not_here(repository: RepositoryOnDisk) -> None:
    repository.write("in/a", "1\n")
    repository.write("out/b", "1\n")
    repository.commit()
    repository.git("sparse-checkout", "set", "in")
    assert not (repository.root / "out").exists()
    repository.write("in/a", "2\n")
    assert checkpoint(repository.root).created
    assert (content(repository, "in/a"), content(repository, "out/b")) == ("2", "1")


def test_a_repository_of_sha256_is_recorded_with_its_moves(tmp_path: Path, repository: RepositoryOnDisk) -> None:
    root = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(root)], check=True)
    other = RepositoryOnDisk(root)
    other.commit(a="one\ntwo\nthree\n")
    (root / "a").rename(root / "b")
    made = checkpoint(root)
    assert made.created
    assert len(made.commit_hash or "") == 64
    assert other.git("ls-tree", "--name-only", "HEAD") == "b"


def test_a_submodule_is_recorded_by_its_commit_alone(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    RepositoryOnDisk(tmp_path / "library").commit(x="1\n")
    allow = ("-c", "protocol.file.allow=always")
    repository.git(*allow, "submodule", "--quiet", "add", str(tmp_path / "library"), "library")
    repository.commit(a="1\n")
    pinned = repository.git("rev-parse", "HEAD:library")
    (repository.root / "library/x").write_text("edited\n")
    repository.write("a", "2\n")
    made = checkpoint(repository.root)
    assert made.files_changed == ("a",)
    assert repository.git("rev-parse", "HEAD:library") == pinned
    inside = RepositoryOnDisk.__new__(RepositoryOnDisk)
    inside.root = repository.root / "library"
    inside.git("checkout", "--quiet", "--detach")
    assert "branch" in checkpoint(inside.root).message
    on_ref = checkpoint(repository.root / "library", replace(REQUEST, ref=True))
    assert on_ref.created


def test_a_linked_worktree_with_relative_paths_is_its_own(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    repository.commit(a="1\n")
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "--quiet", "-b", "feature", str(linked))
    (linked / ".git").write_text("gitdir: ../project/.git/worktrees/linked\n")
    (linked / "a").write_text("2\n")
    assert checkpoint(linked).created
    assert (content(repository, "a", "feature"), content(repository, "a", "main")) == ("2", "1")


def _separate(repository: RepositoryOnDisk) -> None:
    repository.git("init", "--quiet", f"--separate-git-dir={repository.root.parent / 'separate'}")


def _linked(repository: RepositoryOnDisk) -> None:
    (repository.root / ".git").rename(repository.root.parent / "elsewhere")
    (repository.root / ".git").symlink_to(repository.root.parent / "elsewhere")


@pytest.mark.parametrize("arrange", [_separate, _linked])
def test_a_git_directory_elsewhere_is_used_or_refused_with_a_reason(
    repository: RepositoryOnDisk, arrange: Callable[[RepositoryOnDisk], None]
) -> None:
    repository.commit(a="1\n")
    arrange(repository)
    repository.write("a", "2\n")
    made = checkpoint(repository.root)
    assert made.created or made.message
    assert content(repository, "a") == ("2" if made.created else "1")


def test_line_ends_that_git_converts_are_converted(repository: RepositoryOnDisk) -> None:
    repository.commit(a="one\ntwo\n", b="1\n")
    repository.git("config", "core.autocrlf", "true")
    (repository.root / "a").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    (repository.root / "b").rename(repository.root / "c")
    (repository.root / "c").write_bytes(b"1\r\n")
    assert checkpoint(repository.root).created
    assert repository.git("cat-file", "-s", "HEAD:a") == "14"
    assert repository.git("ls-tree", "--name-only", "HEAD").split() == ["a", "c"]


def test_what_the_user_hides_from_git_stays_hidden(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n", b="1\n", c="1\n")
    repository.git("update-index", "--skip-worktree", "b")
    repository.git("update-index", "--assume-unchanged", "c")
    for name in "abc":
        repository.write(name, "2\n")
    assert checkpoint(repository.root).created
    assert [content(repository, name) for name in "abc"] == ["2", "1", "1"]


def test_a_file_that_is_to_be_added_is_recorded_whole(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.write("new", "content\n")
    repository.git("add", "--intent-to-add", "new")
    made = checkpoint(repository.root, replace(REQUEST, ref=True))
    assert made.created
    assert content(repository, "new", made.commit_hash or "") == "content"


def test_modes_and_links_are_recorded_as_they_are(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n", b="1\n")
    (repository.root / "a").chmod(0o755)
    (repository.root / "b").unlink()
    (repository.root / "b").symlink_to("a")
    assert checkpoint(repository.root).created
    modes = [line.split()[0] for line in repository.git("ls-tree", "HEAD").splitlines()]
    assert modes == ["100755", "120000"]


def test_two_thousand_renames_that_are_staged_are_the_users(repository: RepositoryOnDisk) -> None:
    for number in range(2000):
        repository.write(f"old/{number}", f"{number}\n")
    repository.commit()
    repository.git("mv", "old", "new")
    made = checkpoint(repository.root)
    assert made.reason == "staged_changes"
    on_ref = checkpoint(repository.root, replace(REQUEST, ref=True))
    assert on_ref.created
    assert len(repository.git("ls-tree", "-r", "--name-only", on_ref.commit_hash or "").splitlines()) == 2000


def test_a_format_that_git_does_not_know_is_said_in_its_words(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.git("config", "core.repositoryFormatVersion", "1")
    repository.git("config", "extensions.refStorage", "reftable")
    repository.write("a", "2\n")
    made = checkpoint(repository.root)
    assert not made.created
    assert made.message


@pytest.mark.parametrize("shared", ["group", "all", "0660"])
def test_a_shared_repository_stays_shared(repository: RepositoryOnDisk, shared: str) -> None:
    repository.git("config", "core.sharedRepository", shared)
    repository.commit(a="1\n")
    index = repository.root / ".git/index"
    index.chmod(0o664)
    repository.write("a", "2\n")
    before = os.umask(0o077)
    try:
        assert checkpoint(repository.root).created
    finally:
        os.umask(before)
    assert index.stat().st_mode & 0o777 == 0o664
    new = [each for each in (repository.root / ".git/objects").rglob("*") if each.is_file()]
    assert all(each.stat().st_mode & 0o040 for each in new), "the group cannot read what was recorded"
