"""Index entries. A memory's text is read once, before it is stored: terms, speaker, files, code, wording."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.memory.domain.memories import Memory
from services.memory.index.catalogue import Entry
from services.memory.index.labels import Label
from services.memory.index.postings import EMPTY, Document, document
from services.memory.text.code_detection import has_code
from services.memory.text.dialogue import asks, speaker
from services.memory.text.file_mentions import file_paths
from services.memory.text.terms import counted_terms, terms
from services.memory.text.turn_kinds import kind_named
from services.memory.text.wording import wording


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything derived from a memory's text; `files` are plain paths."""

    document: Document = EMPTY
    speaker: str = ""
    asks: bool = False
    wording: int = 0
    files: tuple[str, ...] = ()
    has_code: bool = False


UNREAD = Reading()
"""The reading of a memory that is found by meaning, but not yet by words."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A committed memory to index; vectors are float16 bytes, empty if there are none."""

    entry: Entry
    label: Label
    document: Document
    content_vector: bytes = b""
    context_vector: bytes = b""


def reading(memory: Memory) -> Reading:
    """Reads the memory's text, in linear time."""
    content, length = counted_terms(memory.content)
    tags = terms(" ".join(memory.tags))
    return Reading(
        document=replace(document([*content, *tags]), length=length + len(tags)),
        speaker=speaker(memory.content),
        asks=asks(memory.content),
        wording=wording(memory.content, memory.tags),
        files=tuple(file_paths(memory.content, memory.metadata)),
        has_code=has_code(memory.content),
    )


def entry_of(
    sequence: int, user: str, memory: Memory, read: Reading, content_vector: bytes = b"", context_vector: bytes = b""
) -> NewEntry:
    """The index entry of the user's memory stored under `sequence`."""
    entry = Entry(
        sequence=sequence,
        user=user,
        project=memory.project,
        session_id=memory.session_id,
        timestamp_s=memory.timestamp.timestamp(),
        speaker=read.speaker,
        asks=read.asks,
        wording=read.wording,
        shared=memory.shared,
    )
    label = Label(memory.kind, memory.role, memory.tags, read.files, read.has_code, kind_named(memory.metadata))
    return NewEntry(entry, label, read.document, content_vector, context_vector)


def new_entry(
    sequence: int, user: str, memory: Memory, content_vector: bytes = b"", context_vector: bytes = b""
) -> NewEntry:
    """The index entry of a memory whose text was not read before."""
    return entry_of(sequence, user, memory, reading(memory), content_vector, context_vector)
