"""Embeds memories that were stored without an embedding: while there was no model, or with a different one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.background_task import report_success
from services.kit.errors import LimitExceeded, Unavailable
from services.memory.domain.partial_changes import DoneInPart
from services.memory.domain.rows import Embedded
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.index.cells.indexes import AnyIndex
from services.memory.operations.memory_embeddings import Said, memory_vectors
from services.memory.search.result_cache import Generations

logger = logging.getLogger(__name__)

portion = 64
UPKEEP, DONE = "embedded_whole_to", "done"
"""Under which name the store keeps how far long memories were embedded anew."""
long_min_bytes = 500
"""A shorter text has no chunks, and leaves the one after it all of its context."""
patience_s = 5.0
"""The time to the next attempt if the embedder's queue or the disk is full."""


@dataclass(slots=True)
class Backfill:
    """Works in portions, at a lower priority than queries, until every memory has all embeddings of the current model.

    `trouble` says what is not found by its meaning yet.
    """

    store: MemoryStore
    index: AnyIndex
    embedder: Embedder
    generations: Generations
    trouble: str = ""

    async def run(self) -> None:
        """Embeds what has no embedding yet, and all parts of what was embedded by its beginning, then returns."""
        done = 0
        while sequences := await self._portion_to_embed():
            done += await self._embed_at_last(sequences)
        if done:
            logger.info("embedded %d memories that had no embedding", done)
        await self._embed_whole()

    async def _embed_at_last(self, sequences: Sequence[int]) -> int:
        """Embeds them, as soon as there is room for it."""
        while True:
            try:
                done = await self._embed(sequences)
            except (LimitExceeded, Unavailable):
                await asyncio.sleep(patience_s)
            else:
                report_success()
                return done

    async def _embed_whole(self) -> None:
        """Embeds long memories of earlier versions anew, and what was said after them; once in a store's life."""
        embedded_to = await self.store.upkeep(UPKEEP)
        if embedded_to == DONE:
            return
        last = int(embedded_to or -1)
        while sequences := await self.store.longer_than(long_min_bytes, last, portion):
            self.trouble = "Long memories of an earlier version are found by the meaning of their beginning alone yet."
            around = await self.index.around(sequences, 1)
            known = {*sequences, *(each for _, after in around for each in after)} - set(self.index.unreadable)
            await self._embed_at_last(sorted(known))
            last = sequences[-1]
            await self.store.keep_upkeep(UPKEEP, str(last))
        await self.store.keep_upkeep(UPKEEP, DONE)
        self.trouble = ""

    async def _portion_to_embed(self) -> Sequence[int]:
        """The next portion; memories that cannot be read do not block the others."""
        passed_over = self.index.unreadable
        found = await self.store.without_embedding(self.embedder.model, portion + len(passed_over))
        return [each for each in found if each not in passed_over][:portion]

    async def _embed(self, sequences: Sequence[int]) -> int:
        around = await self.index.around(sequences, 1)
        befores = {each: before for each, (before, _) in zip(sequences, around, strict=True)}
        needed = {*sequences, *(before for each in befores.values() for before in each)}
        memories = await self.store.fetch(sorted(needed))
        present = [each for each in sequences if each in memories]
        said = [
            Said("".join(memories[part].content for part in befores[each] if part in memories), memories[each].content)
            for each in present
        ]
        vectors = await memory_vectors(self.embedder, said)
        embedded = [
            Embedded(sequence, each.content, each.context) for sequence, each in zip(present, vectors, strict=True)
        ]
        try:
            await self.store.embed(embedded, self.embedder.model)
        except DoneInPart as part:
            await self.index.embed([embedded[place] for place in part.done])
            raise part.error from part
        await self.index.embed(embedded)
        await self.generations.move_all()
        return len(present)
