"""Several databases as one: which one has what, and changes that go to several of them.

A memory's sequence encodes its shard: the sequence there, times the number of shards, plus the shard's number.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from services.memory.domain.memories import Memory
from services.memory.domain.rows import Inserted, NewRow, Restated
from services.memory.storage.duckdb.store import DuckStore


def shard_of(user: str, project: str, count: int) -> int:
    """The shard, of `count`, of the user's project; the same in every process and version."""
    digest = hashlib.blake2b(f"{user}\0{project}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


class Shards:
    """The databases, and how they are gone to."""

    def __init__(self, shards: Sequence[DuckStore]) -> None:
        self._shards = shards
        self.troubles = [trouble for shard in shards for trouble in shard.troubles]

    def _everywhere(self, shard: int, sequence: int) -> int:
        return sequence * len(self._shards) + shard

    def _by_shard(self, sequences: Iterable[int]) -> dict[int, list[int]]:
        """The sequences within each shard, by shard."""
        parts: defaultdict[int, list[int]] = defaultdict(list)
        for each in sequences:
            parts[each % len(self._shards)].append(each // len(self._shards))
        return parts

    def _with_global_sequence(self, shard: int, inserted: Inserted) -> Inserted:
        if inserted.sequence < 0:
            return inserted
        return replace(inserted, sequence=self._everywhere(shard, inserted.sequence))

    def _places(self, shards: Iterable[int]) -> dict[int, list[int]]:
        """The positions by shard."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, shard in enumerate(shards):
            places[shard].append(place)
        return places

    async def _change(
        self, places: Mapping[int, list[int]], change: Callable[[int, list[int]], Awaitable[None]]
    ) -> Exception | None:
        """Runs the change in every shard, even if others fail; returns the first error."""
        outcomes = await asyncio.gather(*(change(*part) for part in places.items()), return_exceptions=True)
        errors = [each for each in outcomes if isinstance(each, BaseException)]
        for error in errors:
            if not isinstance(error, Exception):
                raise error
        return next((each for each in errors if isinstance(each, Exception)), None)

    def _shard_of(self, row: NewRow) -> int:
        return shard_of(row.user, row.memory.project, len(self._shards))

    def _restatement_with_global_sequence(self, shard: int, restated: Restated) -> Restated:
        replaced = None if restated.replaced is None else self._everywhere(shard, restated.replaced)
        return replace(restated, sequence=self._everywhere(shard, restated.sequence), replaced=replaced)

    def _join(self, parts: Iterable[int], found: Iterable[dict[int, Memory]]) -> dict[int, Memory]:
        """Joins the results of the shards in `parts`."""
        return {
            self._everywhere(shard, sequence): memory
            for shard, memories in zip(parts, found, strict=True)
            for sequence, memory in memories.items()
        }

    def _first(self, found: Sequence[int | None]) -> int | None:
        return next((self._everywhere(shard, each) for shard, each in enumerate(found) if each is not None), None)
