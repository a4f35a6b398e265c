"""The domain objects that the methods of the service call; those that search are bound to the caller's index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from services.memory.index.cells.indexes import Indexes
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.backups import Backups
from services.memory.operations.correct_memories import Correcting
from services.memory.operations.delete_memories import Deleting
from services.memory.operations.export import Exporting
from services.memory.operations.health import Condition
from services.memory.operations.link_projects import Linking
from services.memory.operations.replacements.kept_pairs import KeptPairs
from services.memory.operations.replacements.proposals import Proposing
from services.memory.operations.replacements.settling import Settling
from services.memory.operations.retention_job import Retaining
from services.memory.operations.store_memories import Storing
from services.memory.search.memory_list import Listing
from services.memory.search.search import Searching


@dataclass(frozen=True, slots=True)
class Derived:
    """What reads by an index."""

    searching: Searching
    listing: Listing
    condition: Condition
    indexes: Indexes

    async def of(self, user: str) -> Self:
        """The same, bound to an index in which all is found that the user may read and that was committed by now."""
        index = await self.indexes.of(user)
        return self if index is self.searching.index else self.bound_to(index)

    def bound_to(self, index: MemoryIndex) -> Self:
        """The same, bound to an index."""
        return replace(self, searching=replace(self.searching, index=index), listing=replace(self.listing, index=index))

    @property
    def proposing(self) -> Proposing:
        """Names what newer decisions may replace."""
        store = self.searching.store
        return Proposing(store, self.searching.index, KeptPairs(store))


@dataclass(frozen=True, slots=True)
class Domain(Derived):
    """What reads by an index, and what changes memories. What is bound to an index is `of` a user; the rest is
    everybody's."""

    storing: Storing
    linking: Linking
    exporting: Exporting
    backups: Backups
    retaining: Retaining

    def bound_to(self, index: MemoryIndex) -> Self:
        """The same, bound to an index."""
        bound = Derived.bound_to(self, index)
        return replace(bound, storing=replace(self.storing, index=index))

    @property
    def deleting(self) -> Deleting:
        """Deletes and brings back."""
        return Deleting(self.storing)

    @property
    def correcting(self) -> Correcting:
        """Changes and withdraws."""
        return Correcting(self.storing)

    @property
    def settling(self) -> Settling:
        """Settles whether one memory replaces another."""
        return Settling(self.correcting, KeptPairs(self.storing.store))
