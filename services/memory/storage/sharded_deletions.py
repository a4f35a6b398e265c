"""The deletions of a store of several databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.memory.domain.deletion_log import Removal, Removing, Undoing, Undone
from services.memory.domain.memories import Chosen, Tally
from services.memory.domain.partial_changes import DoneInPart
from services.memory.domain.retention_policy import Due
from services.memory.storage.shards import Shards


class ShardedDeletions(Shards):
    """Deleting in every shard."""

    async def choose(self, user: str, chosen: Chosen) -> list[int]:
        found = await asyncio.gather(*(shard.choose(user, chosen) for shard in self._shards))
        return sorted(self._everywhere(shard, each) for shard, its in enumerate(found) for each in its)

    async def derivatives(self, sequences: Sequence[int]) -> list[int]:
        """What is made of a memory is in its project, and so in its shard."""
        parts = self._by_shard(sequences)
        found = await asyncio.gather(*(self._shards[at].derivatives(its) for at, its in parts.items()))
        return sorted(self._everywhere(at, each) for at, its in zip(parts, found, strict=True) for each in its)

    async def tally(self, sequences: Sequence[int]) -> list[Tally]:
        """A project is in one shard."""
        found = await asyncio.gather(*(self._shards[at].tally(its) for at, its in self._by_shard(sequences).items()))
        return sorted((each for its in found for each in its), key=lambda tally: (tally.kind, tally.project))

    async def delete(self, sequences: Sequence[int], by: Removing) -> None:
        """One transaction per shard. DoneInPart if some of them failed."""
        done: list[int] = []

        async def delete(shard: int, its: list[int]) -> None:
            await self._shards[shard].delete([sequences[place] // len(self._shards) for place in its], by)
            done.extend(its)

        error = await self._change(self._places(each % len(self._shards) for each in sequences), delete)
        if error:
            raise DoneInPart(sorted(done), error) if done else error

    async def delete_due(self, due: Due, by: Removing) -> list[int]:
        """One transaction per shard. Memories that a shard could not delete are due again at the next check."""
        removed: list[int] = []

        async def delete(shard: int, its: list[int]) -> None:
            here = Due(due.sequences[its] // len(self._shards), due.said_us[its])
            removed.extend(self._everywhere(shard, each) for each in await self._shards[shard].delete_due(here, by))

        error = await self._change(self._places(int(each) % len(self._shards) for each in due.sequences), delete)
        if error and not removed:
            raise error
        return removed

    async def last_deletion(self, user: str) -> datetime | None:
        found = await asyncio.gather(*(shard.last_deletion(user) for shard in self._shards))
        return max((each for each in found if each), default=None)

    async def undelete(self, undoing: Undoing) -> Undone:
        """One transaction per shard. What is left of an earlier call is done by the next."""
        found = await asyncio.gather(*(shard.undelete(undoing) for shard in self._shards))
        restored = frozenset[str]().union(*(each.restored for each in found))
        there = frozenset[str]().union(*(each.there for each in found)) - restored
        return Undone(
            sequences=tuple(self._everywhere(shard, each) for shard, its in enumerate(found) for each in its.sequences),
            restored=restored,
            there=there,
            late=frozenset[str]().union(*(each.late for each in found)) - restored - there,
            late_count=sum(each.late_count for each in found),
        )

    async def deleted_ids(self, user: str, ids: Sequence[str]) -> set[str]:
        return set[str]().union(*await asyncio.gather(*(shard.deleted_ids(user, ids) for shard in self._shards)))

    async def removals(self, user: str, project: str, limit: int) -> list[Removal]:
        found = await asyncio.gather(*(shard.removals(user, project, limit) for shard in self._shards))
        return sorted((each for its in found for each in its), key=lambda each: each.removed_at, reverse=True)[:limit]

    async def unerased_count(self) -> int:
        return sum(await asyncio.gather(*(shard.unerased_count() for shard in self._shards)))

    async def last_removals(self) -> list[int]:
        return [number for shard in self._shards for number in await shard.last_removals()]

    async def compact(self, erased_to: Sequence[int] | None = None) -> None:
        """One shard after the other."""
        for number, shard in enumerate(self._shards):
            if await shard.unerased_count():
                await shard.compact(erased_to and [erased_to[number]])
