"""Exports all of a user's memories, in pages, in the order in which they were stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.kit.errors import InvalidInput
from services.memory.domain.memories import Memory
from services.memory.domain.store import MemoryStore

page_max_memories = 256
page_max_bytes = 2 * 1024 * 1024
"""A page ends with the memory that reaches this size, so that it fits into one RPC message."""


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Memories in the order of storing; `next` is where the next page begins, 0 if there is none."""

    memories: Sequence[Memory]
    next: int


@dataclass(frozen=True, slots=True)
class Exporting:
    """The dependencies of exporting."""

    store: MemoryStore

    async def page(self, user: str, after: int, limit: int) -> ExportPage:
        """The user's memories stored after `after`, the `next` of the previous page."""
        if not 1 <= limit <= page_max_memories:
            raise InvalidInput(f"limit is {limit}; it takes 1 to {page_max_memories}.")
        found = await self._whole(user, await self.store.page(user, after, limit))
        size, count = 0, 0
        while count < len(found) and size < page_max_bytes:
            size += found[count][1].size_bytes
            count += 1
        is_last = count == len(found) < limit
        return ExportPage([memory for _, memory in found[:count]], 0 if is_last else found[count - 1][0])

    async def _whole(self, user: str, page: Mapping[int, Memory]) -> list[tuple[int, Memory]]:
        """The memories with what they were before."""
        versions = await self.store.versions(user, [each.id for each in page.values()])
        return [(sequence, replace(each, versions=versions.get(each.id, ()))) for sequence, each in page.items()]
