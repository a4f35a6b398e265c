"""Import sources: finds the files, recognises their formats, and streams the memories in them.

A file is a Claude Code transcript (`transcripts.py`) or JSON Lines of memories (`json_lines.py`), as its first objects
show. Only one line is held in memory, so a file may be of any length. Standard library only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from services.kit.errors import InvalidInput, LimitExceeded
from services.memory.domain.memories import Kind, Memory, Version, accept, content_max_bytes
from services.memory.imports.corrections import LISTS, TIMES, VERSIONS
from services.memory.imports.json_lines import (
    BYTE_ORDER_MARK,
    START,
    UNFINISHED,
    ImportedLink,
    ImportedMemory,
    Line,
    Position,
    link_of,
    memory_of,
    read_lines,
)
from services.memory.imports.transcripts import Projects, Said, conversation, first_cwd, is_transcript_line

SUFFIX = ".jsonl"
TOO_LARGE = "too large"
# How much of a file is read to recognise its format.
binary_probe_bytes = 8192
head_max_lines = 100
# How far before the resume position earlier lines are read.
earlier_max_bytes = 512 * 1024


class Unreadable(InvalidInput):
    """A path that cannot be imported: missing, no permission, not text, or in neither of the two formats."""


class SourceFile(NamedTuple):
    """A file to import, as it was when it was found."""

    path: Path
    size: int
    mtime_ns: int


class Entry(NamedTuple):
    """A memory or a project link, or the problem with a line; empty at the end of the file.

    Once everything up to an entry is stored, reading can resume from its `resume`.
    """

    line: int
    resume: Position
    memory: ImportedMemory | None = None
    problem: str = ""
    link: ImportedLink | None = None


def find_files(paths: Iterable[Path]) -> Iterator[SourceFile | Unreadable]:
    """The files at these paths, without repetitions; a directory yields all *.jsonl below it, sorted."""
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for found in _below(path) if _is_directory(path) else [_source_file(path)]:
            if isinstance(found, Unreadable):
                yield found
            elif (identity := _identity(found.path)) not in seen:
                seen.add(identity)
                yield found


def _below(root: Path) -> Iterator[SourceFile | Unreadable]:
    """The files below a directory. Links are followed, and no directory is entered twice, so cycles end."""
    entered: set[tuple[int, int]] = set()
    denied: list[OSError] = []
    for folder, subfolders, names in os.walk(root, onerror=denied.append, followlinks=True):
        if (identity := _identity(Path(folder))) in entered:
            subfolders.clear()
            continue
        entered.add(identity)
        subfolders.sort()
        paths = (Path(folder, name) for name in sorted(names) if name.endswith(SUFFIX))
        yield from (_source_file(path) for path in paths if not _is_special(path))
    yield from (Unreadable(f"{error.filename}: {error.strerror}") for error in denied)


def _source_file(path: Path) -> SourceFile | Unreadable:
    try:
        status = path.stat()
    except OSError as error:
        return Unreadable(f"{path}: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Unreadable(f"{path}: neither a file nor a directory")
    return SourceFile(path, status.st_size, status.st_mtime_ns)


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


def read_memories(path: Path, start: Position = START) -> Iterator[Entry]:
    """The entries of a file from `start` on; the last one is empty.

    Raises Unreadable, and OSError if reading fails.
    """
    with path.open("rb") as file:
        _refuse_binary(path, file)
        head = _head(path, file)
        reached = [start]
        lines = _track_position(read_lines(file, start), reached)
        if _is_transcript(head):
            projects = Projects(path, first_cwd(head))
            yield from _conversation_entries(conversation(lines, projects, _before(path, start)))
        else:
            yield from map(_line_entry, lines)
        yield Entry(reached[0].lines, reached[0])


def _refuse_binary(path: Path, file: BinaryIO) -> None:
    if b"\0" in file.read(binary_probe_bytes):
        raise Unreadable(f"{path}: not a text file")
    file.seek(0)


def _head(path: Path, file: BinaryIO) -> list[Line]:
    """The file's first lines. Raises Unreadable if none of them is an object, or the beginning of one."""
    head = list(islice(read_lines(file), head_max_lines))
    file.seek(0)
    begins = file.read(len(BYTE_ORDER_MARK) + 1).removeprefix(BYTE_ORDER_MARK).startswith(b"{")
    if head and not any(line.fields is not None for line in head) and not (head[0].problem == UNFINISHED and begins):
        raise Unreadable(f"{path}: neither a Claude Code transcript nor JSON Lines of memories")
    return head


def _is_transcript(head: Iterable[Line]) -> bool:
    for fields in (line.fields for line in head if line.fields is not None):
        if is_transcript_line(fields):
            return True
        if "content" in fields:
            return False
    return False


def _track_position(lines: Iterable[Line], reached: list[Position]) -> Iterator[Line]:
    """The lines; records the position reached, since most lines of a transcript yield no entry."""
    for line in lines:
        reached[0] = line.end
        yield line


def _before(path: Path, start: Position) -> Iterator[Line]:
    """The lines before `start`, as far back as a failure may be that a later call fixed."""
    if not start.offset:
        return
    begin = max(0, start.offset - earlier_max_bytes)
    with path.open("rb") as file:
        file.seek(begin)
        passed = len(file.readline()) if begin else 0  # it may start in the middle of a line
        for line in read_lines(file, Position(begin + passed)):
            if line.end.offset > start.offset or line.problem == UNFINISHED:
                return
            yield line


def _conversation_entries(items: Iterable[Said | Line]) -> Iterator[Entry]:
    for item in items:
        if isinstance(item, Line):
            yield Entry(item.number, item.end, problem=item.problem)
        else:
            yield _check_memory(item.line, item.resume, item.memory)


def _line_entry(line: Line) -> Entry:
    if line.fields is None:
        return Entry(line.number, line.end, problem=line.problem)
    try:
        if "link" in line.fields and "content" not in line.fields:
            return Entry(line.number, line.end, link=link_of(line.fields))
        return _check_memory(line.number, line.end, memory_of(line.fields))
    except InvalidInput as problem:
        return Entry(line.number, line.end, problem=problem.message)


def _check_memory(line: int, resume: Position, memory: ImportedMemory) -> Entry:
    """The memory if the memory service will accept it: a refused one would fail its whole batch."""
    if len(memory.content.encode()) > content_max_bytes:
        return Entry(line, resume, problem=TOO_LARGE)
    try:
        accept(_as_stored(memory, now := datetime.now(UTC)), now)
    except (InvalidInput, LimitExceeded) as problem:
        return Entry(line, resume, problem=problem.message.rstrip("."))
    return Entry(line, resume, memory)


def _as_stored(memory: ImportedMemory, now: datetime) -> Memory:
    return Memory(
        content=memory.content,
        kind=Kind(memory.kind),
        project=memory.project,
        timestamp=datetime.fromisoformat(memory.timestamp) if memory.timestamp else now,
        session_id=memory.session_id,
        role=memory.role,
        tags=memory.tags,
        metadata=memory.metadata,
        id=memory.id,
        first_said=datetime.fromisoformat(memory.first_said) if memory.first_said else None,
        **_corrections(memory.corrections),
    )


def _corrections(given: Mapping[str, Any]) -> dict[str, Any]:
    lists = {name: tuple(given.get(name, ())) for name in LISTS}
    times = {name: datetime.fromisoformat(given[name]) for name in TIMES if name in given}
    versions = [
        Version(each["content"], each["project"], tuple(each["tags"]), datetime.fromisoformat(each["changed_at"]))
        for each in given.get(VERSIONS, ())
    ]
    return {**lists, **times, "versions": tuple(versions)}
