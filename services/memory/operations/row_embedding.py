"""Embeds memories before they are stored: their content, and their content after what was said before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.memory.domain.memories import Memory
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.memory_embeddings import Said, memory_vectors


@dataclass(frozen=True, slots=True)
class RowEmbedding:
    """`embedder` is None if there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None

    async def embed_rows(self, user: str, rows: Sequence[NewRow]) -> Sequence[NewRow]:
        """The rows with their vectors."""
        if self.embedder is None:
            return rows
        befores = await self._befores(user, rows)
        said = [Said(before, row.memory.content) for before, row in zip(befores, rows, strict=True)]
        vectors = await memory_vectors(self.embedder, said)
        return [
            replace(row, content_vector=each.content, context_vector=each.context)
            for row, each in zip(rows, vectors, strict=True)
        ]

    async def _befores(self, user: str, rows: Sequence[NewRow]) -> list[str]:
        """The preceding content of each row in its session, from this call or the store; empty if there is none."""
        latest: dict[tuple[str, str], str] = {}
        befores = []
        for row in rows:
            session = (row.memory.project, row.memory.session_id)
            if not row.memory.session_id:
                befores.append("")
                continue
            if session not in latest:
                latest[session] = await self._stored_before(user, row.memory)
            befores.append(latest[session])
            latest[session] = row.memory.content
        return befores

    async def _stored_before(self, user: str, memory: Memory) -> str:
        sequence = await self.index.latest(user, memory.project, memory.session_id, memory.timestamp.timestamp())
        found = await self.store.fetch([sequence]) if sequence is not None else {}
        return next((each.content for each in found.values()), "")
