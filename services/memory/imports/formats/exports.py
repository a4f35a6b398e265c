"""The conversations in the export of a chat service: a list of them in one JSON document, or in several of a zip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from services.memory.imports.formats.entries import Entry, Record
from services.memory.imports.formats.opening import Opening

Fields = dict[str, Any]


def conversations(opening: Opening, records: Callable[[Fields], Iterable[Record]]) -> Iterator[Entry]:
    """The entries of every conversation; their lines are the conversations' numbers."""
    number, before, size = 0, 0, opening.path.stat().st_size
    for name in opening.names:
        with opening.read_document(name) as document:
            for conversation in document.elements():
                number += 1
                # Of a zip it is unknown how much is still packed: half of the rest, ever again.
                read = size - size * size // (size + before + document.bytes_read) if name else document.bytes_read
                if not isinstance(conversation, dict):
                    yield Entry(number, opening.start, problem="not a conversation", bytes_read=read)
                    continue
                for record in records(conversation):
                    yield record.entry(number, bytes_read=read)
            before += document.bytes_read
