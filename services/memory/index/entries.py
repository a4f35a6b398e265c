"""A memory as the index takes it: read once for its terms, speaker, labels and likeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.memory.index.catalogue import Entry
from services.memory.index.labels import Label
from services.memory.likeness import likeness
from services.memory.memories import Memory
from services.memory.mentions import file_paths, has_code
from services.memory.speech import asks, speaker
from services.memory.text import terms


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A committed memory on its way into the index; vectors are float16 bytes, empty where there are none."""

    entry: Entry
    label: Label
    terms: Sequence[str]
    content_vector: bytes = b""
    context_vector: bytes = b""


def bare_entry(
    sequence: int, user: str, memory: Memory, content_vector: bytes = b"", context_vector: bytes = b""
) -> NewEntry:
    """The same without what only the text says: found by meaning, not yet by words."""
    said_s = memory.timestamp.timestamp()
    entry = Entry(sequence, user, memory.project, memory.session_id, said_s, shared=memory.shared)
    label = Label(memory.kind, memory.role, memory.tags)
    return NewEntry(entry, label, (), content_vector, context_vector)


def new_entry(
    sequence: int, user: str, memory: Memory, content_vector: bytes = b"", context_vector: bytes = b""
) -> NewEntry:
    """What the index keeps of the user's memory that is stored under `sequence`."""
    found = [*terms(memory.content), *terms(" ".join(memory.tags))]
    entry = Entry(
        sequence=sequence,
        user=user,
        project=memory.project,
        session_id=memory.session_id,
        timestamp_s=memory.timestamp.timestamp(),
        speaker=speaker(memory.content),
        asks=asks(memory.content),
        likeness=likeness(found),
        shared=memory.shared,
    )
    label = Label(
        kind=memory.kind,
        role=memory.role,
        tags=memory.tags,
        files=tuple(file_paths(memory.content, memory.metadata)),
        has_code=has_code(memory.content),
    )
    return NewEntry(entry, label, found, content_vector, context_vector)
