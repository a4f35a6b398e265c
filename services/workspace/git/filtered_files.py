"""Files with a git filter, which Segue never runs: which of them are as git has them, although git cannot say so.

Without its filter git takes every such file that was only touched for a changed one. Git LFS's pointer names the
content's digest and size, so those are compared. Of another filter only the size in the index tells, and not for sure.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from services.kit.systems import PLAIN
from services.workspace.git.blobs import blob_sizes, blobs
from services.workspace.git.repository import Repository
from services.workspace.git.snapshot import absolute, filtered_paths
from services.workspace.git.status import Change, Status

POINTER_MAX_BYTES = 1024
HASHED_MAX_BYTES = 512 << 20
FILES_MAX = 500
READ_BYTES = 1 << 20
_pointer = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n"
    rb"size (\d{1,15})\n"
)
_described = re.compile(rb"([^\0]+)\0  ctime: .*\n  mtime: .*\n  dev: .*\n  uid: .*\n  size: (\d{1,18})\tflags: .*\n")


@dataclass(frozen=True)
class Touched:
    """Changed paths that are `same` as in the index, and those that are `likely` the same: of the same size."""

    same: frozenset[bytes] = frozenset()
    likely: frozenset[bytes] = frozenset()


def touched_files(repository: Repository, status: Status) -> Touched:
    """The files with a filter that git takes for changed since nobody may run the filter. Raises Unavailable."""
    changed = {each.path: each for each in status.changes if each.unstaged == "M" and not each.is_submodule}
    if not changed:
        return Touched()
    filtered = sorted(filtered_paths(repository, list(changed)))[:FILES_MAX]
    if not filtered:
        return Touched()
    pointers = _pointers(repository, [changed[path] for path in filtered])
    left_bytes, same = HASHED_MAX_BYTES, set[bytes]()
    for path, (digest, size) in pointers.items():
        left_bytes -= size
        if left_bytes >= 0 and _digest(absolute(repository.root, path), size) == digest:
            same.add(path)
    others = [path for path in filtered if path not in pointers]
    sizes = _index_sizes(repository, others)
    return Touched(frozenset(same), frozenset(path for path in others if _size(repository, path) == sizes.get(path)))


def without_touched(status: Status, touched: Touched, *, with_likely: bool = False) -> Status:
    """The status without what was only touched."""
    paths = touched.same | touched.likely if with_likely else touched.same
    if not paths:
        return status
    changes = (replace(each, unstaged=".") if each.path in paths else each for each in status.changes)
    return replace(status, changes=tuple(each for each in changes if (each.staged, each.unstaged) != (".", ".")))


def _pointers(repository: Repository, changes: Sequence[Change]) -> Mapping[bytes, tuple[str, int]]:
    """The digest and the size in Git LFS's pointers, by path."""
    sizes = blob_sizes(repository, [each.index_id for each in changes])
    contents = blobs(repository, [name for name, size in sizes.items() if 0 < size <= POINTER_MAX_BYTES])
    matches = ((each.path, _pointer.fullmatch(contents.get(each.index_id, b""))) for each in changes)
    return {path: (found[1].decode(), int(found[2])) for path, found in matches if found}


def _digest(file: Path, size: int) -> str:
    """The digest of a regular file of that size; empty for any other."""
    try:
        descriptor = os.open(file, os.O_RDONLY | PLAIN)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            return ""
        digest = hashlib.sha256()
        while part := opened.read(READ_BYTES):
            digest.update(part)
    return digest.hexdigest()


def _index_sizes(repository: Repository, paths: Sequence[bytes]) -> Mapping[bytes, int]:
    """The sizes that the files had when git saw them last."""
    if not paths:
        return {}
    finished = repository.git("ls-files", "-z", "--debug", "--", *(os.fsdecode(path) for path in paths))
    return {found[1]: int(found[2]) for found in _described.finditer(finished.output)} if finished.ok else {}


def _size(repository: Repository, path: bytes) -> int:
    try:
        return absolute(repository.root, path).lstat().st_size
    except OSError:
        return -1
