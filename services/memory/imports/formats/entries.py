"""What reading a file yields: memories that the memory service will accept, and what is wrong with the others.

A format makes a `Record` of each thing that another program remembered; its times and lengths are checked here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.kit import iso8601
from services.kit.errors import InvalidInput, LimitExceeded
from services.kit.visible_text import is_blank
from services.memory.domain.memories import (
    Kind,
    Memory,
    Version,
    accept,
    clock_skew_max,
    content_max_bytes,
    deeper_than,
    earliest,
    metadata_depth_max,
    name_max_chars,
    tags_max,
)
from services.memory.imports.clipping import clip_middle
from services.memory.imports.corrections import LISTS, TIMES, VERSIONS
from services.memory.imports.decisions import marks
from services.memory.imports.json_lines import START, ImportedLink, ImportedMemory, Position, stable_id, whole

TOO_LARGE = "too large"
# How much of the beginning and of the end of a text over the limit is kept.
end_max_bytes = 64 * 1024
details_max_bytes = 16 * 1024
# Above it, seconds since 1970 are milliseconds: in seconds it is the year 5138.
seconds_max = 1e11


class Entry(NamedTuple):
    """A memory or a project link, or the problem with a line; empty at the end of the file.

    Once everything up to an entry is stored, reading can resume from its `resume`. `line` counts from 1: lines, rows or
    conversations. `bytes_read` tells how far reading is, where `resume` does not.
    """

    line: int
    resume: Position
    memory: ImportedMemory | None = None
    problem: str = ""
    link: ImportedLink | None = None
    bytes_read: int = 0
    is_untimed: bool = False
    """The memory had a time that cannot be, and is stored without it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A text that another program remembered. `key` names it in `source`, the same at every import."""

    source: str
    key: str
    text: str
    kind: Kind = Kind.CONVERSATION
    role: str = ""
    session_id: str = ""
    time: object = None
    """ISO 8601, or seconds or milliseconds since 1970; None if the program does not say."""
    project: str = ""
    directory: str = ""
    tags: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, line: int, *, resume: Position = START, bytes_read: int = 0) -> Entry:
        """The record as a memory; a text that is too long is cut in its middle."""
        if is_blank(self.text):
            return Entry(line, resume, problem="content is empty", bytes_read=bytes_read)
        time, is_untimed = _time(self.time)
        checked = checked_entry(line, resume, self._memory(time))
        return checked._replace(bytes_read=bytes_read, is_untimed=is_untimed and checked.memory is not None)

    def _memory(self, time: str) -> ImportedMemory:
        text, left_out = clip_middle(whole(self.text), content_max_bytes, end_max_bytes)
        known = marks(text) if self.role == "user" else ()
        tags = tuple(dict.fromkeys(whole(tag.strip())[:name_max_chars] for tag in (*known, *self.tags) if tag.strip()))
        details = {**self.details, "cut": left_out, "tags_left_out": max(0, len(tags) - tags_max)}
        return ImportedMemory(
            content=text,
            id=stable_id(self.source, self.key),
            kind=self.kind.value,
            project=whole(self.project.strip())[:name_max_chars],
            directory=self.directory,
            timestamp=time,
            session_id=whole(self.session_id)[:name_max_chars],
            role=self.role,
            tags=tags[:tags_max],
            metadata={"source": self.source, **{name: value for name, value in details.items() if value}},
        )


def small_details(details: object) -> dict[str, Any]:
    """Another program's own object of details, if it is one that a memory may have; else nothing."""
    if not isinstance(details, dict) or not details or deeper_than(details, metadata_depth_max - 1):
        return {}
    try:
        text = whole(json.dumps(details, ensure_ascii=False, allow_nan=False))
    except (ValueError, TypeError):
        return {}
    return json.loads(text) if len(text.encode()) <= details_max_bytes else {}


def checked_entry(line: int, resume: Position, memory: ImportedMemory) -> Entry:
    """The memory if the memory service will accept it: a refused one would fail its whole batch."""
    if len(memory.content.encode()) > content_max_bytes:
        return Entry(line, resume, problem=TOO_LARGE)
    try:
        accept(_as_stored(memory, now := datetime.now(UTC)), now)
    except (InvalidInput, LimitExceeded) as problem:
        return Entry(line, resume, problem=problem.message.rstrip("."))
    return Entry(line, resume, memory)


def timely_entry(line: int, resume: Position, memory: ImportedMemory) -> Entry:
    """As `checked_entry`, without a time that a wrong clock gave: the memory is then said when it is stored."""
    time, is_untimed = _time(memory.timestamp or None)
    return checked_entry(line, resume, replace(memory, timestamp=time))._replace(is_untimed=is_untimed)


def _time(given: object) -> tuple[str, bool]:
    """The time as ISO 8601, and whether one was given that cannot be."""
    if given is None or given == "":
        return "", False
    try:
        time = _moment(given)
    except (ValueError, OverflowError, OSError):
        return "", True
    is_possible = earliest <= time <= datetime.now(UTC) + clock_skew_max
    return (time.isoformat(), False) if is_possible else ("", True)


def _moment(given: object) -> datetime:
    if isinstance(given, str):
        time = iso8601.parse(given.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise ValueError("no time")
    return datetime.fromtimestamp(given / 1000 if abs(given) > seconds_max else given, UTC)


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
