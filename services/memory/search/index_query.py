"""What a query asks of the index: its terms, its meaning, and which of its words occur nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace

from services.kit.errors import LimitExceeded
from services.memory.embedder import Embedder
from services.memory.index.asked import AbsentWords, Asked
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.parts import Parts
from services.memory.text.dialogue import asks, words_of
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
        look = partial(query_words, user=user, projects=projects, text=text)
        found = await self.index.glance(user, projects, "query_words", look)
        said = (found.terms, words_of(text), None, date_spans(text), found.projects)
        asked = Asked(*said, is_question=asks(text), nowhere=found.absent)
        return asked if self.embedder is None else await self._with_meaning(self.embedder, asked, found, text)

    async def _with_meaning(self, embedder: Embedder, asked: Asked, found: QueryWords, text: str) -> Asked:
        """The same with its vector; without it, for a script that the model does not know."""
        parts = [" ".join(words) for words in (found.missing, found.others) if words] if found.missing else []
        try:
            vector, *of_parts = await embedder.embed([text, *parts])
        except LimitExceeded:  # the embedder's queue is full
            trace.get_current_span().set_attribute("segue.degraded", "embedding queue full")
            return replace(asked, is_degraded=True)
        if not vector.any():
            return asked
        return replace(asked, vector=vector, absent=_absent_words(found.absent, vector, of_parts))


@dataclass(frozen=True, slots=True)
class QueryWords:
    """What is known of a query's words: its terms, the projects that it names, the terms that occur nowhere in what is
    searched, the words all of whose terms are such (but for misspelt ones), and its other words."""

    terms: Sequence[str]
    projects: Sequence[str]
    absent: frozenset[str]
    missing: Sequence[str]
    others: Sequence[str]


def query_words(parts: Parts, *, user: str, projects: Sequence[str], text: str) -> QueryWords:
    """What the index knows of the words of a text."""
    names = possible_names(text)
    named = parts.projects_named(user, projects, names) if names else []
    terms = query_terms(without_names(text, named)) or query_terms(text)
    absent = parts.absent(user, projects, terms)
    missing, others = parted_words(text, absent)
    if missing and (misspelt := parts.misspellings(user, projects, missing)):
        absent -= frozenset(query_terms(" ".join(misspelt)))
        missing, others = parted_words(text, absent)
    return QueryWords(terms, named, absent, missing, others)


def _absent_words(
    terms: frozenset[str], query: NDArray[np.float32], parts: Sequence[NDArray[np.float32]]
) -> AbsentWords | None:
    """Of the vectors of the absent words and of the others, if there are any that say something."""
    if not parts:
        return None
    return AbsentWords(terms, float(query @ parts[0]), parts[1] if len(parts) > 1 else None)
