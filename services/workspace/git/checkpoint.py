"""Checkpoint commits: record the working tree, on the branch or on a separate ref, without touching the user's work.

On the branch a checkpoint is a commit like the user's own, so some things prevent it: staged changes (the commit would
include them, and a half-staged file would lose its staged part), hooks and signing (hooks are programs of the
repository, signing needs the user's key). With `ref` it is a commit on `refs/segue/checkpoints/{session}`: branch,
index and working tree stay as they are, so none of these prevents it; a half-staged file is recorded as in the tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from services.kit.errors import InvalidInput, ServiceError, TooLarge
from services.workspace import serialization
from services.workspace.git.commit_preconditions import Reason, identity_missing, obstacle
from services.workspace.git.filtered_files import Touched, touched_files, without_touched
from services.workspace.git.index_lock import Busy, Changed, checkpoint_lock, index_identity, replace_index
from services.workspace.git.moved_files import moved_files
from services.workspace.git.repository import DEFAULT_LIMITS, Repository, find_repository, refuse_links
from services.workspace.git.secret_scan import FindSecrets, scan
from services.workspace.git.snapshot import Candidate, LeftOut, Moves, candidates, git_output, index_of_its_own, record
from services.workspace.git.status import Status, read_status
from services.workspace.process import Limits
from services.workspace.serialization import Lines, readable

REF_PREFIX = "refs/segue/checkpoints/"
FILES_MAX = 64
ATTEMPTS_MAX = 3
UNCERTAIN = "perhaps changed; only its git filter could tell, which is not run"
"""Of a file with a filter that has the size which it had before."""
METRICS_MAX = 20
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")

Policy = Literal["off", "tracked", "all"]


@dataclass(frozen=True)
class CheckpointRequest:
    """What to record. `quality_score` and `metrics` are 0 to 100; with `checkpoint_id` a repetition commits nothing.

    `quality_coverage` is the share of the score that was measured, 0 to 1.
    """

    project: str
    session_id: str
    quality_score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    policy: Policy = "tracked"
    ref: bool = False
    checkpoint_id: str | None = None
    note: str | None = None
    quality_coverage: float | None = field(default=None, metadata={serialization.LATER: True})


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, or with `created` false the `reason` why there is none, in `message` as text for the user.

    `files_changed` are the first 64 of `files_changed_count`; `left_out` were not recorded; `not_scanned` were, but are
    too large to scan for secrets.
    """

    created: bool
    message: Lines
    reason: Reason | None = None
    commit_hash: str | None = None
    ref: str | None = None
    files_changed: tuple[str, ...] = ()
    files_changed_count: int = 0
    left_out: tuple[LeftOut, ...] = ()
    not_scanned: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        content: dict[str, Any] = serialization.to_dict(self)
        return content

    @classmethod
    def from_dict(cls, content: object) -> Checkpoint:
        """Parses a checkpoint that a client made. Raises InvalidInput."""
        return serialization.from_dict(cls, content)


