"""Reads `git status --porcelain=v2 -z`; names stay the bytes they are on disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Literal

from services.kit.errors import DeadlineExceeded, TooLarge, Unavailable
from services.workspace.git.repository import Repository
from services.workspace.serialization import readable


@dataclass(frozen=True)
class Change:
    """A changed tracked file: `staged` differs from HEAD, `unstaged` from the index; git's letters, `.` for equal.

    `head_id` and `index_id` are the object ids of its content there; for a submodule, only its commit counts.
    """

    path: bytes
    staged: str
    unstaged: str
    is_submodule: bool
    head_id: str
    index_id: str


@dataclass(frozen=True)
class Status:
    """The branch, index and working tree. `head` is None without commits, `branch` when detached.

    Names of branches and upstreams are decoded by `os.fsdecode`; show them with `readable`.
    """

    head: str | None
    branch: str | None
    upstream: str | None
    ahead: int | None
    behind: int | None
    stashes: int
    changes: tuple[Change, ...]
    conflicted: tuple[bytes, ...]
    untracked: tuple[bytes, ...]
    digest: str
    truncated: bool = False

    @property
    def staged_paths(self) -> tuple[bytes, ...]:
        """Tracked files whose index differs from HEAD."""
        return tuple(change.path for change in self.changes if change.staged != ".")

    @property
    def unstaged_paths(self) -> tuple[bytes, ...]:
        """Tracked files whose working tree differs from the index."""
        return tuple(change.path for change in self.changes if change.unstaged != ".")


def read_status(repository: Repository, untracked: Literal["no", "normal", "all"] = "normal") -> Status:
    """The current status; `normal` lists an untracked directory instead of the files in it.

    Raises Unavailable if git fails, DeadlineExceeded, and LimitExceeded for a status over the output limit, except
    for `normal`: that returns the part that was read, with `truncated`.
    """
    options = ("--porcelain=v2", "--branch", "--show-stash", "-z", "--no-renames", "--ignore-submodules=dirty")
    finished = repository.git("status", *options, f"--untracked-files={untracked}")
    if finished.ending == "timed out":
        raise DeadlineExceeded("git status took too long", "Make the repository smaller, or ignore what is generated.")
    truncated = finished.ending == "too much output"
    if truncated and untracked != "normal":
        raise TooLarge("More files changed than can be listed", "Ignore what is generated.")
    if finished.code != 0 and not truncated:
        raise Unavailable(f"git cannot read the repository: {readable(finished.error)}", "Run `git status` there.")
    return _parse(finished.output, truncated)


def _parse(output: bytes, truncated: bool) -> Status:
    records = output.split(b"\0")[:-1]  # the last one is empty, or cut off
    headers = {}
    changes, conflicted, untracked = [], [], []
    for record in records:
        if record.startswith(b"1 "):
            changes.append(_change(record))
        elif record.startswith(b"? "):
            untracked.append(record[2:])
        elif record.startswith(b"u "):
            conflicted.append(record.split(b" ", 10)[10])
        elif record.startswith(b"# "):
            name, _, value = record[2:].partition(b" ")
            headers[os.fsdecode(name)] = os.fsdecode(value)
    ahead, behind = _ahead_behind(headers.get("branch.ab"))
    head, branch = headers.get("branch.oid"), headers.get("branch.head")
    return Status(
        head=None if head == "(initial)" else head,
        branch=None if branch == "(detached)" else branch,
        upstream=headers.get("branch.upstream"),
        ahead=ahead,
        behind=behind,
        stashes=int(headers.get("stash", "0")),
        changes=tuple(changes),
        conflicted=tuple(conflicted),
        untracked=tuple(untracked),
        digest=hashlib.sha256(output).hexdigest(),
        truncated=truncated,
    )


def _change(record: bytes) -> Change:
    _, letters, submodule, _, _, _, head_id, index_id, path = record.split(b" ", 8)
    staged, unstaged = letters[:1].decode(), letters[1:].decode()
    return Change(path, staged, unstaged, submodule.startswith(b"S"), head_id.decode(), index_id.decode())


def _ahead_behind(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    ahead, _, behind = text.partition(" ")
    return int(ahead), -int(behind)
