"""Files that were moved without git: a tracked path that is gone, and its content under a path that git does not track.

By content alone: first the same content, then the most similar file of the same suffix, at least half of whose lines
are the removed file's. Nothing is written, and nothing of the repository is run.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from services.workspace.git.blobs import blob_sizes, blobs
from services.workspace.git.repository import Repository
from services.workspace.git.snapshot import Moves, absolute, content
from services.workspace.git.status import Change, Status

HASHED_MAX = 20_000
HASHED_MAX_BYTES = 1 << 20
COMPARED_MAX = 2_000
COMPARED_MAX_BYTES = 256 * 1024
SIMILAR_SHARE = 0.5
LISTED_MAX = 200_000


def moved_files(repository: Repository, status: Status) -> Moves:
    """Where the files went that are gone from the working tree; `status` lists all untracked files."""
    removed = [each for each in status.changes if each.unstaged == "D" and not each.is_submodule]
    if not removed:
        return Moves()
    sizes = blob_sizes(repository, {each.index_id for each in removed})
    moved = _same_content(repository, removed, sizes, status.untracked)
    left = [each for each in removed if each.path not in moved]
    moved |= _similar(repository, left, sizes, set(status.untracked) - set(moved.values()))
    left = [each for each in left if each.path not in moved]
    return Moves(moved, _same_content(repository, left, sizes, _ignored_paths(repository)) if left else {})


def _same_content(
    repository: Repository, removed: Sequence[Change], sizes: Mapping[str, int], paths: Iterable[bytes]
) -> dict[bytes, bytes]:
    """Paths with exactly the content of a removed file; those of the same name are taken first."""
    wanted = {each.index_id for each in removed}
    likely = _sized_like(repository, paths, set(sizes.values()))
    by_id: dict[str, list[bytes]] = {}
    for path, name in zip(likely, _object_ids(repository, likely), strict=False):
        if name in wanted:
            by_id.setdefault(name, []).append(path)
    moved: dict[bytes, bytes] = {}
    for change in removed:
        if choices := by_id.get(change.index_id):
            best = max(choices, key=lambda path, change=change: _likeness_of_names(path, change.path))  # type: ignore[misc]
            moved[change.path] = best
            if len(choices) > 1:
                choices.remove(best)
    return moved


def _sized_like(repository: Repository, paths: Iterable[bytes], sizes: set[int]) -> list[bytes]:
    """The files of one of these sizes; line ends that git converts may add a byte for each line."""
    found: list[bytes] = []
    converts = repository.config.get("core.autocrlf", "false") != "false"
    for path in paths:
        try:
            size = absolute(repository.root, path).lstat().st_size
        except OSError:
            continue
        if (size in sizes or converts) and len(found) < HASHED_MAX:
            found.append(path)
    return found


def _object_ids(repository: Repository, paths: Sequence[bytes]) -> list[str]:
    """The object id of each path's content; git follows links, and reads a name with a line end as two."""
    plain = [path for path in paths if b"\n" not in path and not absolute(repository.root, path).is_symlink()]
    given = b"".join(path + b"\n" for path in plain)
    finished = repository.git("hash-object", "--stdin-paths", given=given) if plain else None
    ids = finished.output.decode("ascii", "replace").split() if finished and finished.ok else []
    known = dict(zip(plain, ids, strict=False))
    return [known.get(path) or _object_id(repository, path) for path in paths]


def _object_id(repository: Repository, path: bytes) -> str:
    """The object id of a link's text, or of a file as it is."""
    is_sha256 = repository.config.get("extensions.objectformat") == "sha256"
    text = content(repository, path, HASHED_MAX_BYTES)
    data = b"blob %d\0" % len(text) + text
    return (hashlib.sha256(data) if is_sha256 else hashlib.sha1(data, usedforsecurity=False)).hexdigest()


def _likeness_of_names(one: bytes, other: bytes) -> tuple[bool, int]:
    same_name = os.path.basename(one) == os.path.basename(other)  # noqa: PTH119 - bytes
    return same_name, len(os.path.commonprefix([one[::-1], other[::-1]]))  # noqa: RUF071 - bytes, not paths


def _similar(
    repository: Repository, removed: Sequence[Change], sizes: Mapping[str, int], paths: set[bytes]
) -> dict[bytes, bytes]:
    """The most similar of the untracked files of the same suffix, for each removed one."""
    moved: dict[bytes, bytes] = {}
    known: dict[bytes, Counter[bytes]] = {}
    compared = 0
    small = [each for each in removed if 0 < sizes.get(each.index_id, 0) <= COMPARED_MAX_BYTES]
    for change in small:
        old = _lines(blobs(repository, [change.index_id]).get(change.index_id, b""))
        best, share = b"", SIMILAR_SHARE
        for path in sorted(paths - set(moved.values())):
            if os.path.splitext(path)[1] != os.path.splitext(change.path)[1]:  # noqa: PTH122 - bytes
                continue
            compared += 1
            if compared > COMPARED_MAX:
                return moved
            if path not in known:
                known[path] = _lines(content(repository, path, COMPARED_MAX_BYTES))
            if (likeness := _common_share(old, known[path])) >= share:
                best, share = path, likeness
        if best:
            moved[change.path] = best
    return moved


def _lines(text: bytes) -> Counter[bytes]:
    return Counter(line.strip() for line in text.splitlines())


def _common_share(one: Counter[bytes], other: Counter[bytes]) -> float:
    """The share of lines that both have, of the longer one."""
    return (one & other).total() / max(one.total(), other.total(), 1)


def _ignored_paths(repository: Repository) -> list[bytes]:
    """The files that git ignores, as far as their list fits into the output limit."""
    finished = repository.git("ls-files", "--others", "--ignored", "--exclude-standard", "-z")
    return finished.output.split(b"\0")[:-1][:LISTED_MAX] if finished.ending != "timed out" else []
