"""Embeds memories before they are stored: their content, and their content after what was said before it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.memory_embeddings import Said, memory_vectors
from services.memory.text.turn_kinds import KINDS, TURN_KIND, turn_kinds, weights


@dataclass(frozen=True, slots=True)
class RowEmbedding:
    """`embedder` is None if there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None
    tells_kinds: bool = False

    async def embed_rows(self, user: str, rows: Sequence[NewRow]) -> Sequence[NewRow]:
        """The rows with their vectors, and turns of conversations with their kind."""
        if self.embedder is None:
            return rows
        befores = await self._befores(user, rows)
        said = [Said(before, row.memory.content) for before, row in zip(befores, rows, strict=True)]
        vectors = await memory_vectors(self.embedder, said)
        embedded = [
            replace(row, content_vector=each.content, context_vector=each.context)
            for row, each in zip(rows, vectors, strict=True)
        ]
        if not (self.tells_kinds and any(_is_turn(row.memory) for row in rows)):
            return embedded
        is_of_this_model = self.embedder.model == weights().model
        return await asyncio.to_thread(_with_kinds, embedded) if is_of_this_model else embedded

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


def without_kind(row: NewRow) -> NewRow:
    """The row without what the model said of an earlier text."""
    metadata = row.memory.metadata
    if metadata.get(TURN_KIND) not in KINDS:
        return row
    left = {name: value for name, value in metadata.items() if name != TURN_KIND}
    return replace(row, memory=replace(row.memory, metadata=left))


def _with_kinds(rows: Sequence[NewRow]) -> Sequence[NewRow]:
    """The rows, the turns among them with their kind in the metadata, where the model is sure and nobody said it."""
    turns = {
        place: (row.memory, row.content_vector)
        for place, row in enumerate(rows)
        if row.content_vector is not None and _is_turn(row.memory)
    }
    if not turns:
        return rows
    texts, roles = [memory.content for memory, _ in turns.values()], [memory.role for memory, _ in turns.values()]
    kinds = dict(zip(turns, turn_kinds(texts, roles, np.stack([vector for _, vector in turns.values()])), strict=True))
    return [_row_with(row, kinds.get(place, "")) for place, row in enumerate(rows)]


def _row_with(row: NewRow, kind: str) -> NewRow:
    if not kind:
        return row
    return replace(row, memory=replace(row.memory, metadata={**row.memory.metadata, TURN_KIND: kind}))


def _is_turn(memory: Memory) -> bool:
    is_said = memory.kind is Kind.CONVERSATION and memory.role in {"user", "assistant"}
    return is_said and TURN_KIND not in memory.metadata
