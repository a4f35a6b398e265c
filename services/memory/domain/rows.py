"""The rows a store takes and returns: rows to insert, their outcomes, and columns of many memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.memories import Memory

Vectors = NDArray[np.float16]
Sequences = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NewRow:
    """A memory to insert, with its embeddings if there are any (float16, unit length): 384 numbers of its content; and
    384 of the content with what was said before it, followed by as many of each chunk of a long content."""

    memory: Memory
    user: str
    content_vector: Vectors | None = None
    context_vector: Vectors | None = None
    deleted_too: bool = False
    """Whether to store it even if it was deleted."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embeddings of a stored memory, as in NewRow."""

    sequence: int
    content_vector: Vectors
    context_vector: Vectors


@dataclass(frozen=True, slots=True)
class Inserted:
    """Where a memory is stored: sequence, id and tags; `duplicate` if it was stored before.

    `has_news`: this call adds something to a stored memory that is not stored yet, see `restatements.py`.
    """

    sequence: int
    id: str
    stored_at: datetime
    duplicate: bool
    embedded: bool
    tags: tuple[str, ...] = ()
    has_news: bool = False
    was_deleted: bool = False
    """It was deleted before, and is not stored; `sequence` is -1."""


@dataclass(frozen=True, slots=True)
class Restated:
    """A memory after it was said again; `row` is complete if it is a new row that took the place of `replaced`."""

    sequence: int
    memory: Memory
    row: NewRow | None = None
    replaced: int | None = None


@dataclass(frozen=True, slots=True)
class ProjectMove:
    """A user's memories of one project, to be filed under another. One that `merges` notes where they came from; one
    that `splits` moves those back that came from its target."""

    user: str
    source: str
    target: str
    merges: bool = False
    splits: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """What a project's move changed: the sequences that are gone, and those under which the memories are now."""

    removed: Sequence[int]
    added: Sequence[int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Columns of many memories, for building the indexes; a missing vector is empty bytes.

    Rows that cannot be decrypted are left out: `unreadable` has their user and id, by sequence.
    """

    sequence: NDArray[np.int64]
    id: Sequence[str]
    user: Sequence[str]
    project: Sequence[str]
    session_id: Sequence[str]
    role: Sequence[str]
    kind: Sequence[str]
    tags: Sequence[Sequence[str]]
    metadata: Sequence[str]
    timestamp_s: NDArray[np.float64]
    shared: NDArray[np.bool_]
    content: Sequence[str]
    content_vector: Sequence[bytes]
    context_vector: Sequence[bytes]
    unreadable: Mapping[int, tuple[str, str]] = field(default_factory=dict)
