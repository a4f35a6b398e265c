"""The domain objects that the methods of the service call; those that search are bound to the caller's index."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.memory.index.cells.indexes import Indexes
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
class Domain:
    """What is bound to an index is `of` a user; the rest is everybody's."""

    storing: Storing
    searching: Searching
    listing: Listing
    linking: Linking
    condition: Condition
    exporting: Exporting
    backups: Backups
    retaining: Retaining
    indexes: Indexes

    async def of(self, user: str) -> Domain:
        """The same, bound to an index in which all is found that the user may read and that was committed by now."""
        index = await self.indexes.of(user)
        if index is self.searching.index:
            return self
        return replace(
            self,
            storing=replace(self.storing, index=index),
            searching=replace(self.searching, index=index),
            listing=replace(self.listing, index=index),
        )

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

    @property
    def proposing(self) -> Proposing:
        """Names what newer decisions may replace."""
        return Proposing(self.storing.store, self.storing.index, KeptPairs(self.storing.store))
