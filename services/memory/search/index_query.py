"""What a query asks of the index: its terms, its meaning, and which of its words occur nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace

from services.kit.errors import LimitExceeded
from services.memory.embedder import Embedder
from services.memory.index.asked import AbsentWords, Asked
from services.memory.index.memory_index import MemoryIndex
from services.memory.text.dialogue import words_of
from services.memory.text.named_dates import date_spans
from services.memory.text.project_names import possible_names, without_names
from services.memory.text.terms import parted_words, query_terms


@dataclass(frozen=True, slots=True)
class IndexQueries:
    """Makes them of texts; `embedder` is None if there is no usable model."""

    index: MemoryIndex
    embedder: Embedder | None

    async def of(self, user: str, projects: Sequence[str], text: str) -> Asked:
        """What the text asks of what the user has in the projects."""
        names = possible_names(text)
        named = await self.index.projects_named(user, projects, names) if names else []
        terms = query_terms(without_names(text, named)) or query_terms(text)
        asked = Asked(terms, words_of(text), None, date_spans(text), named)
        return asked if self.embedder is None else await self._with_meaning(self.embedder, asked, user, projects, text)

    async def _with_meaning(
        self, embedder: Embedder, asked: Asked, user: str, projects: Sequence[str], text: str
    ) -> Asked:
        """The same with its vector; without it, for a script that the model does not know."""
        absent = await self.index.absent(user, projects, asked.terms)
        missing, others = parted_words(text, absent)
        if missing and (misspelt := await self.index.misspellings(user, projects, missing)):
            absent -= frozenset(query_terms(" ".join(misspelt)))
            missing, others = parted_words(text, absent)
        parts = [" ".join(words) for words in (missing, others) if words] if missing else []
        try:
            vector, *of_parts = await embedder.embed([text, *parts])
        except LimitExceeded:  # the embedder's queue is full
            trace.get_current_span().set_attribute("segue.degraded", "embedding queue full")
            return replace(asked, is_degraded=True)
        if not vector.any():
            return asked
        return replace(asked, vector=vector, absent=_absent_words(absent, vector, of_parts))


def _absent_words(
    terms: frozenset[str], query: NDArray[np.float32], parts: Sequence[NDArray[np.float32]]
) -> AbsentWords | None:
    """Of the vectors of the absent words and of the others, if there are any that say something."""
    if not parts:
        return None
    return AbsentWords(terms, float(query @ parts[0]), parts[1] if len(parts) > 1 else None)
