"""Records the working tree as git objects with a temporary index: the user's index is only read."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.systems import PLAIN
from services.workspace.git.index_lock import OWN_INDEX_PREFIX
from services.workspace.git.repository import Repository
from services.workspace.git.status import Change, Status
from services.workspace.serialization import readable

FILE_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Candidate:
    """A path that a snapshot records: its content, or with `size` None its removal.

    `head_id` is its object in HEAD; `staged_id` the one in the index, if the snapshot takes that.
    """

    path: bytes
    size: int | None
    head_id: str | None = None
    staged_id: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """A changed path that a snapshot does not record, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Moves:
    """`to` maps a removed path to its new one; `parts` maps further files to the removed one that they are made of;
    `ignored` those whose content only an ignored file has. With `is_unknown`, nobody can tell what was moved."""

    to: Mapping[bytes, bytes] = field(default_factory=dict)
    parts: Mapping[bytes, bytes] = field(default_factory=dict)
    ignored: Mapping[bytes, bytes] = field(default_factory=dict)
    is_unknown: bool = False


def candidates(
    repository: Repository, status: Status, moves: Moves = Moves(), *, with_new: bool = True
) -> tuple[list[Candidate], list[LeftOut]]:
    """The recordable changes since HEAD, and the others with the reason. Both halves of a move are recorded, or none.

    Without `with_new`, a file that git does not track is recorded only as the new half of a move.
    """
    taken = [_staged_candidate(repository, change) for change in status.changes if change.unstaged == "."]
    sources = {path: old for old, path in moves.to.items()} | dict(moves.parts)
    new = [path for path in status.untracked if with_new or path in sources]
    before = {change.path: change for change in status.changes}
    changed = [change for change in status.changes if change.unstaged != "."]
    changed += [_new_file(path, before.get(sources.get(path, b""))) for path in new]
    filtered = filtered_paths(repository, [change.path for change in changed])
    refused: dict[bytes, str] = {}
    for change in changed:
        size = _size(repository.root, change)
        reason = "changed by a git filter, which is not run" if change.path in filtered else _refusal(change, size)
        if reason:
            refused[change.path] = reason
        else:
            taken.append(Candidate(change.path, size, change.head_id))
    if moves.is_unknown:
        reason = "gone, and there are too many untracked files to tell whether it was moved"
        refused |= {change.path: reason for change in changed if change.unstaged == "D" and change.path not in refused}
    refused |= _other_halves(moves, refused)
    refused |= {path: "not tracked by git" for path in status.untracked if path not in new and path not in refused}
    return [each for each in taken if each.path not in refused], [
        LeftOut(readable(path), reason) for path, reason in refused.items()
    ]


def _new_file(path: bytes, before: Change | None) -> Change:
    """A file that git does not track; what it was `before` it was moved has been looked at already."""
    return Change(path, ".", "A", False, before.head_id if before else "", "")


def _other_halves(moves: Moves, refused: Mapping[bytes, str]) -> dict[bytes, str]:
    """The halves of moves whose other half is refused; a removal whose content git would ignore."""
    halves = {old: f"moved to {readable(new)}, which git ignores" for old, new in moves.ignored.items()}
    for old, new in (*moves.to.items(), *((old, new) for new, old in moves.parts.items())):
        if new in refused:
            halves[old] = f"moved to {readable(new)}, which is left out"
        elif old in refused or old in halves:
            halves[new] = f"moved from {readable(old)}, which is left out"
    return halves


@contextmanager
def index_of_its_own(repository: Repository) -> Iterator[Path]:
    """A copy of the index beside it, removed after the block. It keeps the original's time, from which git tells which
    files are unchanged."""
    descriptor, name = tempfile.mkstemp(prefix=OWN_INDEX_PREFIX, dir=repository.git_dir)
    os.close(descriptor)
    copy = Path(name)
    try:
        index = repository.git_dir / "index"
        if index.is_file():
            shutil.copy2(index, copy)
        else:
            copy.unlink()
        yield copy
    finally:
        copy.unlink(missing_ok=True)
        copy.with_name(f"{copy.name}.lock").unlink(missing_ok=True)


