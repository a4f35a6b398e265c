"""Checkpoints of a repository: their list, what one changed, and putting its files back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.kit.errors import InvalidInput, NotFound, Unavailable
from services.workspace.git.repository import Repository
from services.workspace.git.snapshot import filtered_paths, git_output, index_of_its_own
from services.workspace.git.state import operation_in_progress
from services.workspace.serialization import Lines, readable

REF_PREFIX = "refs/segue/checkpoints/"
LISTED_MAX = 1000
_name = re.compile(r"[0-9a-fA-F]{4,64}|refs/segue/checkpoints/[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_subject = "^checkpoint: "
_format = "--format=%H%x00%ct%x00%S%x00%s"


@dataclass(frozen=True)
class Recorded:
    """A checkpoint's commit; `ref` is empty for one on the branch."""

    commit: str
    committed_at: datetime
    ref: str
    subject: str


@dataclass(frozen=True)
class Restored:
    """The paths that were put back, and those that were not, with the reason."""

    paths: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...] = ()


def checkpoints(repository: Repository, limit: int = 20) -> list[Recorded]:
    """The checkpoints on the current branch and on refs of their own, newest first."""
    heads = repository.git("rev-parse", "--verify", "--quiet", "HEAD")
    names = repository.git("for-each-ref", "--format=%(refname)", REF_PREFIX).output.decode("utf-8", "replace").split()
    starts = [*(["HEAD"] if heads.ok else []), *names]
    if not starts:
        return []
    options = ("--source", f"--max-count={min(limit, LISTED_MAX)}", f"--grep={_subject}", "--date-order", _format)
    finished = repository.git("log", "-z", *options, *starts, "--")
    if not finished.ok:
        raise Unavailable("git cannot list the checkpoints", "Run `git log` there.")
    fields = [row.split("\0") for row in _rows(finished.output)]
    return [_record_of(row) for row in fields]


def _rows(output: bytes) -> list[str]:
    """The records of a log whose four fields and whose end are all marked by a zero."""
    fields = output.decode("utf-8", "replace").split("\0")
    return ["\0".join(fields[at : at + 4]) for at in range(0, len(fields) - 3, 4)]


def _record_of(row: Sequence[str]) -> Recorded:
    commit, seconds, source, subject = row
    ref = source if source.startswith(REF_PREFIX) else ""
    return Recorded(commit, datetime.fromtimestamp(min(int(seconds), 2**33), UTC), ref, readable(subject))


def description(repository: Repository, name: str) -> Lines:
    """A checkpoint's message and the files it changed."""
    commit = _commit(repository, name)
    options = ("--stat=100", "--first-parent", "-m", "--no-ext-diff", "--no-textconv", "--no-show-signature")
    finished = repository.git("show", *options, "--format=%H%n%cI%n%n%B", commit, "--")
    if not finished.ok:
        raise Unavailable("git cannot show the checkpoint", "Run `git show` there.")
    lines = finished.output.decode("utf-8", "replace").splitlines()
    return Lines("\n".join(readable(line) for line in lines))


def changed_since(repository: Repository, name: str) -> list[bytes]:
    """The files of a checkpoint that are missing or other in the working tree."""
    commit = _commit(repository, name)
    with index_of_its_own(repository) as index:
        environment = {"GIT_INDEX_FILE": str(index)}
        git_output(repository, "read-tree", commit, environment=environment)
        repository.git("update-index", "-q", "--refresh", environment=environment)
        finished = repository.git("diff-files", "--name-only", "-z", "--ignore-submodules", environment=environment)
    if not finished.ok:
        raise Unavailable("git cannot compare the checkpoint with the working tree", "Run `git status` there.")
    return finished.output.split(b"\0")[:-1]


def restore(repository: Repository, name: str) -> Restored:
    """Puts a checkpoint's files back into the working tree. The branch, the index and newer files stay as they are.

    Raises InvalidInput, NotFound and Unavailable. Record the state of now first: what is overwritten is gone.
    """
    if operation := operation_in_progress(repository):
        raise InvalidInput(f"A {operation} is in progress", "Finish it first.")
    commit, paths = _commit(repository, name), changed_since(repository, name)
    filtered = filtered_paths(repository, paths)
    chosen = [path for path in paths if path not in filtered]
    with index_of_its_own(repository) as index:
        environment = {"GIT_INDEX_FILE": str(index)}
        git_output(repository, "read-tree", commit, environment=environment)
        given = b"".join(path + b"\0" for path in chosen)
        if chosen:
            git_output(repository, "checkout-index", "--force", "-z", "--stdin", given=given, environment=environment)
    left_out = tuple((readable(path), "changed by a git filter, which is not run") for path in sorted(filtered))
    return Restored(tuple(readable(path) for path in chosen), left_out)


def _commit(repository: Repository, name: str) -> str:
    """The commit of that name, which must be a checkpoint's."""
    if not _name.fullmatch(name):
        raise InvalidInput("A checkpoint is named by its commit or by its ref", "`segue checkpoint list` shows both.")
    finished = repository.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    commit = finished.output.decode("ascii", "replace").strip()
    subject = repository.git("log", "-1", "--no-show-signature", "--format=%s", commit, "--") if commit else finished
    if not finished.ok or not subject.output.startswith(b"checkpoint: "):
        raise NotFound(f"{name} is no checkpoint here", "`segue checkpoint list` shows them.")
    return commit
