"""The git state of a directory: branch, changes, operation in progress, worktrees, submodules, velocity."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from services.kit.errors import DeadlineExceeded, Denied, ServiceError, Unavailable
from services.workspace.allowed_roots import inside
from services.workspace.git.filtered_files import touched_files, without_touched
from services.workspace.git.repository import DEFAULT_LIMITS, Repository, find_repository
from services.workspace.git.status import Status, read_status
from services.workspace.process import Limits
from services.workspace.serialization import readable

PATHS_MAX = 20
WORKTREES_MAX = 16
SUBMODULES_MAX = 16
COMMITS_MAX = 1000
FINGERPRINT_FILES_MAX = 10_000
FILE_MAX_BYTES = 1 << 16

Operation = Literal["merge", "rebase", "am", "cherry-pick", "revert", "bisect"]
# Files that git leaves in its directory during an operation; the first one found decides.
OPERATIONS: tuple[tuple[str, Operation], ...] = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "cherry-pick"),
    ("BISECT_LOG", "bisect"),
)


@dataclass(frozen=True)
class Paths:
    """The number of paths, and the first of their names."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Commit:
    """A commit as shown to people; without its author's address."""

    hash: str
    committed_at: datetime
    author: str
    subject: str


@dataclass(frozen=True)
class Worktree:
    """A working tree of the same repository; `branch` is None when detached."""

    path: str
    branch: str | None


@dataclass(frozen=True)
class GitFacts:
    """The git state. `none`: no repository; `empty`: no commits yet; `unreadable`: `problem` says why.

    `commits_in_*_days` count back from the given time, among the last 1,000 commits. `fingerprint` changes whenever
    HEAD, the index, a changed tracked file or the set of untracked names changes.
    """

    state: Literal["none", "ready", "empty", "bare", "unreadable"]
    problem: str | None = None
    branch: str | None = None
    detached: bool = False
    head: str | None = None
    upstream: str | None = None
    ahead: int | None = None
    behind: int | None = None
    operation: Operation | None = None
    staged: Paths = Paths()
    unstaged: Paths = Paths()
    untracked: Paths = Paths()
    conflicted: Paths = Paths()
    stashes: int = 0
    linked_worktree: bool = False
    worktrees: tuple[Worktree, ...] = ()
    submodules: Paths = Paths()
    last_commit: Commit | None = None
    commits_in_7_days: int = 0
    commits_in_30_days: int = 0
    fingerprint: str | None = None
    truncated: bool = False

    @property
    def dirty(self) -> bool:
        """Whether anything differs from the last commit, or is untracked."""
        return any(paths.count for paths in (self.staged, self.unstaged, self.untracked, self.conflicted))


def git_facts(directory: Path, roots: Sequence[Path], now: datetime, limits: Limits = DEFAULT_LIMITS) -> GitFacts:
    """The git state of a directory (already resolved), from three git processes, each within the limits; problems are
    reported, not raised."""
    try:
        repository = find_repository(directory, roots, limits)
        if repository is None:
            return GitFacts("none")
        return _bare_facts(repository, now) if repository.bare else _facts(repository, roots, now)
    except (Denied, Unavailable, DeadlineExceeded) as problem:
        return GitFacts("unreadable", problem=readable(problem.message))


def fingerprint(directory: Path, roots: Sequence[Path], limits: Limits = DEFAULT_LIMITS) -> str | None:
    """Only the fingerprint, from two git processes; None if there is no readable repository."""
    try:
        repository = find_repository(directory, roots, limits)
        return _fingerprint(repository, read_status(repository)) if repository and not repository.bare else None
    except ServiceError:
        return None


def operation_in_progress(repository: Repository) -> Operation | None:
    """The unfinished merge, rebase or similar operation."""
    return next((name for mark, name in OPERATIONS if os.path.lexists(repository.git_dir / mark)), None)


