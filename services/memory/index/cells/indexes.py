"""Where a user's memories are found: in one index of everybody's, or in a cell of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.memory.domain.rows import Embedded
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.parts import Around


class Indexes(Protocol):
    """Implemented by `MemoryIndex` and `Cells`."""

    async def of(self, user: str) -> MemoryIndex:
        """The index in which all is found that the user may read and that was committed before this call."""
        ...


class AnyIndex(Protocol):
    """What upkeep asks, of memories of any user."""

    @property
    def unreadable(self) -> Mapping[int, tuple[str, str]]:
        """User name and id of memories that cannot be read, by sequence."""
        ...

    async def around(self, sequences: Sequence[int], count: int) -> list[Around]:
        """For each of `sequences`, up to `count` memories before and after it in its session, in the order of time."""
        ...

    async def embed(self, embedded: Sequence[Embedded]) -> None:
        """Sets the vectors of indexed memories."""
        ...
