"""JSON Lines: files with one object per line, read as a stream, and memories in that format.

Handles the irregularities of imported files (a byte order mark, CRLF, invalid UTF-8, a line still being written, a line
of any length) and the contract's format of a memory. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

from services.kit import iso8601
from services.kit.errors import InvalidInput
from services.kit.visible_text import is_blank
from services.memory.domain.memories import Kind, deeper_than, metadata_depth_max, metadata_max_bytes
from services.memory.imports.corrections import corrections_of

Fields = dict[str, Any]

line_max_bytes = 16 * 1024 * 1024
second_object_tries_max = 50

UNFINISHED = "unfinished line"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SURROGATES = re.compile("[\ud800-\udfff]")


class Position(NamedTuple):
    """A position between two lines: the number of bytes and lines before it. Reading can resume from there."""

    offset: int = 0
    lines: int = 0


START = Position()


class Line(NamedTuple):
    """One line: its object, or the problem with it. `number` counts from 1."""

    start: Position
    end: Position
    fields: Fields | None
    problem: str = ""

    @property
    def number(self) -> int:
        """The line number as editors show it."""
        return self.start.lines + 1


SENT = (
    *("id", "content", "kind", "project", "timestamp", "session_id", "role", "tags", "metadata", "first_said"),
    "place",
)
"""The keys of a line."""


@dataclass(frozen=True, slots=True)
class ImportedMemory:
    """A memory to import: the keys of the contract's JSON Lines, with an id that is the same at every import."""

    content: str
    id: str
    kind: str = Kind.CONVERSATION.value
    project: str = ""
    timestamp: str = ""
    session_id: str = ""
    role: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    shared: bool | None = None
    first_said: str = ""
    directory: str = ""
    """Where its session began; not sent."""
    place: Mapping[str, Any] = field(default_factory=dict)
    """What tells the project of that directory, for the gateway to file it."""
    corrections: Mapping[str, Any] = field(default_factory=dict)
    """As `corrections_of` reads them."""

    def to_line(self) -> bytes:
        """The memory as a line; empty fields are left out."""
        pairs = {key: value for key in SENT if (value := getattr(self, key))}
        if self.shared is not None:
            pairs["shared"] = self.shared
        pairs |= self.corrections
        return whole(json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class ImportedLink:
    """A project link to import, as an export wrote it."""

    fields: Mapping[str, str]

    def to_line(self) -> bytes:
        """The link as a line."""
        return whole(json.dumps({"link": self.fields}, ensure_ascii=False, separators=(",", ":"))).encode() + b"\n"


def read_lines(file: BinaryIO, start: Position = START) -> Iterator[Line]:
    """The lines from `start` on, in constant memory; blank lines are skipped.

    A last line without a line break that is not a complete object is "unfinished", and ends where it starts: it is
    read again when the file has grown.
    """
    file.seek(start.offset)
    while data := file.readline(line_max_bytes):
        complete = data.endswith(b"\n")
        size = len(data)
        if not complete and size == line_max_bytes:
            rest, complete = _pass_over(file)
            size, data = size + rest, b""
        end = Position(start.offset + size, start.lines + 1)
        if data and not data.isspace():
            yield _parse_line(data, start, end, complete=complete)
        elif not data:
            yield Line(start, end, None, "line too long") if complete else Line(start, start, None, UNFINISHED)
        start = end


def track_position(lines: Iterable[Line], reached: list[Position]) -> Iterator[Line]:
    """The lines; records the position reached, since most lines of a transcript yield no entry."""
    for line in lines:
        reached[0] = line.end
        yield line


def _pass_over(file: BinaryIO) -> tuple[int, bool]:
    """Skips the rest of a line; returns its size in bytes, and whether the line ended."""
    size = 0
    while data := file.readline(line_max_bytes):
        size += len(data)
        if data.endswith(b"\n"):
            return size, True
    return size, False


def _parse_line(data: bytes, start: Position, end: Position, *, complete: bool) -> Line:
    if not start.offset:
        data = data.removeprefix(BYTE_ORDER_MARK)
    try:
        fields = json.loads(data.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        if not complete:
            return Line(start, start, None, UNFINISHED)
        fields = _second_object(data)
        return Line(start, end, fields) if fields else Line(start, end, None, "invalid JSON")
    return Line(start, end, fields) if isinstance(fields, dict) else Line(start, end, None, "not a JSON object")


def _second_object(data: bytes) -> Fields | None:
    """The object after half a line: what is copied while a line is being written has no line break between them."""
    at = 0
    for _ in range(second_object_tries_max):
        at = data.find(b'{"', at + 1)  # in a string the quotation mark would be escaped
        if at < 0:
            return None
        try:
            found = json.loads(data[at:].decode("utf-8", "replace"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def memory_of(fields: Fields) -> ImportedMemory:
    """The memory in a line. Raises InvalidInput, which never quotes the line."""
    content = whole(_text(fields, "content"))
    if is_blank(content):
        raise InvalidInput("content is empty" if "content" in fields else "content is missing")
    described: Fields = {
        "content": content,
        "kind": _kind(fields),
        "project": _text(fields, "project"),
        "timestamp": aware(_text(fields, "timestamp")),
        "session_id": _text(fields, "session_id"),
        "role": _text(fields, "role"),
        "tags": _tags(fields),
        "metadata": _metadata(fields),
    }
    name = _given_id(fields) or stable_id(json.dumps(described, sort_keys=True))
    first_said = aware(_text(fields, "first_said"))
    corrections = corrections_of(fields, aware)
    shared = _shared_flag(fields)
    return ImportedMemory(id=name, shared=shared, first_said=first_said, corrections=corrections, **described)


def link_of(fields: Fields) -> ImportedLink:
    """The project link in a line. Raises InvalidInput, which never quotes the line."""
    link = fields["link"]
    if not isinstance(link, dict):
        raise InvalidInput("link is not an object")
    described = {name: _text(link, name) for name in ("source", "target", "type", "description")}
    if created_at := aware(_text(link, "created_at")):
        described["created_at"] = created_at
    return ImportedLink(described)


def aware(timestamp: str) -> str:
    """The time as ISO 8601 with an offset; empty for an empty one. Raises InvalidInput."""
    if not timestamp:
        return ""
    try:
        time = iso8601.parse(timestamp)
    except ValueError:
        raise InvalidInput("timestamp is not ISO 8601") from None
    if time.tzinfo is None:
        raise InvalidInput("timestamp has no offset")
    return time.isoformat()


def stable_id(*parts: str) -> str:
    """A UUID derived from the parts, the same on every machine."""
    digest = hashlib.sha256(whole("\0".join(parts)).encode()).digest()
    return str(UUID(bytes=digest[:16], version=5))


def whole(text: str) -> str:
    """The text with lone surrogates replaced, which JSON can escape but UTF-8 cannot encode."""
    return SURROGATES.sub("\ufffd", text)


def _text(fields: Fields, key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{key} is not a string")
    return value


def _kind(fields: Fields) -> str:
    kind = _text(fields, "kind") or Kind.CONVERSATION.value
    if kind not in list(Kind):
        raise InvalidInput(f"kind is neither {' nor '.join(Kind)}")
    return kind


def _shared_flag(fields: Fields) -> bool | None:
    shared = fields.get("shared")
    if not (shared is None or isinstance(shared, bool)):
        raise InvalidInput("shared is neither true nor false")
    return shared


def _tags(fields: Fields) -> tuple[str, ...]:
    tags = fields.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInput("tags is not a list of strings")
    return tuple(tags)


def _metadata(fields: Fields) -> Fields:
    metadata = fields.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise InvalidInput("metadata is not an object")
    if deeper_than(metadata, metadata_depth_max):
        raise InvalidInput("metadata is nested too deeply")
    if len(whole(json.dumps(metadata, ensure_ascii=False)).encode()) > metadata_max_bytes:
        raise InvalidInput("metadata is too large")
    return metadata


def _given_id(fields: Fields) -> str:
    given = _text(fields, "id")
    try:
        return str(UUID(given)) if given else ""
    except ValueError:
        raise InvalidInput("id is not a UUID") from None
