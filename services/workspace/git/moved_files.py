"""Files that were moved without git: a tracked path that is gone, and its content under a path that git does not track.

By content alone: first the same content, then the most similar file of the same suffix or name, then further files that
are made of what is left of it. At least half of the lines of either file are the other's. A link in the place of a
directory belongs to what was in it. Nothing is written, and nothing of the repository is run.
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
TELLING_LINES_MIN = 3
COMMENTS = (b"#", b"//", b"/*", b"*", b"--", b";", b"<!--", b"%")
LISTED_MAX = 200_000


def moved_files(repository: Repository, status: Status) -> Moves:
    """Where the files went that are gone from the working tree; `status` lists all untracked files."""
    removed = [each for each in status.changes if each.unstaged == "D" and not each.is_submodule]
    if not removed:
        return Moves()
    sizes = blob_sizes(repository, {each.index_id for each in removed})
    moved = _same_content(repository, removed, sizes, status.untracked)
    left = [each for each in removed if each.path not in moved]
    similar, parts = _similar(repository, left, sizes, set(status.untracked) - set(moved.values()))
    moved |= similar
    parts |= _links_in_place(removed, status.untracked)
    left = [each for each in left if each.path not in similar]
    ignored = _ignored_paths(repository) if left else []
    hidden = _same_content(repository, left, sizes, ignored)
    names = {os.path.basename(each.path) for each in left if each.path not in hidden}  # noqa: PTH119 - bytes
    alike = {path for path in ignored if os.path.basename(path) in names}  # noqa: PTH119 - bytes
    hidden |= _similar(repository, [each for each in left if each.path not in hidden], sizes, alike)[0]
    return Moves(moved, parts, hidden)


def _links_in_place(removed: Sequence[Change], paths: Sequence[bytes]) -> dict[bytes, bytes]:
    """New paths where a directory was, each with a removed path below it."""
    new = set(paths)
    found: dict[bytes, bytes] = {}
    for change in removed:
        path = change.path
        while path := path.rpartition(b"/")[0]:
            if path in new:
                found.setdefault(path, change.path)
    return found


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
) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """For each removed file the new path that is most like it; and what else is made of its lines, by new path."""
    moved: dict[bytes, bytes] = {}
    parts: dict[bytes, bytes] = {}
    known: dict[bytes, Counter[bytes]] = {}
    compared = 0
    small = [each for each in removed if 0 < sizes.get(each.index_id, 0) <= COMPARED_MAX_BYTES]
    for change in small:
        old = _lines(blobs(repository, [change.index_id]).get(change.index_id, b""))
        free = sorted(paths - set(moved.values()) - set(parts))
        choices = [path for path in free if _is_comparable(path, change.path)]
        compared += len(choices)
        if compared > COMPARED_MAX:
            return moved, parts
        for path in choices:
            if path not in known:
                known[path] = _lines(content(repository, path, COMPARED_MAX_BYTES))
        best, *others = _made_of(old, {path: known[path] for path in choices}) or [b""]
        if best:
            moved[change.path] = best
            parts |= dict.fromkeys(others, change.path)
    return moved, parts


def _is_comparable(one: bytes, other: bytes) -> bool:
    """Whether two files have the same suffix, or the same name but for it."""
    (stem, suffix), (other_stem, other_suffix) = _stem_and_suffix(one), _stem_and_suffix(other)
    return suffix == other_suffix or stem == other_stem


def _stem_and_suffix(path: bytes) -> tuple[bytes, bytes]:
    return os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122 - bytes


def _made_of(old: Counter[bytes], choices: Mapping[bytes, Counter[bytes]]) -> list[bytes]:
    """The files that have the lines of an old one: the one most like it first, then those made of what is left."""
    best = max(
        choices, key=lambda path: (_common_share(old, choices[path]), _is_within(old, choices[path])), default=b""
    )
    if not best or (_common_share(old, choices[best]) < SIMILAR_SHARE and not _is_within(old, choices[best])):
        return []
    found, left = [best], old - choices[best]
    for path in sorted(set(choices) - {best}, key=lambda path: -(old & choices[path]).total()):
        new = _telling(choices[path])
        common = (_telling(left) & new).total()
        if common >= TELLING_LINES_MIN and common >= SIMILAR_SHARE * new.total():
            found.append(path)
            left -= choices[path]
    return found


def _is_within(one: Counter[bytes], other: Counter[bytes]) -> bool:
    """Whether one file has at least half of the other's lines, comments left out: one that grew, or a part."""
    mine, others = _telling(one), _telling(other)
    common = (mine & others).total()
    return common >= TELLING_LINES_MIN and common >= SIMILAR_SHARE * min(mine.total(), others.total())


def _telling(lines: Counter[bytes]) -> Counter[bytes]:
    """The lines that are neither comments, as a licence is, nor as short as those that all files have."""
    return Counter({line: count for line, count in lines.items() if len(line) > 4 and not line.startswith(COMMENTS)})


def _lines(text: bytes) -> Counter[bytes]:
    return Counter(line.strip() for line in text.splitlines())


def _common_share(one: Counter[bytes], other: Counter[bytes]) -> float:
    """The share of lines that both have, of the longer one."""
    return (one & other).total() / max(one.total(), other.total(), 1)


def _ignored_paths(repository: Repository) -> list[bytes]:
    """The files that git ignores, as far as their list fits into the output limit."""
    finished = repository.git("ls-files", "--others", "--ignored", "--exclude-standard", "-z")
    return finished.output.split(b"\0")[:-1][:LISTED_MAX] if finished.ending != "timed out" else []
