"""What git knows of a directory: every state a repository can be in, told and never raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.workspace.git.state import GitFacts, fingerprint, git_facts
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


def facts(place: RepositoryOnDisk | Path) -> GitFacts:
    directory = place if isinstance(place, Path) else place.root
    return git_facts(directory, [directory.parent], NOW)


def test_a_directory_without_a_repository_has_none(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert facts(tmp_path / "plain") == GitFacts("none")


def test_a_repository_above_the_roots_is_not_seen(repository: RepositoryOnDisk) -> None:
    (repository.root / "below").mkdir()
    assert git_facts(repository.root / "below", [repository.root / "below"], NOW).state == "none"
    assert git_facts(repository.root / "below", [repository.root], NOW).state == "empty"


def test_a_repository_without_commits_is_empty(repository: RepositoryOnDisk) -> None:
    repository.write("new.py")
    known = facts(repository)
    assert (known.state, known.branch, known.head, known.last_commit) == ("empty", "main", None, None)
    assert known.untracked.names == ("new.py",)


def test_changes_are_counted_by_kind(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n", b="1\n", c="1\n")
    repository.write("a", "2\n")
    repository.write("b", "2\n")
    repository.git("add", "b")
    (repository.root / "c").unlink()
    repository.write("d")
    known = facts(repository)
    assert known.dirty
    assert (known.staged.names, known.unstaged.names, known.untracked.names) == (("b",), ("a", "c"), ("d",))


def test_a_clean_repository_is_not_dirty(repository: RepositoryOnDisk) -> None:
    head = repository.commit(a="1\n")
    known = facts(repository)
    assert (known.state, known.head, known.dirty, known.detached) == ("ready", head, False, False)


def test_the_lists_are_bounded_and_the_counts_are_not(repository: RepositoryOnDisk) -> None:
    for number in range(100):
        repository.write(f"file {number}")
    known = facts(repository)
    assert known.untracked.count == 100
    assert len(known.untracked.names) == 20


def test_ahead_and_behind_of_the_upstream(repository: RepositoryOnDisk) -> None:
    base = repository.commit(a="1\n")
    repository.git("branch", "theirs")
    repository.git("branch", "--set-upstream-to=theirs")
    repository.commit(a="2\n")
    repository.commit(a="3\n")
    other = repository.git("commit-tree", "-p", base, "-m", "theirs", f"{base}^{{tree}}")
    repository.git("update-ref", "refs/heads/theirs", other)
    known = facts(repository)
    assert (known.upstream, known.ahead, known.behind) == ("theirs", 2, 1)


def test_a_detached_head_has_no_branch(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.git("checkout", "--quiet", "--detach")
    assert (facts(repository).detached, facts(repository).branch) == (True, None)


def test_a_bare_repository_is_told_as_such(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    head = repository.commit(a="1\n")
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    known = facts(tmp_path / "bare.git")
    assert (known.state, known.branch, known.head) == ("bare", "main", head)


@pytest.mark.parametrize("content", ["", "garbage", "0" * 40, "ref: ../../x", "\xff" * 5000])
def test_a_broken_head_is_unreadable(repository: RepositoryOnDisk, content: str) -> None:
    repository.commit(a="1\n")
    (repository.root / ".git" / "HEAD").write_text(content, encoding="latin-1")
    known = facts(repository)
    assert known.state == "unreadable"
    assert known.problem


def test_a_branch_that_points_at_nothing_is_unreadable(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    (repository.root / ".git" / "refs" / "heads" / "main").write_text("f" * 40 + "\n")
    assert facts(repository).state == "unreadable"


def test_a_configuration_that_git_cannot_read_is_unreadable(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    (repository.root / ".git" / "config").write_text("[core\n")
    assert "configuration" in (facts(repository).problem or "")


def test_without_git_on_the_path_the_facts_say_so(
    repository: RepositoryOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts(repository).problem == "git is not on the PATH"


@dataclass(frozen=True)
class Unfinished:
    operation: str
    begin: Callable[[RepositoryOnDisk], object]


UNFINISHED = [
    Unfinished("merge", lambda made: made.git("merge", "other", check=False)),
    Unfinished("rebase", lambda made: made.git("rebase", "other", check=False)),
    Unfinished("cherry-pick", lambda made: made.git("cherry-pick", "other", check=False)),
    Unfinished("revert", lambda made: made.git("revert", "--no-edit", "HEAD~1", check=False)),
    Unfinished("bisect", lambda made: made.git("bisect", "start", "HEAD", "HEAD~1")),
]


@pytest.mark.parametrize("case", UNFINISHED, ids=lambda case: case.operation)
def test_an_operation_in_progress_is_named(repository: RepositoryOnDisk, case: Unfinished) -> None:
    conflicting(repository)
    case.begin(repository)
    known = facts(repository)
    assert known.operation == case.operation
    assert known.conflicted.count == (0 if case.operation == "bisect" else 1)


def conflicting(repository: RepositoryOnDisk) -> None:
    """main and other change the same line, main twice."""
    repository.commit(a="1\n")
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit(a="theirs\n")
    repository.git("checkout", "--quiet", "main")
    repository.commit(a="2\n")
    repository.commit(a="3\n")


def test_linked_worktrees_are_listed_and_each_is_itself(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    linked = repository.root.parent / "linked"
    repository.git("worktree", "add", "--quiet", "-b", "feature", str(linked))
    main, other = facts(repository), facts(linked)
    assert [(each.path, each.branch) for each in main.worktrees] == [(str(linked), "feature")]
    assert (main.linked_worktree, main.branch) == (False, "main")
    assert (other.linked_worktree, other.branch) == (True, "feature")


def test_submodules_are_named_and_are_repositories_themselves(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    inner = RepositoryOnDisk(tmp_path / "inner")
    inner.commit(a="1\n")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "vendor/inner")
    repository.commit()
    assert facts(repository).submodules.names == ("vendor/inner",)
    (repository.root / "vendor" / "inner" / "a").write_text("2\n")
    assert not facts(repository).dirty
    below = git_facts(repository.root / "vendor" / "inner", [repository.root], NOW)
    assert (below.state, below.unstaged.names) == ("ready", ("a",))


def test_the_last_commit_and_the_velocity(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.commit(a="2\n")
    known = facts(repository)
    assert known.last_commit
    assert (known.last_commit.subject, known.last_commit.author) == ("work", "Ada")
    assert known.last_commit.committed_at == NOW
    assert (known.commits_in_7_days, known.commits_in_30_days) == (2, 2)
    later = git_facts(repository.root, [repository.root], NOW + timedelta(days=8))
    assert (later.commits_in_7_days, later.commits_in_30_days) == (0, 2)


def test_stashes_are_counted(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.write("a", "2\n")
    repository.git("stash")
    assert facts(repository).stashes == 1


def test_the_fingerprint_changes_with_everything_that_counts_and_with_nothing_else(
    repository: RepositoryOnDisk,
) -> None:
    def now() -> str | None:
        return fingerprint(repository.root, [repository.root])

    repository.commit(a="1\n")
    seen = [now()]
    assert now() == seen[0] == facts(repository).fingerprint
    for change in (
        lambda: repository.write("a", "22\n"),
        lambda: repository.write("a", "333\n"),
        lambda: repository.git("add", "a"),
        lambda: repository.git("commit", "--quiet", "-m", "x"),
        lambda: repository.write("new"),
        lambda: repository.git("checkout", "--quiet", "-b", "other"),
    ):
        change()
        seen.append(now())
    assert len(set(seen)) == len(seen)


def test_names_of_any_bytes_are_told_in_printable_text(repository: RepositoryOnDisk) -> None:
    for name in (b"-rf", b"new\nline", b"\xff\xfe", b"tab\t", "ünïcode".encode(), b" ", b"'$(x)'"):
        repository.write(name)
    deep = b"/".join([b"d" * 200] * 19)
    repository.write(deep + b"/file")
    repository.git("add", "--all")
    known = facts(repository)
    assert known.staged.count == 8
    assert all(name.isprintable() and len(name) <= 256 for name in known.staged.names)
    assert {"-rf", r"new\nline", r"\xff\xfe", "ünïcode"} <= set(known.staged.names)


def test_asking_writes_nothing(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.write("a", "1\n")
    before = {path: path.stat().st_mtime_ns for path in repository.root.rglob("*")}
    facts(repository)
    assert {path: path.stat().st_mtime_ns for path in repository.root.rglob("*")} == before
