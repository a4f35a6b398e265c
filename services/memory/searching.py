"""Searching: the query's terms and embedding, candidates with their signals, ranking, and the rows behind the best."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace

from services.kit.errors import InvalidInput, LimitExceeded, NotFound
from services.memory.embedder import Embedder
from services.memory.index.memory_index import Asked, Candidates, MemoryIndex
from services.memory.memories import Found, Memory, Query, Results, Surroundings, checked, neighbours_max
from services.memory.ranking import rank
from services.memory.speech import words_of
from services.memory.store import MemoryStore
from services.memory.text import query_terms

chars_per_token = 4
"""English prose has about four characters a token; what is cut is cut at a whole result, so an estimate will do."""
similar_from = 0.3
"""Cosine from which a result counts as matched by meaning: unrelated texts lie around 0.1 with this model."""


@dataclass(frozen=True, slots=True)
class Searching:
    """What searching needs; `embedder` is None while there is no usable model."""

    store: MemoryStore
    index: MemoryIndex
    embedder: Embedder | None

    async def search(self, user: str, query: Query) -> Results:
        """The user's best memories for the query, best first."""
        began = time.perf_counter()
        query = checked(query)
        vector, strategy = await self._embedded(query.text)
        asked = Asked(query_terms(query.text), words_of(query.text), vector)
        candidates = await self.index.candidates(user, query.project, asked)
        scores = rank(candidates.signals, time.time())
        order = [place for place in np.lexsort((candidates.sequence, -scores)) if scores[place] >= query.min_score]
        found = await self._found(candidates, scores, order[: query.limit])
        kept = _within(found, query.max_tokens)
        return Results(
            found=kept,
            total=len(order),
            strategy=strategy,
            took_ms=(time.perf_counter() - began) * 1e3,
            truncated=len(kept) < len(found),
            suggestions=() if kept else _suggestions(query),
        )

    async def _embedded(self, text: str) -> tuple[NDArray[np.float32] | None, str]:
        if self.embedder is None:
            return None, "text_fallback"
        try:
            return (await self.embedder.embed([text]))[0], "hybrid"
        except LimitExceeded:  # too many wait for the model: words alone, and it is said
            trace.get_current_span().set_attribute("segue.degraded", "embedding queue full")
            return None, "text_fallback"

    async def _found(self, candidates: Candidates, scores: NDArray[np.float64], places: Sequence[int]) -> list[Found]:
        sequences = [int(candidates.sequence[place]) for place in places]
        around = await self.index.around(sequences, 1)
        needed = {*sequences, *(each for before, after in around for each in (*before, *after))}
        memories = await self.store.fetch(sorted(needed))
        return [
            _one(candidates, scores, place, memories, (before, after))
            for place, sequence, (before, after) in zip(places, sequences, around, strict=True)
            if sequence in memories  # deleted meanwhile
        ]

    async def get(self, user: str, id: str, neighbours: int) -> Surroundings:
        """One of the user's memories with up to `neighbours` before and after it in its session."""
        if not 0 <= neighbours <= neighbours_max:
            raise InvalidInput(f"neighbours is {neighbours}; it takes 0 to {neighbours_max}.")
        sequence = await self.store.find(user, id)
        if sequence is None:
            raise NotFound("There is no memory with that id.", "Search for it with reflect_on_past.")
        ((before, after),) = await self.index.around([sequence], neighbours)
        memories = await self.store.fetch([sequence, *before, *after])
        return Surroundings(
            memories[sequence],
            [memories[each] for each in before if each in memories],
            [memories[each] for each in after if each in memories],
        )


def _one(
    candidates: Candidates,
    scores: NDArray[np.float64],
    place: int,
    memories: dict[int, Memory],
    around: tuple[list[int], list[int]],
) -> Found:
    before, after = around
    vector = candidates.signals.vector
    similarity = None if vector is None or np.isnan(vector[place]) else float(vector[place])
    return Found(
        memory=memories[int(candidates.sequence[place])],
        score=float(scores[place]),
        similarity=similarity,
        matched=_matched(float(candidates.signals.words[place]), similarity),
        before=memories.get(before[-1]) if before else None,
        after=memories.get(after[0]) if after else None,
    )


def _matched(words: float, similarity: float | None) -> str:
    semantic = similarity is not None and similarity >= similar_from
    if words > 0:
        return "both" if semantic else "text"
    return "semantic"


def _within(found: Sequence[Found], max_tokens: int) -> Sequence[Found]:
    """As many of the results, from the first, as fit into `max_tokens`; all of them for 0."""
    if not max_tokens:
        return found
    sizes = np.cumsum([len(each.memory.content) / chars_per_token for each in found])
    return found[: int((sizes <= max_tokens).sum())]


def _suggestions(query: Query) -> Sequence[str]:
    tips = ["Try other words, or fewer."]
    if query.project:
        tips.append("Leave project out to look everywhere.")
    if query.min_score:
        tips.append("Leave min_score out to see weaker matches.")
    return tips
