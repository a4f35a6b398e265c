"""Checkpoint commits: what they record, what they leave alone, and when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from services.kit.errors import InvalidInput
from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from services.workspace.git.index_lock import OURS
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own
from tests.unit.workspace.git.test_state import UNFINISHED, Unfinished, conflicting

REQUEST = CheckpointRequest("segue", "session-1", 84.4, {"Project Health": 80.0, "Permissions": 90.0})
REF = "refs/segue/checkpoints/session-1"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    made = RepositoryOnDisk(tmp_path / "project")
    made.commit(a="1\n", b="1\n", c="1\n")
    return made


def find_secrets(text: str) -> Sequence[object]:
    return ["a secret"] if "SECRET" in text else []


def checkpoint(repository: RepositoryOnDisk, request: CheckpointRequest = REQUEST) -> Checkpoint:
    return create_checkpoint(repository.root, [repository.root.parent], request, find_secrets, NOW)


def state(repository: RepositoryOnDisk) -> tuple[bytes, str, str]:
    """Index, refs and HEAD, working tree: what a skipped checkpoint must not change."""
    refs = repository.git("for-each-ref", check=False) + repository.git("rev-parse", "HEAD", check=False)
    return repository.index, refs, repository.git("diff-files", "--patch", check=False)


def assert_skipped(repository: RepositoryOnDisk, reason: str, request: CheckpointRequest = REQUEST) -> Checkpoint:
    before = state(repository)
    made = checkpoint(repository, request)
    assert (made.created, made.reason, made.commit_hash) == (False, reason, None)
    assert made.message
    assert state(repository) == before
    left = {each.name for each in (repository.root / ".git").iterdir()}
    assert not {name for name in left if name.startswith("segue-index") or name == "index.lock"}
    return made


def test_the_commit_says_what_the_session_was(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    made = checkpoint(repository)
    assert made.created
    assert repository.git("log", "-1", "--format=%B%an <%ae> %aI") == (
        "checkpoint: segue (quality: 84/100) - 2030-05-17 12:30:15\n\nSession: session-1\nQuality Metrics:\n"
        "- Project Health: 80/100\n- Permissions: 90/100\nAda <ada@example.org> 2030-05-17T12:30:15+00:00"
    )
    assert made.commit_hash == repository.git("rev-parse", "main")
    assert repository.git("log", "-1", "--format=%B") == made.message.strip()
    assert Checkpoint.from_dict(made.to_dict()) == made
    with pytest.raises(InvalidInput, match="checkpoint"):
        Checkpoint.from_dict({**made.to_dict(), "files_changed": ["x"] * 65})


def test_a_score_that_was_not_measured_is_not_made_up(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    request = replace(REQUEST, quality_score=None, metrics={}, note="first\nsecond", project="a\nb")
    assert checkpoint(repository, request).message == (
        "checkpoint: a\\nb (quality: not measured) - 2030-05-17 12:30:15\n\nSession: session-1\n\nfirst\\nsecond\n"
    )


def test_tracked_records_changes_and_removals_and_no_new_file(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    (repository.root / "b").unlink()
    repository.write("new")
    made = checkpoint(repository)
    assert (made.files_changed, made.files_changed_count) == (("a", "b"), 2)
    assert repository.git("show", "--format=", "--name-status") == "M\ta\nD\tb"
    assert repository.git("status", "--porcelain") == "?? new"


def test_all_records_new_files_and_never_ignored_ones(repository: RepositoryOnDisk) -> None:
    repository.write(".gitignore", "*.log\n")
    repository.write("new/deep/file")
    repository.write("noise.log")
    made = checkpoint(repository, replace(REQUEST, policy="all"))
    assert made.files_changed == (".gitignore", "new/deep/file")
    assert repository.git("status", "--porcelain") == ""
    assert "noise.log" not in repository.git("ls-tree", "-r", "--name-only", "HEAD")


def test_the_first_commit_of_a_repository_can_be_a_checkpoint(tmp_path: Path, repository: RepositoryOnDisk) -> None:
    new = RepositoryOnDisk(tmp_path / "new")
    new.write("a")
    assert checkpoint(new).reason == "nothing_changed"
    assert checkpoint(new, replace(REQUEST, policy="all")).created
    assert new.git("status", "--porcelain") == ""
    assert new.git("rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize("ref", [False, True])
def test_files_and_directories_that_change_places_are_recorded(repository: RepositoryOnDisk, ref: bool) -> None:
    repository.commit(**{"x/y": "1\n", "z": "1\n"})
    (repository.root / "x" / "y").unlink()
    (repository.root / "x").rmdir()
    repository.write("x", "a file now\n")
    (repository.root / "z").unlink()
    repository.write("z/below", "a directory now\n")
    (repository.root / "a").unlink()
    (repository.root / "a").symlink_to("b")
    made = checkpoint(repository, replace(REQUEST, policy="all", ref=ref))
    assert made.created, made.message
    listed = repository.git("ls-tree", "-r", "--name-only", made.commit_hash or "").split()
    assert listed == ["a", "b", "c", "x", "z/below"]
    assert repository.git("cat-file", "blob", f"{made.commit_hash}:a") == "b"


def test_a_directory_replaced_by_a_link_outwards_is_recorded_as_a_link(
    repository: RepositoryOnDisk, tmp_path: Path
) -> None:
    repository.commit(**{"x/y": "1\n"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "y").write_text("not ours\n")
    (repository.root / "x" / "y").unlink()
    (repository.root / "x").rmdir()
    (repository.root / "x").symlink_to(tmp_path / "outside")
    made = checkpoint(repository, replace(REQUEST, policy="all"))
    assert "not ours" not in repository.git("show", made.commit_hash or "")
    assert repository.git("ls-tree", "HEAD", "x").startswith("120000 blob")


def test_names_of_any_bytes_are_recorded(repository: RepositoryOnDisk) -> None:
    names = (b"-rf", b"new\nline", b"\xff\xfe", b"*", b":(top)x", b"'$(touch x)'", b"d" * 200 + b"/" + b"e" * 200)
    for name in names:
        repository.write(name)
    repository.write(b"/".join([b"d" * 190] * 20))
    made = checkpoint(repository, replace(REQUEST, policy="all"))
    assert (made.created, made.files_changed_count) == (True, len(names) + 1)
    assert repository.git("status", "--porcelain") == ""


def test_with_ref_branch_index_and_files_stay_as_they_are(repository: RepositoryOnDisk) -> None:
    repository.write("a", "staged\n")
    repository.git("add", "a")
    repository.write("a", "staged\nand more\n")
    repository.write("b", "2\n")
    index, head, diff = repository.index, repository.git("rev-parse", "main"), repository.git("diff")
    made = checkpoint(repository, replace(REQUEST, ref=True))
    assert (made.created, made.ref) == (True, REF)
    assert (repository.index, repository.git("rev-parse", "main"), repository.git("diff")) == (index, head, diff)
    assert repository.git("rev-parse", REF, f"{REF}^1") == f"{made.commit_hash}\n{head}"
    assert repository.git("show", f"{REF}:a") == "staged\nand more"


def test_checkpoints_on_a_ref_keep_each_other(repository: RepositoryOnDisk) -> None:
    request = replace(REQUEST, ref=True)
    repository.write("a", "2\n")
    first = checkpoint(repository, request)
    assert_skipped(repository, "nothing_changed", request)
    repository.write("a", "3\n")
    second = checkpoint(repository, request)
    assert repository.git("rev-parse", f"{REF}^2") == first.commit_hash
    assert repository.git("diff", "--name-only", f"{second.commit_hash}^1", REF) == "a"


def test_repeating_a_checkpoint_by_its_id_is_harmless(repository: RepositoryOnDisk) -> None:
    for ref in (False, True):
        request = replace(REQUEST, ref=ref, checkpoint_id=f"c{int(ref)}")
        repository.write("a", f"{ref}\n")
        first = checkpoint(repository, request)
        repository.write("a", f"{ref} again\n")
        again = checkpoint(repository, request)
        assert (again.created, again.commit_hash) == (True, first.commit_hash)


def test_off_is_off_and_a_clean_tree_needs_none(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    assert_skipped(repository, "nothing_changed")
    repository.write("a", "2\n")
    assert_skipped(repository, "policy", replace(REQUEST, policy="off"))
    repository.write("a", "1\n")  # a new time, the same content
    assert_skipped(repository, "nothing_changed")


def test_without_a_repository_or_a_working_tree_there_is_none(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    for name, reason in (("plain", "no_repository"), ("bare.git", "bare")):
        made = create_checkpoint(tmp_path / name, [tmp_path], REQUEST, find_secrets, NOW)
        assert (made.created, made.reason) == (False, reason)


@pytest.mark.parametrize("case", UNFINISHED, ids=lambda case: case.operation)
@pytest.mark.parametrize("ref", [False, True])
def test_never_during_an_operation(tmp_path: Path, repository: RepositoryOnDisk, case: Unfinished, ref: bool) -> None:
    made = RepositoryOnDisk(tmp_path / "unfinished")
    conflicting(made)
    case.begin(made)
    made.write("a", "more\n")
    skipped = assert_skipped(made, "operation_in_progress", replace(REQUEST, ref=ref))
    assert case.operation in skipped.message


def test_on_the_branch_staged_changes_are_the_users(repository: RepositoryOnDisk) -> None:
    repository.write("a", "half\n")
    repository.git("add", "a")
    repository.write("a", "half\nwhole\n")
    skipped = assert_skipped(repository, "staged_changes")
    assert "ref" in skipped.message


def test_a_detached_head_has_no_branch_to_commit_on(repository: RepositoryOnDisk) -> None:
    repository.git("checkout", "--quiet", "--detach")
    repository.write("a", "2\n")
    assert_skipped(repository, "detached")
    assert checkpoint(repository, replace(REQUEST, ref=True)).created


SETTINGS: list[tuple[str, Callable[[RepositoryOnDisk], object]]] = [
    ("signing", lambda made: made.git("config", "commit.gpgSign", "yes")),
    ("identity", lambda _: (Path(os.environ["HOME"]) / ".gitconfig").unlink()),
    ("hooks", lambda made: made.git("config", "core.hooksPath", str(hooks(made.root / "own", "pre-commit")))),
    ("hooks", lambda made: made.git("config", "core.hooksPath", hooks(made.root / "own", "commit-msg").name)),
    ("hooks", lambda made: hooks(made.root / ".git" / "hooks", "pre-commit")),
    ("hooks", lambda made: made.git("config", "hook.check.command", "touch hooked")),
]


def hooks(directory: Path, name: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\ntouch '{directory}/hooked'\n")
    (directory / name).chmod(0o755)
    return directory


@pytest.mark.parametrize(("reason", "configure"), SETTINGS)
def test_what_the_user_asks_of_commits_is_respected_by_giving_way(
    repository: RepositoryOnDisk, reason: str, configure: Callable[[RepositoryOnDisk], object]
) -> None:
    configure(repository)
    repository.write("a", "2\n")
    skipped = assert_skipped(repository, reason)
    assert "ref" in skipped.message
    made = checkpoint(repository, replace(REQUEST, ref=True))
    assert made.created, made.message
    assert not list(repository.root.rglob("hooked"))


@pytest.mark.parametrize("ref", [False, True])
@pytest.mark.parametrize("name", ["a", "new", "staged"])
def test_never_on_top_of_a_secret(repository: RepositoryOnDisk, name: str, ref: bool) -> None:
    repository.write(name, "key = SECRET\n")
    if name == "staged":
        repository.git("add", name)
    reason = "staged_changes" if name == "staged" and not ref else "secret"
    objects = sorted((repository.root / ".git" / "objects").rglob("*"))
    skipped = assert_skipped(repository, reason, replace(REQUEST, policy="all", ref=ref))
    assert "SECRET" not in skipped.message
    assert sorted((repository.root / ".git" / "objects").rglob("*")) == objects


def test_a_staged_secret_that_the_working_tree_hides_is_seen(repository: RepositoryOnDisk) -> None:
    repository.write("hidden", "SECRET\n")
    repository.git("add", "hidden")
    repository.git("update-index", "--skip-worktree", "hidden")
    (repository.root / "hidden").unlink()
    assert_skipped(repository, "secret", replace(REQUEST, ref=True))


def test_a_secret_that_was_committed_before_does_not_stop_the_work(repository: RepositoryOnDisk) -> None:
    repository.commit(a="example = SECRET\nx = 1\n")
    repository.write("a", "example = SECRET\nx = 2\n")
    assert checkpoint(repository).created
    repository.write("a", "example = SECRET\nx = 2\nSECRET too\n")
    assert_skipped(repository, "secret")


def test_a_file_of_two_gigabytes_is_left_out_and_one_that_is_not_looked_at_is_named(
    repository: RepositoryOnDisk,
) -> None:
    with repository.write("huge").open("r+b") as huge:
        huge.truncate(2 << 30)
    repository.write("large", "SECRET" + " " * (1 << 20))
    made = checkpoint(repository, replace(REQUEST, policy="all"))
    assert (made.created, made.files_changed, made.not_scanned) == (True, ("large",), ("large",))
    assert [(each.path, each.reason) for each in made.left_out] == [("huge", "larger than 64 MiB")]


def test_what_is_no_file_or_another_repository_is_left_out(repository: RepositoryOnDisk) -> None:
    (repository.root / "a").unlink()
    os.mkfifo(repository.root / "a")
    RepositoryOnDisk(repository.root / "inner").commit(x="1\n")
    repository.write("b", "2\n")
    made = checkpoint(repository, replace(REQUEST, policy="all"))
    assert "b" in made.files_changed
    assert {each.path for each in made.left_out} >= {"inner/"}
    assert "inner" not in repository.git("ls-tree", "--name-only", "HEAD").split()


def test_two_at_once_serialise_and_both_are_there(repository: RepositoryOnDisk) -> None:
    for number in range(8):
        repository.write(f"f{number}")
    repository.commit()

    def work(number: int) -> Checkpoint:
        repository.write(f"f{number}", "changed\n")
        return checkpoint(repository)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(work, range(8)))
    assert {each.reason for each in made} <= {None, "nothing_changed"}
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("fsck", "--strict") == ""
    commits = {each.commit_hash for each in made if each.created}
    assert int(repository.git("rev-list", "--count", "HEAD")) == 2 + len(commits)


def test_what_the_user_stages_meanwhile_is_not_taken(repository: RepositoryOnDisk) -> None:
    """The secret scan is where this checkpoint is when the user's `git add` goes through."""
    repository.write("a", "2\n")
    repository.write("b", "2\n")

    def stage(_: str) -> Sequence[object]:
        repository.git("add", "b")
        return ()

    made = create_checkpoint(repository.root, [repository.root], REQUEST, stage, NOW)
    assert (made.created, made.reason) == (False, "staged_changes")
    assert repository.git("status", "--porcelain") == "M a\nM  b"


