"""An inverted index of terms by slot, scored by BM25 over whatever part of the memories is searched.

Document frequencies are counted in the searched part, so that what is rare in a project counts as rare there.
Formula: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), eq. 3.15, with Lucene's
idf, which is never negative.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.memory.index.catalogue import Column, Slots
from services.memory.index.vectors import Scores, best

_count_max = 255


@dataclass(frozen=True, slots=True)
class Saturation:
    """BM25's parameters: how soon more of the same term stops counting, and how much length does."""

    k1: float
    b: float


MEMORY = Saturation(0.4, 0.3)  # a turn is short: that a term stands in it says nearly all
SESSION = Saturation(1.2, 0.75)  # a session is long: how often does count


@dataclass(slots=True)
class Postings:
    """The slots that hold a term, ascending, and how often each does."""

    slots: array[int] = field(default_factory=lambda: array("I"))
    counts: array[int] = field(default_factory=lambda: array("B"))


class Words:
    """Grows by `append`; what is no longer alive is simply not searched."""

    def __init__(self) -> None:
        self._postings: dict[str, Postings] = {}
        self._lengths = Column(np.int32)

    def append(self, documents: Sequence[Sequence[str]]) -> None:
        """Adds the terms of each new slot."""
        first = len(self._lengths.rows)
        for slot, terms in enumerate(documents, start=first):
            for term, count in Counter(terms).items():
                postings = self._postings.setdefault(term, Postings())
                postings.slots.append(slot)
                postings.counts.append(min(count, _count_max))
        self._lengths.append(np.asarray([len(terms) for terms in documents], np.int32))

    def scores(self, terms: Sequence[str], slots: Slots) -> Scores:
        """The BM25 score of each of `slots` as a share of the most that `terms` can reach: 0 to 1."""
        return self._bm25(terms, slots, np.arange(len(slots)), MEMORY)

    def session_scores(self, terms: Sequence[str], slots: Slots, sessions: NDArray[np.int64]) -> Scores:
        """The same, for each of `slots`, of its session read as one document; 0 for session -1."""
        scores = self._bm25(terms, slots, sessions, SESSION)
        return (
            np.where(sessions >= 0, scores[sessions], np.float32(0))
            if len(scores)
            else np.zeros(len(slots), np.float32)
        )

    def held(self, terms: Sequence[str], slots: Slots, chosen: Slots) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which of `chosen` hold each term, a row a term, and each term's share of the summed idf in `slots`."""
        searched, holding = np.zeros(len(self._lengths.rows), np.bool_), np.zeros(len(self._lengths.rows), np.bool_)
        searched[slots] = True
        distinct = list(dict.fromkeys(terms))
        rows, weights = np.zeros((len(distinct), len(chosen)), np.bool_), np.zeros(len(distinct))
        for row, term in enumerate(distinct):
            held = np.array(self._postings[term].slots, np.int64) if term in self._postings else slots[:0]
            weights[row] = _idf(len(slots), int(np.count_nonzero(searched[held])))
            holding[held] = True
            rows[row] = holding[chosen]
            holding[held] = False
        return rows, weights / max(weights.sum(), 1e-9)

    def lengths(self, slots: Slots) -> NDArray[np.int64]:
        """How many terms each of `slots` has."""
        return self._lengths.rows[slots].astype(np.int64)

    def _bm25(self, terms: Sequence[str], slots: Slots, documents: NDArray[np.int64], by: Saturation) -> Scores:
        """A score for each document; `documents` says which one each slot belongs to, -1 for none."""
        count = int(documents.max(initial=-1)) + 1
        document_of = np.full(len(self._lengths.rows), -1, np.int64)
        document_of[slots] = documents
        inside = documents >= 0
        lengths = np.bincount(documents[inside], self._lengths.rows[slots[inside]], count)
        norm = by.k1 * (1 - by.b + by.b * lengths / max(float(lengths.mean()) if count else 0.0, 1.0))
        sums, most = np.zeros(count), 0.0
        for term in dict.fromkeys(terms):
            held, counts = self._held(term, document_of)
            frequency = np.bincount(held, counts, count)
            holding = np.flatnonzero(frequency)
            idf = _idf(count, len(holding))
            most += idf * (by.k1 + 1)
            sums[holding] += idf * frequency[holding] * (by.k1 + 1) / (frequency[holding] + norm[holding])
        return (sums / max(most, 1e-9)).astype(np.float32)

    def _held(self, term: str, document_of: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The documents that hold the term, a slot of each after the other, and how often."""
        postings = self._postings.get(term)
        if postings is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        held = document_of[np.array(postings.slots, np.int64)]  # copied: a view would forbid the next append
        kept = held >= 0
        return held[kept], np.array(postings.counts, np.float32)[kept]

    def search(self, terms: Sequence[str], slots: Slots, most: int) -> tuple[Slots, Scores]:
        """The `most` best among those of `slots` that hold any term, best first."""
        scores = self.scores(terms, slots)
        hit = scores > 0
        return best(slots[hit], scores[hit], most)


def _idf(documents: int, holding: int) -> float:
    return math.log1p((documents - holding + 0.5) / (holding + 0.5))
