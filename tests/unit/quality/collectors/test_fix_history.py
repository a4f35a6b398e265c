"""What git's log says of the changes of a project's sources."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from services.quality.collectors import collect
from services.quality.collectors.fix_history import says_it_fixes, source_changes
from services.quality.collectors.scan import look
from services.quality.domain.fix_prone import Change
from services.workspace.git.repository import find_repository
from tests.repositories import RepositoryOnDisk, home_of_its_own


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


def commit(repository: RepositoryOnDisk, subject: str, **files: str) -> None:
    repository.commit(**files)
    repository.git("commit", "--quiet", "--amend", "--allow-empty", "--message", subject)


@pytest.mark.parametrize(
    "subject",
    ["Fix the crash of an empty list", "fix(parser): keep trailing commas", "Bugfix", "Regression in 2.1", "Fixes #12"],
)
def test_a_fix_is_told_by_its_subject(subject: str) -> None:
    assert says_it_fixes(subject)


@pytest.mark.parametrize(
    "subject",
    ["Add a prefix option", "Fix a typo", "fix lint", "docs: fix link", "Fix flaky tests", "Fixture for users", ""],
)
def test_what_mends_nothing_in_the_program_is_no_fix(subject: str) -> None:
    assert not says_it_fixes(subject)


def test_changes_are_of_sources_alone_and_oldest_first(repository: RepositoryOnDisk) -> None:
    commit(repository, "Begin", a__py="1", README__md="1", test_a__py="1")
    commit(repository, "Fix a", a__py="2")
    commit(repository, "Write", README__md="2")
    found = find_repository(repository.root, [repository.root.parent])
    assert found
    changes = source_changes(found, "HEAD", "", 100)
    assert [(each.is_fix, each.paths) for each in changes] == [(False, ("a.py",)), (True, ("a.py",)), (False, ())]
    assert source_changes(found, "HEAD", "", 2) == changes[1:]


def test_of_a_directory_within_a_repository_only_its_own_files_count(repository: RepositoryOnDisk) -> None:
    repository.write("inner/b.py")
    commit(repository, "Begin", a__py="1")
    found = find_repository(repository.root, [repository.root.parent])
    assert found
    assert [each.paths for each in source_changes(found, "HEAD", "inner/", 100)] == [("b.py",)]


def test_a_repository_without_commits_has_no_changes(repository: RepositoryOnDisk) -> None:
    found = find_repository(repository.root, [repository.root.parent])
    assert found
    assert source_changes(found, "HEAD", "", 100) == list[Change]()


def test_a_check_names_the_files_and_a_shallow_clone_does_not(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    write_busy_history(repository.root)
    found = collect(look(repository.root, [tmp_path]))
    assert found.fixes is not None
    assert {each.path for each in found.fixes.files} == {f"hot{number}.py" for number in range(5)}
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=300", repository.root.as_uri(), clone], check=True)
    assert collect(look(clone, [tmp_path])).fixes is None


def write_busy_history(root: Path, commits: int = 400) -> None:
    """Every second commit is a fix, most of them in one of five files."""
    chance = random.Random(7)
    stream = []
    for number in range(commits):
        path = f"hot{chance.randrange(5)}.py" if chance.random() < 0.6 else f"cold{chance.randrange(60)}.py"
        message = "Fix what was wrong" if number % 2 else "Go on"
        stream.append(f"commit refs/heads/main\ncommitter A <a@example.org> {1_700_000_000 + number * 86_400} +0000\n")
        stream.append(f"data {len(message)}\n{message}\nM 644 inline {path}\ndata {len(str(number))}\n{number}\n")
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, input="".join(stream).encode(), check=True)
    subprocess.run(["git", "checkout", "--quiet", "--force", "main"], cwd=root, check=True)
