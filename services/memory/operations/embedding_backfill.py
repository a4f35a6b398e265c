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
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.memory_embeddings import Said, memory_vectors
from services.memory.search.result_cache import Generations

logger = logging.getLogger(__name__)

portion = 64
patience_s = 5.0
"""The time to the next attempt if the embedder's queue or the disk is full."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """Works in portions, at a lower priority than queries, until every memory has an embedding of the current model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder
    generations: Generations

    async def run(self) -> None:
        """Embeds what has no embedding yet, then returns."""
        done = 0
        while sequences := await self._portion_to_embed():
            try:
                done += await self._embed(sequences)
                report_success()
            except (LimitExceeded, Unavailable):
                await asyncio.sleep(patience_s)
        if done:
            logger.info("embedded %d memories that had no embedding", done)

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
