"""Reading a file that has no lines to resume at: its records, and the end, up to which it is stored then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from services.memory.imports.formats.entries import Entry
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import Position


def whole_file(opening: Opening, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries and the end of the file; if it changes, all of it is read again."""
    size, count = opening.path.stat().st_size, 0
    for entry in entries:
        count = max(count, entry.line)
        yield entry
    yield Entry(count, Position(size, count))


def text_of(value: object) -> str:
    """The value if it is a text, else nothing."""
    return value if isinstance(value, str) else ""


def texts_of(value: object) -> tuple[str, ...]:
    """The texts of a list, else nothing."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
