"""What a file shows of itself when it is opened, for the formats to recognise it by; looked at once, when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Protocol, Self

from services.memory.imports.containers import sqlite_copy, zip_archive
from services.memory.imports.containers.json_document import JsonDocument, Malformed
from services.memory.imports.containers.sqlite_copy import Database
from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.formats.entries import Entry
from services.memory.imports.json_lines import START, Fields, Line, Position, read_lines
from services.memory.imports.tool_calls import Outcome

probe_bytes = 8192
head_max_lines = 100
head_max_bytes = 4 * 1024 * 1024
note_max_bytes = 4 * 1024 * 1024
first_max_elements = 20
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Document(NamedTuple):
    """The beginning of a JSON document: of a list the first value that has something in it, or its keys up to the
    first list."""

    first: Any = None
    keys: Mapping[str, Any] = {}
    lists: frozenset[str] = frozenset()


class Opening:
    """A file that is about to be read. `root` is the directory that was named, if the file was found below one."""

    def __init__(
        self,
        path: Path,
        root: Path | None = None,
        start: Position = START,
        outcomes: Mapping[str, Outcome] | None = None,
    ) -> None:
        self.path = path
        self.root = root
        self.start = start
        self.outcomes = outcomes or {}
        self._stack = ExitStack()
        with path.open("rb") as file:
            self._probe = file.read(probe_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def head(self) -> list[Line]:
        """The file's first lines, as objects."""
        if self.is_binary:
            return []
        with self.path.open("rb") as file:
            lines: list[Line] = []
            for line in islice(read_lines(file), head_max_lines):
                lines.append(line)
                if line.end.offset > head_max_bytes:
                    break
            return lines

    @property
    def objects(self) -> Iterator[Fields]:
        """The objects among the first lines."""
        return (line.fields for line in self.head if line.fields is not None)

    @property
    def is_empty(self) -> bool:
        """Whether the file has nothing but space, as far as it was looked at."""
        return not self._probe.strip()

    @property
    def begins_object(self) -> bool:
        """Whether the text begins with an object."""
        return self._text_probe.startswith(b"{")

    @property
    def is_binary(self) -> bool:
        """Whether it is no text."""
        return b"\0" in self._probe

    @property
    def is_utf_16(self) -> bool:
        """Whether it is text in UTF-16, as programs for Windows write it."""
        return self._probe.startswith(UTF_16_MARKS)

    @cached_property
    def database(self) -> Database | None:
        """The file as a SQLite database, from a copy that is removed when the file is closed."""
        if not self._probe.startswith(sqlite_copy.MAGIC):
            return None
        return self._stack.enter_context(sqlite_copy.open_copy(self.path))

    @cached_property
    def note_text(self) -> str:
        """The text of a Markdown file; empty for other files."""
        if self.path.suffix.lower() not in {".md", ".markdown"} or (self.is_binary and not self.is_utf_16):
            return ""
        with self.path.open("rb") as file:
            data = file.read(note_max_bytes + 1)
        if len(data) > note_max_bytes:
            raise Unreadable(f"{self.path}: a note of over {note_max_bytes:,} bytes")
        return _note_text(data, is_utf_16=self.is_utf_16).replace("\r\n", "\n")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the JSON documents in the file: itself, or the conversations in a zip archive."""
        if self._probe.startswith(zip_archive.MAGIC):
            with zip_archive.open_archive(self.path) as archive:
                return tuple(each.filename for each in zip_archive.conversation_members(self.path, archive))
        return ("",) if self._text_probe[:1] in (b"[", b"{") else ()

    @cached_property
    def document(self) -> Document:
        """The beginning of the first of its JSON documents."""
        if not self.names:
            return Document()
        with self.open_document(self.names[0]) as document:
            try:
                return _document(document)
            except Malformed:
                return Document()

    @contextmanager
    def open_document(self, name: str) -> Iterator[JsonDocument]:
        """One of its JSON documents, to be read from its beginning."""
        with ExitStack() as stack:
            file: BinaryIO
            if name:
                archive = stack.enter_context(zip_archive.open_archive(self.path))
                file = stack.enter_context(zip_archive.open_member(archive, archive.getinfo(name)))
            else:
                file = stack.enter_context(self.path.open("rb"))
            encoding = "utf-16" if self.is_utf_16 else "utf-8"
            yield JsonDocument(f"{self.path}{f' ({name})' if name else ''}", file, encoding)

    @contextmanager
    def read_document(self, name: str = "") -> Iterator[JsonDocument]:
        """The same at its first value. Raises Unreadable while it is read, if it is not JSON or ends too early."""
        with self.open_document(name) as document:
            try:
                document.opening()
                yield document
            except Malformed as problem:
                raise Unreadable(f"{self.path}: not whole JSON ({problem})") from None

    @property
    def _text_probe(self) -> bytes:
        probe = self._probe.decode("utf-16", "ignore").encode() if self.is_utf_16 else self._probe
        return probe.removeprefix(b"\xef\xbb\xbf").lstrip()


def _note_text(data: bytes, *, is_utf_16: bool) -> str:
    """The text of a note; what is no UTF-8 is of the time before it."""
    if is_utf_16:
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _document(document: JsonDocument) -> Document:
    if document.opening() == "[":
        return Document(first=_first(islice(document.elements(), first_max_elements)))
    keys: dict[str, Any] = {}
    for key in document.members():
        if document.begins_list():
            return Document(keys=keys, lists=frozenset((key,)))
        keys[key] = document.value()
    return Document(keys=keys)


def _first(elements: Iterator[Any]) -> Any:
    """The first element that has something in it, as a conversation has messages; else the first."""
    first = None
    for element in elements:
        if isinstance(element, dict) and any(isinstance(value, dict | list) for value in element.values()):
            return element
        first = element if first is None else first
    return first


class Format(Protocol):
    """A format of files. `name` is what it is called, and `where` says where its program keeps such files."""

    name: str
    where: str

    def evidence(self, opening: Opening) -> str:
        """What shows that the file is of this format; empty if it is not."""
        ...

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The entries of the file; the last one is empty. Raises Unreadable, and OSError if reading fails."""
        ...