class Skip(Exception):
    """Ends the attempt without a checkpoint: the reason, and its text."""

    def __init__(self, reason: Reason, message: str, left_out: Sequence[LeftOut] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.left_out = tuple(left_out[:FILES_MAX])


def create_checkpoint(
    directory: Path,
    roots: Sequence[Path],
    request: CheckpointRequest,
    find_secrets: FindSecrets,
    now: datetime,
    limits: Limits = DEFAULT_LIMITS,
) -> Checkpoint:
    """Makes a checkpoint of a directory (already resolved), or says why not; HEAD, index and files are then unchanged.

    `find_secrets` returns the secrets in a text. `now` has an offset. The limits apply to each git process.
    Raises InvalidInput for an invalid session id, checkpoint id or policy.
    """
    _check(request)
    try:
        return _record(_working_tree(directory, roots, request, limits), request, find_secrets, now)
    except Skip as skip:
        return Checkpoint(False, Lines(str(skip)), skip.reason, left_out=skip.left_out)
    except Busy as busy:
        return Checkpoint(False, Lines(str(busy)), "busy")
    except ServiceError as problem:
        return Checkpoint(False, Lines(readable(problem.message)), "failed")
    except OSError as problem:  # a full disk, a read-only repository
        return Checkpoint(False, Lines(f"The repository cannot be written: {problem.strerror}"), "failed")


def commit_message(request: CheckpointRequest, now: datetime) -> Lines:
    """The message of a checkpoint; its subject is one line."""
    score = "not measured" if request.quality_score is None else f"{request.quality_score:.0f}/100"
    is_partial = request.quality_score is not None and request.quality_coverage is not None
    of = f" ({100 * (request.quality_coverage or 0):.0f} % measured)" if is_partial else ""
    lines = [f"checkpoint: {readable(request.project, 100)} (quality: {score}) - {now:%Y-%m-%d %H:%M:%S}{of}", ""]
    lines.append(f"Session: {request.session_id}")
    if request.checkpoint_id:
        lines.append(_id_line(request.checkpoint_id))
    if request.metrics:
        metrics = list(request.metrics.items())[:METRICS_MAX]
        lines += ["Quality Metrics:", *(f"- {readable(name, 60)}: {value:.0f}/100" for name, value in metrics)]
    if request.note:
        lines += ["", readable(request.note, 500)]
    return Lines("\n".join(lines) + "\n")


class _Tip(NamedTuple):
    """The commit that a ref points to."""

    hash: str
    tree: str
    message: str


def _check(request: CheckpointRequest) -> None:
    ids = [request.session_id, *([request.checkpoint_id] if request.checkpoint_id else [])]
    if not all(ID.fullmatch(each) for each in ids):
        raise InvalidInput("A session or checkpoint id has letters, digits, `-` and `_` only, at most 128 of them")
    if request.policy not in {"off", "tracked", "all"}:
        raise InvalidInput("The checkpoint policy is one of off, tracked, all")


def _working_tree(directory: Path, roots: Sequence[Path], request: CheckpointRequest, limits: Limits) -> Repository:
    if request.policy == "off":
        raise Skip("policy", "Checkpoint commits are switched off for this project")
    repository = find_repository(directory, roots, limits)
    if repository is None:
        raise Skip("no_repository", "There is no git repository here; `git init` makes one")
    if repository.bare:
        raise Skip("bare", "A bare repository has no files to record")
    return repository


def _record(repository: Repository, request: CheckpointRequest, find_secrets: FindSecrets, now: datetime) -> Checkpoint:
    with checkpoint_lock(repository.git_dir):
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                return _create(repository, request, find_secrets, now)
            except Changed:  # another git process wrote the index meanwhile
                continue
        return _create(repository, request, find_secrets, now)


def _create(repository: Repository, request: CheckpointRequest, find_secrets: FindSecrets, now: datetime) -> Checkpoint:
    before = index_identity(repository.git_dir)
    status, moves, touched = _changes(repository, request)
    ref = f"{REF_PREFIX}{request.session_id}" if request.ref else None
    tip = _tip(repository, ref or "HEAD") if ref or status.head else None
    if tip and request.checkpoint_id and _id_line(request.checkpoint_id) in tip.message.splitlines():
        return Checkpoint(True, Lines(tip.message), commit_hash=tip.hash, ref=ref)
    if found := obstacle(repository, status, on_branch=not request.ref):
        raise Skip(*found)
    refuse_links(repository, ref or f"refs/heads/{status.branch}")
    taken, left_out = candidates(repository, status, moves, with_new=request.policy == "all")
    uncertain = {readable(path) for path in touched.likely}
    left_out = [LeftOut(each.path, UNCERTAIN) if each.path in uncertain else each for each in left_out]
    if not taken:
        raise Skip("nothing_changed", f"Nothing changed that could be recorded{_why(left_out)}", left_out)
    not_scanned = _refuse_secrets(repository, taken, find_secrets)
    message = commit_message(request, now)
    with index_of_its_own(repository) as index:
        tree = record(repository, index, taken)
        if tip and tree == tip.tree:
            raise Skip("nothing_changed", "Nothing changed since the last commit or checkpoint", left_out)
        commit = _commit(repository, tree, _parents(status, tip, ref), message, now)
        if ref:
            _move(repository, ref, commit, tip)
        else:
            replace_index(repository.git_dir, index, before, lambda: _move(repository, "HEAD", commit, tip))
    names = tuple(readable(candidate.path) for candidate in taken[:FILES_MAX])
    left = tuple(left_out[:FILES_MAX])
    return Checkpoint(True, message, None, commit, ref, names, len(taken), left, tuple(not_scanned[:FILES_MAX]))


def _changes(repository: Repository, request: CheckpointRequest) -> tuple[Status, Moves, Touched]:
    """The status, with every untracked file where they are recorded or may be files that were moved; the moves; and
    what was only touched."""
    status, is_whole = _status(repository, request)
    touched = touched_files(repository, status)
    status = without_touched(status, touched)
    return status, moved_files(repository, status) if is_whole else Moves(is_unknown=True), touched


def _status(repository: Repository, request: CheckpointRequest) -> tuple[Status, bool]:
    """The status, and whether it lists all that is needed to tell what was moved."""
    if request.policy == "all":
        return read_status(repository, "all"), True
    status = read_status(repository)
    if not status.untracked or not any(change.unstaged == "D" for change in status.changes):
        return status, True
    try:
        return read_status(repository, "all"), True
    except TooLarge:
        return status, False


def _refuse_secrets(repository: Repository, taken: Sequence[Candidate], find_secrets: FindSecrets) -> list[str]:
    """Raises Skip for files with secrets; returns the files that were too large to scan."""
    found, not_scanned = scan(repository, taken, find_secrets)
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise Skip("secret", f"There is a secret in {', '.join(found[:3])}{more}; remove it, or ignore the file")
    return not_scanned


def _tip(repository: Repository, ref: str) -> _Tip | None:
    finished = repository.git("log", "-1", "--no-show-signature", "--format=%H%x00%T%x00%B", ref, "--")
    fields = finished.output.decode("utf-8", "replace").split("\0")
    return _Tip(fields[0], fields[1], fields[2].strip() + "\n") if finished.ok and len(fields) == 3 else None


def _parents(status: Status, tip: _Tip | None, ref: str | None) -> list[str]:
    """HEAD first, so that the checkpoint's diff shows the uncommitted changes; then the checkpoint before."""
    return [parent for parent in (status.head, tip.hash if tip and ref else None) if parent]


def _commit(repository: Repository, tree: str, parents: Sequence[str], message: str, now: datetime) -> str:
    people = ("AUTHOR", "COMMITTER")
    environment = {f"GIT_{person}_DATE": now.isoformat(timespec="seconds") for person in people}
    if identity_missing(repository):
        environment |= {f"GIT_{person}_NAME": "Segue" for person in people}
        environment |= {f"GIT_{person}_EMAIL": "segue@localhost" for person in people}
    options = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
    arguments = ("commit-tree", "--no-gpg-sign", *options, tree)
    return git_output(repository, *arguments, given=message.encode(), environment=environment)


def _move(repository: Repository, ref: str, commit: str, tip: _Tip | None) -> None:
    """Points `ref` at the commit, if it is unchanged since `tip` was read. Raises Unavailable."""
    old = tip.hash if tip else "0" * len(commit)
    git_output(repository, "update-ref", "-m", "checkpoint", ref, commit, old)


def _why(left_out: Sequence[LeftOut]) -> str:
    return f"; left out: {left_out[0].path} ({left_out[0].reason})" if left_out else ""


def _id_line(checkpoint_id: str) -> str:
    return f"Checkpoint: {checkpoint_id}"