def _facts(repository: Repository, roots: Sequence[Path], now: datetime) -> GitFacts:
    whole = read_status(repository)
    status = without_touched(whole, touched_files(repository, whole), with_likely=True)
    commits, last = _history(repository, now) if status.head else ((0, 0), None)
    return GitFacts(
        state="ready" if status.head else "empty",
        branch=readable(status.branch) if status.branch else None,
        detached=status.branch is None,
        head=status.head,
        upstream=readable(status.upstream) if status.upstream else None,
        ahead=status.ahead,
        behind=status.behind,
        operation=operation_in_progress(repository),
        staged=_paths(status.staged_paths),
        unstaged=_paths(status.unstaged_paths),
        untracked=_paths(status.untracked),
        conflicted=_paths(status.conflicted),
        stashes=status.stashes,
        linked_worktree=repository.git_dir != repository.common_dir,
        worktrees=_worktrees(repository, roots),
        submodules=_submodules(repository.root / ".gitmodules"),
        last_commit=last,
        commits_in_7_days=commits[0],
        commits_in_30_days=commits[1],
        fingerprint=_fingerprint(repository, whole),
        truncated=status.truncated,
    )


def _bare_facts(repository: Repository, now: datetime) -> GitFacts:
    head = _head_branch(repository.git_dir / "HEAD")
    commits, last = _history(repository, now)
    return GitFacts(
        state="bare",
        branch=head,
        head=last.hash if last else None,
        last_commit=last,
        commits_in_7_days=commits[0],
        commits_in_30_days=commits[1],
    )


def _history(repository: Repository, now: datetime) -> tuple[tuple[int, int], Commit | None]:
    """The numbers of commits in the last 7 and 30 days, and the latest commit."""
    form = "--format=%H%x00%ct%x00%an%x00%s"
    options = ("-z", f"--max-count={COMMITS_MAX}", "--no-show-signature", "--no-mailmap", form)
    finished = repository.git("log", *options, "HEAD", "--")
    fields = finished.output.split(b"\0")
    records = [fields[at : at + 4] for at in range(0, len(fields) - 3, 4)] if finished.ok else []
    times = [_time(record[1]) for record in records]
    counts = [sum(now - timedelta(days=days) <= time <= now for time in times) for days in (7, 30)]
    if not records:
        return (0, 0), None
    name, _, author, subject = records[0]
    return (counts[0], counts[1]), Commit(name.decode(), times[0], readable(author), readable(subject))


def _time(seconds: bytes) -> datetime:
    """A commit's time; its author chose it, so it may be anything."""
    return datetime.fromtimestamp(min(int(seconds), 2**33) if seconds.isdigit() else 0, UTC)


def _paths(names: Sequence[bytes]) -> Paths:
    return Paths(len(names), tuple(readable(name) for name in names[:PATHS_MAX]))


def _worktrees(repository: Repository, roots: Sequence[Path]) -> tuple[Worktree, ...]:
    """The linked working trees, as described in the shared git directory."""
    kept = repository.common_dir / "worktrees"
    if not kept.is_dir() or not inside(kept, roots):
        return ()
    with os.scandir(kept) as entries:
        places = sorted(Path(entry.path) for _, entry in zip(range(WORKTREES_MAX), entries, strict=False))
    return tuple(
        Worktree(readable(path.removesuffix("/.git")), _head_branch(place / "HEAD"))
        for place in places
        if (path := _content(place / "gitdir").strip())
    )


def _head_branch(file: Path) -> str | None:
    prefix = "ref: refs/heads/"
    text = _content(file).strip()
    return readable(text.removeprefix(prefix)) if text.startswith(prefix) else None


def _submodules(file: Path) -> Paths:
    names = re.findall(r"^\s*path\s*=\s*(.+?)\s*$", _content(file), re.MULTILINE)
    return Paths(len(names), tuple(readable(name) for name in names[:SUBMODULES_MAX]))


def _content(file: Path) -> str:
    """The first 64 KiB of a regular file; empty if it is missing or a link."""
    try:
        if not file.is_file() or file.is_symlink():
            return ""
        with file.open("rb") as opened:
            return opened.read(FILE_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _fingerprint(repository: Repository, status: Status) -> str:
    """A digest of the status, and of each changed file's size and time: a file changed again has the same status."""
    digest = hashlib.sha256(f"{status.digest} {operation_in_progress(repository)}".encode())
    for path in (*status.unstaged_paths, *status.untracked)[:FINGERPRINT_FILES_MAX]:
        try:
            found = (repository.root / os.fsdecode(path)).lstat()
        except OSError:
            continue
        digest.update(b"%s\0%d %d\0" % (path, found.st_size, found.st_mtime_ns))
    return digest.hexdigest()
