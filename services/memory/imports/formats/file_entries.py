"""The entries of a file and its end: read whole, or line by line from where the import before came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from services.memory.imports.formats.entries import Entry
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import Line, Position, read_lines, track_position


def whole_file(opening: Opening, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries and the end of the file; if it changes, all of it is read again."""
    size, count = opening.path.stat().st_size, 0
    for entry in entries:
        count = max(count, entry.line)
        yield entry
    yield Entry(count, Position(size, count))


def line_entries(opening: Opening, entries: Callable[[Iterator[Line]], Iterable[Entry]]) -> Iterator[Entry]:
    """The entries of the lines from `opening.start` on, and the end, from which the next import goes on."""
    reached = [opening.start]
    with opening.path.open("rb") as file:
        yield from entries(track_position(read_lines(file, opening.start), reached))
    yield Entry(reached[0].lines, reached[0])


def text_of(value: object) -> str:
    """The value if it is a text, else nothing."""
    return value if isinstance(value, str) else ""


def texts_of(value: object) -> tuple[str, ...]:
    """The texts of a list, else nothing."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
