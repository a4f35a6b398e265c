"""Import sources: finds the files, recognises their formats, and streams the memories in them.

A directory gives the files that its formats have by name; a file that is named may be of any format. Standard library
only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from services.memory.imports.containers.sqlite_copy import last_change_ns
from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.formats.claude_memory import memory_place
from services.memory.imports.formats.entries import Entry
from services.memory.imports.formats.known_formats import format_of
from services.memory.imports.formats.opening import Format, Opening
from services.memory.imports.json_lines import START, Position
from services.memory.imports.tool_calls import Outcome

SUFFIX = ".jsonl"
NOTES = (".md", ".markdown")
DATABASES = (".db", ".sqlite", ".sqlite3")
# Of JSON files in a directory, those that a client or an export names so.
_documents = re.compile(r"session-.{1,200}\.json|logs\.json|conversations(?:-\d{1,4})?\.json", re.IGNORECASE)


class SourceFile(NamedTuple):
    """A file to import, as it was when it was found; `root` is the directory below which it was found."""

    path: Path
    size: int
    mtime_ns: int
    inode: int = 0
    root: Path | None = None


class Source(NamedTuple):
    """A file whose format is known."""

    opening: Opening
    format: Format

    def entries(self) -> Iterator[Entry]:
        """The memories; the last entry is empty. Raises Unreadable, and OSError if reading fails."""
        return self.format.read(self.opening)


def find_files(paths: Iterable[Path]) -> Iterator[SourceFile | Unreadable]:
    """The files at these paths, without repetitions; a directory yields those below it that may be imported, sorted.

    The client's own memory files are not among them: they change, and are kept in step (`cli/transfer/client_memory`).
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for found in _below(path) if _is_directory(path) else [_source_file(path)]:
            if isinstance(found, Unreadable):
                yield found
            elif memory_place(found.path):
                continue
            elif (identity := _identity(found.path)) not in seen:
                seen.add(identity)
                yield found


def _below(root: Path) -> Iterator[SourceFile | Unreadable]:
    """The files below a directory. Links are followed, and no directory is entered twice, so cycles end.

    Notes and databases are taken only from inside the directory itself, wherever links lead. Notes beside transcripts
    are the client's own.
    """
    entered: set[tuple[int, int]] = set()
    denied: list[OSError] = []
    notes: list[Path] = []
    has_transcripts = False
    inside = root.resolve()
    for folder, subfolders, names in os.walk(root, onerror=denied.append, followlinks=True):
        if (identity := _identity(Path(folder))) in entered:
            subfolders.clear()
            continue
        entered.add(identity)
        subfolders[:] = sorted(name for name in subfolders if name != ".git")
        for path in (Path(folder, name) for name in sorted(names)):
            if path.name.endswith(SUFFIX):
                has_transcripts = True
                yield from _regular(path, None)
            elif _documents.fullmatch(path.name) or path.suffix.lower() in DATABASES:
                yield from _regular(path, root) if _is_inside(path, inside) else ()
            elif path.suffix.lower() in NOTES and _is_inside(path, inside):
                notes.append(path)
    for path in () if has_transcripts else notes:
        yield from _regular(path, root)
    yield from (Unreadable(f"{error.filename}: {error.strerror}") for error in denied)


def _regular(path: Path, root: Path | None) -> Iterator[SourceFile | Unreadable]:
    if not _is_special(path):
        yield _source_file(path, root)


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        return False


def _source_file(path: Path, root: Path | None = None) -> SourceFile | Unreadable:
    try:
        status = path.stat()
    except OSError as error:
        return Unreadable(f"{path}: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Unreadable(f"{path}: neither a file nor a directory")
    changed_ns = max(status.st_mtime_ns, last_change_ns(path) if path.suffix.lower() in DATABASES else 0)
    return SourceFile(path, status.st_size, changed_ns, status.st_ino, root)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # _source_file reports the reason
        return False


def _is_special(path: Path) -> bool:
    """Whether the path is a pipe, a socket or a device: these are skipped in directories."""
    try:
        mode = path.stat().st_mode
    except OSError:  # _source_file reports the reason
        return False
    return not stat.S_ISREG(mode)


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # removed meanwhile: reading it will report that
        return -1, hash(path)
    return status.st_dev, status.st_ino


@contextmanager
def open_source(
    path: Path, start: Position = START, outcomes: Mapping[str, Outcome] | None = None, root: Path | None = None
) -> Iterator[Source]:
    """A file with its format, to be read from `start` on. Raises Unreadable, UnknownFormat among them, and OSError."""
    with Opening(path, root, start, outcomes) as opening:
        yield Source(opening, format_of(opening))


def read_memories(
    path: Path, start: Position = START, outcomes: Mapping[str, Outcome] | None = None
) -> Iterator[Entry]:
    """The entries of a file from `start` on; the last one is empty.

    Turns of a transcript that were taken back since `start` come again, marked as such. Raises Unreadable, and OSError
    if reading fails.
    """
    with open_source(path, start, outcomes) as source:
        yield from source.entries()
