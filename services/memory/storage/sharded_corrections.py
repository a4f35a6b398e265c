"""The corrections of a store of several databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.kit.errors import Conflict
from services.memory.domain.corrections import Corrections
from services.memory.domain.deletion_log import Reason, Removing
from services.memory.domain.memories import Version
from services.memory.domain.rows import NewRow, Restated
from services.memory.storage.shards import Shards


class ShardedCorrections(Shards):
    """Correcting in the shard of each memory."""

    async def update(self, earlier: int, row: NewRow, at: datetime, model: str) -> Restated:
        """A memory whose new project is in another shard goes there."""
        shard, target = earlier % len(self._shards), self._shard_of(row)
        if shard != target:
            await self._refuse_twin(target, row)
        done = await self._shards[shard].update(earlier // len(self._shards), row, at, model)
        if shard == target:
            return self._restatement_with_global_sequence(shard, done)
        return await self._move(shard, target, replace(done, replaced=earlier), model)

    async def _refuse_twin(self, target: int, row: NewRow) -> None:
        for each in (await self._shards[target].find_existing([replace(row, deleted_too=True)])).values():
            if each.id != row.memory.id:
                raise Conflict(
                    f"Another memory says the same already: {each.id}.",
                    "Withdraw this one, or let that one replace it.",
                )

    async def _move(self, shard: int, target: int, done: Restated, model: str) -> Restated:
        """Stores the memory in the other shard, then removes it here: a kill in between leaves it in both, and the
        next change removes it here."""
        row = done.row
        if row is None:
            return done
        versions = (await self._shards[shard].versions(row.user, [row.memory.id])).get(row.memory.id, ())
        moved = replace(row, memory=replace(row.memory, versions=versions), deleted_too=True)
        (inserted,) = await self._shards[target].insert([moved], model)
        await self._shards[shard].delete([done.sequence], Removing(row.user, Reason.MOVED))
        return replace(done, sequence=self._everywhere(target, inserted.sequence), row=row)

    async def withdraw(self, sequence: int, at: datetime | None) -> None:
        await self._shards[sequence % len(self._shards)].withdraw(sequence // len(self._shards), at)

    async def set_replaced(self, sequence: int, id: str, at: datetime | None) -> None:
        await self._shards[sequence % len(self._shards)].set_replaced(sequence // len(self._shards), id, at)

    async def corrections(self) -> Corrections:
        """Of all shards: what replaces a memory may be in another one."""
        found = await asyncio.gather(*(shard.corrections() for shard in self._shards))
        return Corrections(
            [
                replace(each, by=self._everywhere(shard, each.by))
                for shard, its in enumerate(found)
                for each in its.replacements
            ],
            {
                self._everywhere(shard, sequence): at
                for shard, its in enumerate(found)
                for sequence, at in its.withdrawals.items()
            },
        )

    async def sequences_of(self, keys: Sequence[str]) -> dict[str, int]:
        found = await asyncio.gather(*(shard.sequences_of(keys) for shard in self._shards))
        return {key: self._everywhere(shard, each) for shard, its in enumerate(found) for key, each in its.items()}

    async def versions(self, user: str, ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
        found = await asyncio.gather(*(shard.versions(user, ids) for shard in self._shards))
        return {name: versions for its in found for name, versions in its.items()}
