"""A repository that brings programs, or points elsewhere: none is run, nothing outside is read or written.

The canary is a program that leaves a file when it is run. For each bait, plain git is shown to take it first.
"""

from __future__ import annotations

import os
import select
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.kit.errors import Denied
from services.workspace.dependencies.lock_status import dependency_files
from services.workspace.developer_tools import find_tools
from services.workspace.evidence import measure
from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from services.workspace.git.state import git_facts
from services.workspace.process import Limits, run
from tests.repositories import NOW, RepositoryOnDisk, home_of_its_own

REQUEST = CheckpointRequest("project", "session-1", policy="all")


@dataclass(frozen=True)
class Bait:
    """Configuration with CANARY in it, attributes, and the git command of a user that would run the canary."""

    name: str
    config: str
    user_runs: tuple[str, ...]
    attributes: str = ""


BAITS = [
    Bait("fsmonitor", "[core]\n\tfsmonitor = CANARY", ("status",)),
    Bait("filter clean", '[filter "x"]\n\tclean = CANARY', ("add", "."), "* filter=x"),
    Bait("filter process", '[filter "x"]\n\tprocess = CANARY\n\trequired', ("add", "."), "* filter=x"),
    Bait("filter, odd name", '[filter "a.b c"]\n\tclean = CANARY', ("add", "."), "* filter=x\n"),
    Bait("hooks path", "[core]\n\thooksPath = HOOKS", ("commit", "--allow-empty", "-m", "x")),
    Bait("external diff", "[diff]\n\texternal = CANARY", ("diff",)),
    Bait("diff driver", '[diff "x"]\n\tcommand = CANARY', ("diff",), "* diff=x"),
    Bait("text conversion", '[diff "x"]\n\ttextconv = CANARY', ("diff",), "* diff=x"),
    Bait("alias", "[alias]\n\tst = !CANARY\n\tstatus = !CANARY\n\tlog = !CANARY", ("st",)),
    Bait("signing", "[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = CANARY", ("commit", "--allow-empty", "-m", "x")),
    Bait("pager", "[core]\n\tpager = CANARY\n[pager]\n\tstatus = CANARY\n\tlog = CANARY", ("-p", "log")),
    Bait("editor", "[core]\n\teditor = CANARY", ("commit", "--allow-empty")),
    Bait("credential helper", "[credential]\n\thelper = !CANARY", ("credential", "fill")),
    Bait("included file", "[include]\n\tpath = included", ("status",)),
    Bait("included by branch", '[includeIf "onbranch:main"]\n\tpath = included', ("status",)),
    Bait("per worktree", "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tworktreeConfig = true", ("status",)),
]


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program; after it was run there is a file `ran` beside it."""
    home_of_its_own(tmp_path, monkeypatch)
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\nexit 1\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def repository(tmp_path: Path, canary: Path) -> RepositoryOnDisk:
    made = RepositoryOnDisk(tmp_path / "roots" / "project")
    made.commit(a="1\n", b="1\n")
    made.write("a", "2\n")
    made.write("new")
    return made


def laid(bait: Bait, repository: RepositoryOnDisk, canary: Path) -> None:
    git_dir = repository.root / ".git"
    hooks = repository.root.parent / "hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "post-index-change", "reference-transaction", "post-commit"):
        shutil.copy(canary, hooks / name)
    (git_dir / "included").write_text(f"[core]\n\tfsmonitor = {canary}\n")
    (git_dir / "config.worktree").write_text(f"[core]\n\tfsmonitor = {canary}\n")
    with (git_dir / "config").open("a") as config:
        config.write(bait.config.replace("CANARY", str(canary)).replace("HOOKS", str(hooks)) + "\n")
    (git_dir / "info" / "attributes").write_text(bait.attributes)


def no_secrets(text: str) -> Sequence[object]:
    return []


def checkpoints(repository: RepositoryOnDisk) -> list[Checkpoint]:
    roots = [repository.root.parent]
    requests = (CheckpointRequest("project", "session-1", policy="all", ref=ref) for ref in (True, False))
    return [create_checkpoint(repository.root, roots, request, no_secrets, NOW) for request in requests]


@pytest.mark.parametrize("bait", BAITS, ids=lambda bait: bait.name)
def test_no_program_that_the_configuration_names_is_run(repository: RepositoryOnDisk, canary: Path, bait: Bait) -> None:
    laid(bait, repository, canary)
    known = git_facts(repository.root, [repository.root.parent], NOW)
    made = checkpoints(repository)
    assert known.state == "ready"
    assert {each.reason for each in made} <= {None, "hooks", "signing", "nothing_changed"}
    assert not (canary.parent / "ran").exists()


@pytest.mark.parametrize(
    "bait", [bait for bait in BAITS if bait.name != "filter, odd name"], ids=lambda bait: bait.name
)
def test_plain_git_would_have_run_it(repository: RepositoryOnDisk, canary: Path, bait: Bait) -> None:
    laid(bait, repository, canary)
    repository.git(*bait.user_runs, check=False)
    assert (canary.parent / "ran").exists() or bait.name in {"pager", "credential helper"}  # a terminal, an address


def test_no_hook_of_the_repository_is_run(repository: RepositoryOnDisk, canary: Path) -> None:
    names = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-index-change", "post-checkout")
    for name in (*names, "reference-transaction", "fsmonitor-watchman", "pre-auto-gc"):
        shutil.copy(canary, repository.root / ".git" / "hooks" / name)
    on_ref, on_branch = checkpoints(repository)
    assert (on_ref.created, on_branch.reason) == (True, "hooks")
    assert not (canary.parent / "ran").exists()


@pytest.mark.parametrize("transport", ["url", "uploadpack", "ssh", "helper"])
def test_a_missing_object_is_not_fetched(repository: RepositoryOnDisk, canary: Path, transport: str) -> None:
    """A promisor remote makes git fetch what is missing, with the programs that the repository names."""
    settings = {
        "url": f"url = ext::{canary}",
        "uploadpack": f"url = {repository.root}\n\tuploadpack = {canary}",
        "ssh": "url = ssh://nowhere.invalid/x",
        "helper": f"url = x\n\tvcs = ext\n\tproxy = {canary}",
    }
    config = f'[core]\n\trepositoryFormatVersion = 1\n\tsshCommand = {canary}\n[protocol "ext"]\n\tallow = always\n'
    config += '[protocol "file"]\n\tallow = always\n[protocol]\n\tallow = always\n[extensions]\n\tpartialClone = far\n'
    config += f'[remote "far"]\n\tpromisor = true\n\t{settings[transport]}\n'
    laid(Bait(transport, config, ()), repository, canary)
    tree = repository.git("rev-parse", "HEAD^{tree}")
    for missing in (repository.git("rev-parse", "HEAD:a"), tree):
        (repository.root / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
    git_facts(repository.root, [repository.root.parent], NOW)
    checkpoints(repository)
    assert not (canary.parent / "ran").exists()
    if transport != "helper":
        repository.git("cat-file", "-p", tree, check=False)
        assert (canary.parent / "ran").exists()


def test_what_a_submodule_brings_is_not_run(repository: RepositoryOnDisk, canary: Path, tmp_path: Path) -> None:
    inner = RepositoryOnDisk(tmp_path / "inner")
    inner.commit(x="1\n")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "inner")
    repository.commit()
    with (repository.root / ".git" / "modules" / "inner" / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = {canary}\n[filter "x"]\n\tclean = {canary}\n')
    (repository.root / ".git" / "modules" / "inner" / "info" / "attributes").write_text("* filter=x\n")
    with (repository.root / ".git" / "config").open("a") as config:
        config.write(f'[submodule "inner"]\n\tupdate = !{canary}\n\tignore = none\n')
    (repository.root / "inner" / "x").write_text("2\n")
    git_facts(repository.root, [repository.root.parent], NOW)
    checkpoints(repository)
    assert not (canary.parent / "ran").exists()
    repository.git("status")
    assert (canary.parent / "ran").exists()


def test_names_that_cannot_be_switched_off_are_refused(repository: RepositoryOnDisk, canary: Path) -> None:
    laid(Bait("", f'[filter "a=b"]\n\tclean = {canary}', (), "* filter=a=b"), repository, canary)
    known = git_facts(repository.root, [repository.root.parent], NOW)
    assert (known.state, "switched off" in (known.problem or "")) == ("unreadable", True)
    assert [each.reason for each in checkpoints(repository)] == ["failed", "failed"]
    assert not (canary.parent / "ran").exists()


def test_a_tool_or_a_git_of_the_repository_itself_is_not_taken(
    repository: RepositoryOnDisk, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [repository.root / "bin", repository.root.parent / "linked"]
    places[0].mkdir()
    places[1].mkdir()
    for name in ("git", "ruff", "sh"):
        shutil.copy(canary, places[0] / name)
        (places[1] / name).symlink_to(places[0] / name)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", "bin", *map(str, places), os.environ["PATH"]]))
    monkeypatch.chdir(repository.root / "bin")
    assert git_facts(repository.root, [repository.root.parent], NOW).state == "ready"
    assert all(
        not Path(path).resolve().is_relative_to(repository.root) for path in find_tools(repository.root).values()
    )
    assert not (canary.parent / "ran").exists()


def test_variables_of_the_environment_do_not_lead_elsewhere(
    repository: RepositoryOnDisk, canary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = RepositoryOnDisk(tmp_path / "other")
    for name, value in {
        "GIT_DIR": str(other.root / ".git"),
        "GIT_WORK_TREE": str(other.root),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_EXTERNAL_DIFF": str(canary),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(canary),
        "GIT_TRACE": str(tmp_path / "trace"),
    }.items():
        monkeypatch.setenv(name, value)
    known = git_facts(repository.root, [repository.root.parent], NOW)
    assert (known.unstaged.names, known.untracked.names) == (("a",), ("new",))
    assert not (canary.parent / "ran").exists()
    assert not (tmp_path / "trace").exists()


ELSEWHERE = ["work tree", "git file", "git link", "common directory", "objects", "references"]


@pytest.mark.parametrize("where", ELSEWHERE)
@pytest.mark.parametrize("place", ["outside", "roots/other"])
def test_a_repository_that_points_elsewhere_is_not_followed(
    repository: RepositoryOnDisk, tmp_path: Path, where: str, place: str
) -> None:
    other = RepositoryOnDisk(tmp_path / place)
    other.commit(private="1\n")
    other.write("private", "2\n")
    before = other.git("for-each-ref"), other.index
    pointed(repository.root / ".git", other.root, where)
    known = git_facts(repository.root, [tmp_path / "roots"], NOW)
    assert "private" not in str(known)
    assert known.state == "unreadable" or (place != "outside" and where in {"objects", "references"})
    assert not any(each.created for each in checkpoints(repository))
    assert (other.git("for-each-ref"), other.index) == before


def pointed(git_dir: Path, other: Path, where: str) -> None:
    if where == "work tree":
        with (git_dir / "config").open("a") as config:
            config.write(f"[core]\n\tworktree = {other}\n")
    elif where in {"git file", "git link"}:
        shutil.rmtree(git_dir)
        if where == "git link":
            git_dir.symlink_to(other / ".git")
        else:
            git_dir.write_text(f"gitdir: {other}/.git\n")
    elif where == "common directory":
        (git_dir / "commondir").write_text(f"{other}/.git\n")
    else:
        name = {"objects": "objects", "references": "refs"}[where]
        shutil.rmtree(git_dir / name)
        (git_dir / name).symlink_to(other / ".git" / name)


@pytest.mark.parametrize("name", ["logs/HEAD", "logs/refs/heads/main", "refs/heads", "refs/segue", "objects", "HEAD"])
def test_nothing_is_written_through_a_link(repository: RepositoryOnDisk, tmp_path: Path, name: str) -> None:
    """A log that leads to a shell's start-up file would get a line with the repository's `user.name` in it."""
    repository.git("config", "user.name", "$(canary)")
    git_dir, elsewhere = repository.root / ".git", repository.root.parent / "elsewhere"
    (git_dir / name).parent.mkdir(parents=True, exist_ok=True)
    if (git_dir / name).exists():
        (git_dir / name).rename(elsewhere)
    else:
        elsewhere.mkdir()
    (git_dir / name).symlink_to(elsewhere)
    before = contents(elsewhere)
    on_ref, on_branch = checkpoints(repository)
    assert contents(elsewhere) == before
    assert "failed" in {on_ref.reason, on_branch.reason}


def contents(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (place, *place.rglob("*")) if path.is_file()}


def test_a_made_up_linked_worktree_does_not_move_another_repositorys_branch(
    repository: RepositoryOnDisk, tmp_path: Path
) -> None:
    trap = tmp_path / "roots" / "trap"
    (trap / "made-up").mkdir(parents=True)
    (trap / ".git").write_text("gitdir: made-up\n")
    (trap / "made-up" / "gitdir").write_text(f"{trap}/.git\n")
    (trap / "made-up" / "commondir").write_text(f"{repository.root}/.git\n")
    (trap / "made-up" / "HEAD").write_text("ref: refs/heads/main\n")
    made = create_checkpoint(trap, [tmp_path / "roots"], REQUEST, no_secrets, NOW)
    assert (made.created, made.reason) == (False, "failed")
    assert git_facts(trap, [tmp_path / "roots"], NOW).state == "unreadable"


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes"])
def test_a_file_that_never_ends_is_left_when_the_time_is_up(repository: RepositoryOnDisk, name: str) -> None:
    os.mkfifo(repository.root / name)
    known = git_facts(repository.root, [repository.root.parent], NOW, Limits(timeout_s=0.3))
    assert known.state == "unreadable" or known.dirty


def test_special_files_in_place_of_manifests_are_passed_over(repository: RepositoryOnDisk) -> None:
    os.mkfifo(repository.root / "pyproject.toml")
    (repository.root / "package.json").symlink_to("/dev/zero")
    (repository.root / ".gitmodules").symlink_to("/dev/zero")
    os.mkfifo(repository.root / ".git" / "MERGE_HEAD")
    assert dependency_files(repository.root) == ()
    assert git_facts(repository.root, [repository.root.parent], NOW, Limits(timeout_s=0.3)).submodules.count == 0


def test_a_lock_that_is_a_link_is_not_followed(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("untouched")
    (repository.root / ".git" / "segue-checkpoint.lock").symlink_to(tmp_path / "precious")
    assert {each.reason for each in checkpoints(repository)} == {"failed"}
    assert (tmp_path / "precious").read_text() == "untouched"


def test_manifests_that_are_a_trap_are_answered_with_unknown(repository: RepositoryOnDisk) -> None:
    for name, lock in (
        ("package.json", "package-lock.json"),
        ("pyproject.toml", "uv.lock"),
        ("Cargo.toml", "Cargo.lock"),
    ):
        repository.write(name, "[" * 100_000)
        repository.write(lock, "[" * 100_000)
    known = measure(repository.root, [repository.root.parent], NOW)
    assert {each.status for each in known.dependencies} == {"unknown"}


def test_a_child_is_killed_with_all_its_children(tmp_path: Path) -> None:
    """The grandchild holds a pipe open; its end is that of the pipe."""
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    try:
        script = f"exec 3> '{tmp_path}/held'; sleep 600 & yes"
        done = run(["/bin/sh", "-c", script], tmp_path, {"PATH": "/usr/bin:/bin"}, Limits(30, 100_000))
        ended, _, _ = select.select([held], [], [], 30)
    finally:
        os.close(held)
    assert (done.ending, ended) == ("too much output", [held])


def test_a_child_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    done = run(["/bin/sh", "-c", "echo begun; sleep 60"], tmp_path, {"PATH": "/usr/bin:/bin"}, Limits(0.3))
    assert (done.ending, done.ok) == ("timed out", False)


def test_a_child_that_prints_without_end_is_stopped(tmp_path: Path) -> None:
    done = run(["/bin/sh", "-c", "yes; yes >&2"], tmp_path, {"PATH": "/usr/bin:/bin"}, Limits(10, 100_000))
    assert (done.ending, len(done.output)) == ("too much output", 100_000)


def test_outside_the_roots_nothing_is_measured(repository: RepositoryOnDisk, tmp_path: Path) -> None:
    (tmp_path / "roots" / "link").symlink_to(tmp_path)
    with pytest.raises(Denied):
        measure(tmp_path / "roots" / "link", [tmp_path / "roots"], NOW)