def test_while_another_git_command_holds_the_index_there_is_none(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    lock = repository.root / ".git" / "index.lock"
    lock.write_bytes(b"DIRC")
    before = repository.index
    made = checkpoint(repository)
    assert (made.reason, repository.index, lock.read_bytes()) == ("busy", before, b"DIRC")


def test_what_a_killed_checkpoint_left_is_removed(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    git_dir = repository.root / ".git"
    (git_dir / "index.lock").write_bytes(OURS)
    (git_dir / "segue-index-left").write_bytes(b"")
    assert checkpoint(repository).created
    assert not (git_dir / "index.lock").exists()
    assert not (git_dir / "segue-index-left").exists()


def test_a_branch_that_cannot_be_moved_leaves_the_index(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    (repository.root / ".git" / "refs" / "heads" / "main.lock").write_text("")
    made = assert_skipped(repository, "failed")
    assert made.message.startswith("git update-ref failed")


def test_an_object_store_that_is_broken_leaves_the_index(repository: RepositoryOnDisk) -> None:
    repository.write("a", "2\n")
    repository.write("b", "other\n")
    blob = repository.git("hash-object", "b")
    (repository.root / ".git" / "objects" / blob[:2]).write_text("a file where a directory has to be")
    assert_skipped(repository, "failed")


def test_a_file_with_a_filter_is_left_out_and_the_rest_recorded(repository: RepositoryOnDisk) -> None:
    repository.commit(**{".gitattributes": "*.bin filter=lfs\n"})
    repository.write("x.bin", "a pointer\n")
    repository.commit()
    repository.git("config", "filter.lfs.clean", "sed s/a/b/")
    repository.write("x.bin", "large content\n")
    repository.write("a", "2\n")
    made = checkpoint(repository)
    assert made.files_changed == ("a",)
    assert [each.path for each in made.left_out] == ["x.bin"]


def test_in_a_linked_worktree_its_own_branch_is_committed_to(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", "-b", "feature", str(tmp_path / "linked"))
    main = repository.git("rev-parse", "main")
    (tmp_path / "linked" / "a").write_text("2\n")
    made = create_checkpoint(tmp_path / "linked", [tmp_path], REQUEST, find_secrets, NOW)
    assert (repository.git("rev-parse", "feature"), repository.git("rev-parse", "main")) == (made.commit_hash, main)


def test_a_split_index_survives(repository: RepositoryOnDisk) -> None:
    repository.git("update-index", "--split-index")
    repository.write("a", "2\n")
    assert checkpoint(repository).created
    assert repository.git("status", "--porcelain") == ""


def test_a_change_in_the_moment_the_index_was_written_is_recorded(repository: RepositoryOnDisk) -> None:
    """Size and time of the file are as the index knows them; git looks inside because the index is no newer."""
    repository.git("config", "core.trustctime", "false")
    file, index, then_s = repository.root / "a", repository.root / ".git" / "index", 1_000_000_000
    os.utime(file, (then_s, then_s))
    repository.git("update-index", "--refresh")
    repository.write("a", "2\n")
    for each in (file, index):
        os.utime(each, (then_s, then_s))
    assert checkpoint(repository).files_changed == ("a",)


@pytest.mark.parametrize("wrong", ["", "../x", "a/b", "-x", "a" * 129, "a\nb"])
def test_an_id_that_is_no_name_is_refused(repository: RepositoryOnDisk, wrong: str) -> None:
    with pytest.raises(InvalidInput):
        checkpoint(repository, replace(REQUEST, session_id=wrong))


def test_head_may_not_lead_out_of_the_refs(repository: RepositoryOnDisk) -> None:
    (repository.root / ".git" / "HEAD").write_text("ref: refs/heads/../../escaped\n")
    repository.write("new")
    made = checkpoint(repository, replace(REQUEST, policy="all"))
    assert not made.created
    assert not list(repository.root.rglob("escaped*"))


def test_after_a_killed_checkpoint_the_next_one_goes_through(repository: RepositoryOnDisk) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from services.workspace.git.checkpoint import CheckpointRequest, create_checkpoint\n"
        "root = Path(sys.argv[1])\n"
        "def find(text): print('inside', flush=True); sys.stdin.read()\n"
        "create_checkpoint(root, [root], CheckpointRequest('p', 's'), find, datetime.now(UTC))\n"
    )
    repository.write("a", "2\n")
    command = [sys.executable, "-c", code, str(repository.root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=Path(__file__).parents[4]) as process:
        assert process.stdout
        assert process.stdout.readline() == b"inside\n"
        process.kill()
    assert checkpoint(repository).created
    assert repository.git("status", "--porcelain") == ""
