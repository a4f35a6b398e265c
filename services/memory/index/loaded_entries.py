"""Converts rows loaded from the store into index entries. Unreadable rows are skipped and reported."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import Loaded
from services.memory.index.entries import UNREAD, NewEntry, entry_of, reading

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedEntries:
    """The entries in the order of the rows, and the user and id of each unreadable row by sequence."""

    entries: Sequence[NewEntry]
    unreadable: Mapping[int, tuple[str, str]]


def loaded_entries(loaded: Loaded, *, text: bool) -> LoadedEntries:
    """The entries of the rows; without `text`, only found by meaning. An invalid row never raises."""
    entries = []
    unreadable = dict(loaded.unreadable)
    for place, sequence in enumerate(loaded.sequence.tolist()):
        try:
            entries.append(_entry(loaded, place, text=text))
        except Exception as error:  # any error: one row must not keep all others from being found
            unreadable[sequence] = (loaded.user[place], loaded.id[place])
            logger.warning("memory %d cannot be read: %s", sequence, type(error).__name__)
    return LoadedEntries(entries, unreadable)


def _entry(loaded: Loaded, place: int, *, text: bool) -> NewEntry:
    memory = _memory(loaded, place)
    vectors = loaded.content_vector[place], loaded.context_vector[place]
    read = reading(memory) if text else UNREAD
    return entry_of(int(loaded.sequence[place]), loaded.user[place], memory, read, *vectors)


def _memory(loaded: Loaded, place: int) -> Memory:
    return Memory(
        content=loaded.content[place],
        kind=Kind(loaded.kind[place]),
        project=loaded.project[place],
        timestamp=datetime.fromtimestamp(float(loaded.timestamp_s[place]), UTC),
        session_id=loaded.session_id[place],
        role=loaded.role[place],
        tags=tuple(loaded.tags[place]),
        metadata=json.loads(loaded.metadata[place]),
        shared=bool(loaded.shared[place]),
    )
