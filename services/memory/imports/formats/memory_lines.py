"""JSON Lines of memories, as `segue export` writes them and as anybody may."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from services.kit.errors import InvalidInput
from services.memory.imports.formats.entries import Entry, checked_entry
from services.memory.imports.formats.file_entries import line_entries
from services.memory.imports.formats.opening import Opening
from services.memory.imports.json_lines import UNFINISHED, Line, link_of, memory_of

OWN_KEYS = frozenset(("content", "link"))


class MemoryLines:
    """One memory a line, with its content; or a link between projects."""

    name = "JSON Lines of memories"
    where = "what `segue export` wrote"

    def evidence(self, opening: Opening) -> str:
        """A line with content, an empty file, or one whose first line is still being written."""
        if opening.is_empty and not opening.is_binary:
            return "an empty file"
        if any(not OWN_KEYS.isdisjoint(fields) for fields in opening.objects):
            return "lines with content"
        head = opening.head
        return "the beginning of a line" if head and head[0].problem == UNFINISHED and opening.begins_object else ""

    def read(self, opening: Opening) -> Iterator[Entry]:
        """The entries from `opening.start` on."""
        return line_entries(opening, partial(map, _line_entry))


def _line_entry(line: Line) -> Entry:
    if line.fields is None:
        return Entry(line.number, line.end, problem=line.problem)
    try:
        if "link" in line.fields and "content" not in line.fields:
            return Entry(line.number, line.end, link=link_of(line.fields))
        return checked_entry(line.number, line.end, memory_of(line.fields))
    except InvalidInput as problem:
        return Entry(line.number, line.end, problem=problem.message)
