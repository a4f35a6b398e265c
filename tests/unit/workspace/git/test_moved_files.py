"""Files moved without git: a checkpoint records both halves of a move, or neither, and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from services.workspace.process import Limits
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own

REQUEST = CheckpointRequest("segue", "session-1", 84.4)
ON_REF = replace(REQUEST, ref=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    return RepositoryOnDisk(tmp_path / "project")


def find_secrets(text: str) -> Sequence[object]:
    return ["a secret"] if "SECRET" in text else []


def checkpoint(repository: RepositoryOnDisk, request: CheckpointRequest = REQUEST) -> Checkpoint:
    return create_checkpoint(repository.root, [repository.root.parent], request, find_secrets, NOW)


def paths_in(repository: RepositoryOnDisk, commit: str = "HEAD") -> set[str]:
    return set(repository.git("-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", commit).splitlines())


@pytest.mark.parametrize("request_", [REQUEST, ON_REF])
def test_both_halves_of_a_move_are_recorded(repository: RepositoryOnDisk, request_: CheckpointRequest) -> None:
    repository.commit(a__py="x=1\n", m__py="import a\n")
    (repository.root / "a.py").rename(repository.root / "b.py")
    repository.write("m.py", "import b\n")
    made = checkpoint(repository, request_)
    assert made.created
    assert paths_in(repository, made.commit_hash or "") == {"b.py", "m.py"}
    assert set(made.files_changed) == {"a.py", "b.py", "m.py"}
    assert not made.left_out


def test_two_thousand_files_in_a_directory_that_was_renamed_stay_recorded(repository: RepositoryOnDisk) -> None:
    for number in range(2000):
        repository.write(f"old/f{number}.py", f"x = {number}\n")
    repository.commit()
    (repository.root / "old").rename(repository.root / "new")
    made = checkpoint(repository)
    assert made.created
    assert paths_in(repository) == {f"new/f{number}.py" for number in range(2000)}


def test_a_file_that_was_moved_and_edited_is_recorded(repository: RepositoryOnDisk) -> None:
    lines = [f"line {number}\n" for number in range(30)]
    repository.commit(a__py="".join(lines), other__py="x = 1\n")
    (repository.root / "a.py").unlink()
    repository.write("package/b.py", "".join([*lines[:25], "changed\n"]))
    repository.write("package/unlike.py", "something\nelse\n")
    made = checkpoint(repository)
    assert paths_in(repository) == {"package/b.py", "other.py"}
    assert [(each.path, each.reason) for each in made.left_out] == [("package/unlike.py", "not tracked by git")]


def test_a_removal_is_a_removal(repository: RepositoryOnDisk) -> None:
    repository.commit(a__py="one\ntwo\nthree\n", b__py="x = 1\n")
    (repository.root / "a.py").unlink()
    repository.write("new.py", "nothing of it\n")
    made = checkpoint(repository)
    assert paths_in(repository) == {"b.py"}
    assert [each.path for each in made.left_out] == ["new.py"]


def test_neither_half_is_recorded_where_git_ignores_the_new_one(repository: RepositoryOnDisk) -> None:
    repository.commit(a__py="x=1\n", b__py="y=1\n", **{"/.gitignore".lstrip("/").replace(".", "__"): "kept/\n"})
    (repository.root / "kept").mkdir()
    (repository.root / "a.py").rename(repository.root / "kept/a.py")
    repository.write("b.py", "y=2\n")
    made = checkpoint(repository)
    assert {"a.py", "b.py"} <= paths_in(repository)
    assert [(each.path, each.reason) for each in made.left_out] == [("a.py", "moved to kept/a.py, which git ignores")]


def test_a_move_to_a_place_that_cannot_be_recorded_is_left_whole(repository: RepositoryOnDisk) -> None:
    repository.commit(a__txt="one\n", b__txt="two\n")
    repository.git("config", "filter.own.clean", "cat")
    repository.write(".gitattributes", "*.own filter=own\n")
    repository.git("add", ".gitattributes")
    repository.git("commit", "--quiet", "--message", "attributes")
    (repository.root / "a.txt").rename(repository.root / "a.own")
    repository.write("b.txt", "three\n")
    made = checkpoint(repository)
    assert {"a.txt", "b.txt"} <= paths_in(repository)
    assert {each.path for each in made.left_out} == {"a.txt", "a.own"}


def test_links_and_names_with_a_line_end_are_moved_whole(repository: RepositoryOnDisk) -> None:
    repository.write("target", "here\n")
    (repository.root / "link").symlink_to("target")
    repository.write("two\nlines", "content of it\n")
    repository.commit()
    (repository.root / "link").rename(repository.root / "other link")
    (repository.root / "two\nlines").rename(repository.root / "three\nlines")
    assert checkpoint(repository).created
    listed = repository.git("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
    assert {"target", "other link", "three\nlines"} == set(filter(None, listed))


def test_a_removal_among_too_many_untracked_files_is_left_out_and_said(repository: RepositoryOnDisk) -> None:
    repository.commit(a__py="x=1\n", b__py="y=1\n")
    (repository.root / "a.py").unlink()
    repository.write("b.py", "y=2\n")
    for number in range(400):
        repository.write(f"scratch/{number:0100}.txt", f"{number}\n")
    limits = Limits(output_max_bytes=20_000)
    made = create_checkpoint(repository.root, [repository.root.parent], REQUEST, find_secrets, NOW, limits)
    assert made.created, made.message
    assert paths_in(repository) == {"a.py", "b.py"}
    assert "too many untracked files" in {each.path: each.reason for each in made.left_out}["a.py"]


def test_a_secret_that_was_committed_moves_with_its_file(repository: RepositoryOnDisk) -> None:
    repository.commit(a__py="key = 'SECRET'\nx = 1\n")
    (repository.root / "a.py").rename(repository.root / "b.py")
    assert checkpoint(repository).created


@pytest.mark.parametrize("mode", [0o664, 0o644, 0o640])
def test_the_index_keeps_its_mode(repository: RepositoryOnDisk, mode: int) -> None:
    repository.commit(a="1\n")
    index = repository.root / ".git/index"
    index.chmod(mode)
    repository.write("a", "2\n")
    assert checkpoint(repository).created
    assert index.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_index_keeps_its_owner(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    index = repository.root / ".git/index"
    os.chown(index, 65534, 65534)
    repository.write("a", "2\n")
    assert checkpoint(repository).created
    assert (index.stat().st_uid, index.stat().st_gid) == (65534, 65534)


def test_a_leftover_lock_is_explained(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    (repository.root / ".git/index.lock").touch()
    repository.write("a", "2\n")
    made = checkpoint(repository)
    assert made.reason == "busy"
    assert "remove .git/index.lock" in made.message


def test_the_message_says_how_much_was_measured(repository: RepositoryOnDisk) -> None:
    repository.commit(a="1\n")
    repository.write("a", "2\n")
    made = checkpoint(repository, replace(REQUEST, quality_coverage=0.54))
    assert made.message.startswith("checkpoint: segue (quality: 84/100) - 2030-05-17 12:30:15 (54 % measured)\n")


NAMES = st.sampled_from(["a.py", "b.py", "p/a.py", "p/q/c.txt", "d", "ignored/e.py"])
CONTENTS = st.sampled_from(["", "x = 1\n", "one\ntwo\nthree\n", "one\ntwo\nthree\nfour\n", "y\r\n"])
STEPS = st.lists(st.tuples(st.sampled_from(["move", "remove", "write"]), NAMES, NAMES, CONTENTS), max_size=6)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(NAMES, CONTENTS, min_size=1), steps=STEPS)
def test_head_never_lacks_what_lies_untracked_unless_it_is_said(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, str],
    steps: list[tuple[str, str, str, str]],
) -> None:
    repository = RepositoryOnDisk(tmp_path_factory.mktemp("moves") / "project")
    repository.git("config", "user.name", "Ada")
    repository.git("config", "user.email", "ada@example.org")
    repository.write(".gitignore", "ignored/\n")
    for name, text in files.items():
        if not name.startswith("ignored/"):
            repository.write(name, text)
    repository.commit()
    before = {path: repository.git("rev-parse", f"HEAD:{path}") for path in paths_in(repository)}
    for step, name, other, text in steps:
        path, target = repository.root / name, repository.root / other
        if step == "write":
            repository.write(name, text)
        elif path.is_file() and step == "remove":
            path.unlink()
        elif path.is_file() and name != other:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
    made = checkpoint(repository)
    head = {path: repository.git("rev-parse", f"HEAD:{path}") for path in paths_in(repository)}
    untracked = repository.git("ls-files", "--others").splitlines()
    in_tree = {repository.git("hash-object", path) for path in untracked}
    said = {each.path for each in made.left_out}
    for name, blob in before.items():
        if name not in head and blob in in_tree:
            assert blob in head.values() or name in said


LICENCE = [f"# line {number} of a licence that all files have\n" for number in range(30)]
CODE = [f"def function_{number}(): return {number}\n" for number in range(40)]
OTHER = [f"class Other{number}: pass\n" for number in range(100)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a.js", {"a.ts": [*CODE[:35], "let x: number\n"]}),
        ("a.py", {"lib/b.py": [*CODE, *OTHER]}),
        ("a.py", {"b1.py": CODE[:20], "b2.py": CODE[20:]}),
        ("a.py", {"b1.py": CODE[:10], "b2.py": CODE[10:25], "b3.py": [*CODE[25:], *OTHER[:5]]}),
        ("a.py", {"a/__init__.py": ["from a.b import *\n"], "a/b.py": CODE[:38]}),
        ("a.py", {"b.py": [*LICENCE, *CODE[5:]]}),
        ("deploy.yml", {"deploy.yaml": [*CODE[:30], *OTHER[:8]]}),
    ],
)
def test_a_file_whose_lines_went_elsewhere_is_recorded_with_them(
    repository: RepositoryOnDisk, old: str, new: dict[str, list[str]]
) -> None:
    repository.write(old, "".join(CODE))
    repository.commit(m__py="import a\n")
    (repository.root / old).unlink()
    for path, lines in new.items():
        repository.write(path, "".join(lines))
    repository.write("m.py", "import b\n")
    made_of_it = {path for path, lines in new.items() if len(set(lines) & set(CODE)) >= 3}
    assert checkpoint(repository).created
    assert paths_in(repository) == {"m.py", *made_of_it}


def test_what_only_has_the_same_licence_or_is_a_second_copy_stays_untracked(repository: RepositoryOnDisk) -> None:
    repository.write("a.py", "".join([*LICENCE, *CODE]))
    repository.write("k.py", "".join([*LICENCE, *OTHER[:20]]))
    repository.commit(m__py="import a\n")
    (repository.root / "a.py").unlink()
    (repository.root / "k.py").unlink()
    repository.write("b.py", "".join([*LICENCE, *CODE]))
    repository.write("copy.py", "".join([*LICENCE, *CODE[:35]]))
    repository.write("new.py", "".join([*LICENCE, *OTHER[50:60]]))
    made = checkpoint(repository)
    assert made.created
    assert "b.py" in paths_in(repository)
    assert "copy.py" not in paths_in(repository)


def test_no_part_is_recorded_where_another_one_cannot_be(repository: RepositoryOnDisk) -> None:
    repository.write("a.py", "".join(CODE))
    repository.git("config", "filter.own.clean", "cat")
    repository.write(".gitattributes", "b1.py filter=own\n")
    repository.git("add", ".gitattributes")
    repository.commit(m__py="import a\n")
    (repository.root / "a.py").unlink()
    repository.write("b1.py", "".join(CODE[:20]))
    repository.write("b2.py", "".join(CODE[20:]))
    repository.write("m.py", "import b\n")
    made = checkpoint(repository)
    assert paths_in(repository) == {".gitattributes", "a.py", "m.py"}
    assert {each.path for each in made.left_out} == {"a.py", "b1.py", "b2.py"}


def test_a_link_where_a_directory_was_goes_with_what_was_in_it(repository: RepositoryOnDisk) -> None:
    repository.write("d/x.py", "x = 1\n")
    repository.write("d/y.py", "y = 1\n")
    repository.commit(m__py="import d\n")
    (repository.root / "d").rename(repository.root / "real")
    (repository.root / "d").symlink_to("real")
    assert not checkpoint(repository).left_out
    assert paths_in(repository) == {"m.py", "d", "real/x.py", "real/y.py"}


def test_a_file_that_was_edited_on_its_way_to_an_ignored_place_stays_recorded(repository: RepositoryOnDisk) -> None:
    repository.write("a.py", "".join(CODE))
    repository.write(".gitignore", "kept/\n")
    repository.git("add", ".gitignore")
    repository.commit(m__py="import a\n")
    (repository.root / "a.py").unlink()
    repository.write("kept/a.py", "".join([*CODE[:30], "more = 1\n"]))
    repository.write("m.py", "import kept\n")
    made = checkpoint(repository)
    assert "a.py" in paths_in(repository)
    assert [each.path for each in made.left_out] == ["a.py"]