def record(repository: Repository, index: Path, taken: Sequence[Candidate]) -> str:
    """Records the candidates in `index`, and writes the index as a tree; returns the tree's object id."""
    environment = {"GIT_INDEX_FILE": str(index)}
    changed = [candidate for candidate in taken if not candidate.staged_id]
    removed = [candidate.path for candidate in changed if candidate.size is None]
    added = [candidate.path for candidate in changed if candidate.size is not None]
    # If a file became a directory, or the other way round, the old name must be removed first.
    if removed:
        git_output(
            repository,
            "update-index",
            "-z",
            "--force-remove",
            "--stdin",
            given=_lines(removed),
            environment=environment,
        )
    if added:
        options = ("-z", "--add", "--replace", "--stdin")
        git_output(repository, "update-index", *options, given=_lines(added), environment=environment)
    return git_output(repository, "write-tree", environment=environment)


def git_output(
    repository: Repository, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
) -> str:
    """The output of a git command that must succeed, without the line end. Raises Unavailable, DeadlineExceeded."""
    finished = repository.git(*arguments, given=given, environment=environment)
    if finished.ending != "exited":
        raise DeadlineExceeded(f"git {arguments[0]} {finished.ending}", "Try again, or record fewer files.")
    if finished.code != 0:
        raise Unavailable(f"git {arguments[0]} failed: {readable(finished.error)}", "Run `git status` there.")
    return finished.output.decode("utf-8", "replace").strip()


def content(repository: Repository, path: bytes, most_bytes: int) -> bytes:
    """The start of a file in the working tree, or of a link's text; empty if it no longer exists."""
    file = absolute(repository.root, path)
    try:
        if file.is_symlink():
            return os.fsencode(file.readlink())[:most_bytes]
        descriptor = os.open(file, os.O_RDONLY | PLAIN)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(most_bytes) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def absolute(root: Path, path: bytes) -> Path:
    """A path in git's output as an absolute path."""
    return root / os.fsdecode(path)


def _staged_candidate(repository: Repository, change: Change) -> Candidate:
    """The version in the index, if the working tree has the same one."""
    size = None if change.staged == "D" else _size(repository.root, change) or 0
    return Candidate(change.path, size, change.head_id, change.index_id)


def _refusal(change: Change, size: int | None) -> str | None:
    if change.is_submodule or change.path.endswith(b"/"):
        return "a repository of its own"
    if size == -1:
        return "not a file that can be read"
    return f"larger than {FILE_MAX_BYTES >> 20} MiB" if size and size > FILE_MAX_BYTES else None


def _size(root: Path, change: Change) -> int | None:
    """Bytes of the file; None if it is gone, -1 if it cannot be read or is neither a file nor a link."""
    if change.unstaged == "D":
        return None  # also if a parent was replaced by a link or a file
    file = absolute(root, change.path)
    try:
        found = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return -1
    can_be_read = stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and os.access(file, os.R_OK))
    return found.st_size if can_be_read else -1


def filtered_paths(repository: Repository, paths: Sequence[bytes]) -> set[bytes]:
    """The paths with a configured git filter; they cannot be recorded without running it."""
    drivers = {found[1] for key in repository.config if (found := re.match(r"filter\.(.+)\.[^.]+$", key))}
    if not drivers or not paths:
        return set()
    finished = repository.git("check-attr", "-z", "--stdin", "filter", given=_lines(paths))
    if not finished.ok:
        raise Unavailable("git cannot tell which files have a filter", "Run `git check-attr filter` there.")
    fields = finished.output.split(b"\0")
    return {fields[at] for at in range(0, len(fields) - 2, 3) if fields[at + 2].decode("utf-8", "replace") in drivers}


def _lines(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)
