"""An inverted index of terms by slot, scored by BM25 over whatever part of the memories is searched.

Document frequencies are counted in the searched part, so that what is rare in a project counts as rare there.
Formula: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), eq. 3.15, with Lucene's
idf, which is never negative.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.memory.index.catalogue import Column, Slots
from services.memory.index.vectors import Scores, best

K1 = 1.2
B = 0.75
_count_max = 255


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
        """The BM25 score of each of `slots`; 0 where no term stands."""
        total = len(self._lengths.rows)
        searched = np.zeros(total, np.bool_)
        searched[slots] = True
        lengths = self._lengths.rows.astype(np.float32)
        norm = K1 * (1 - B + B * lengths / max(float(lengths[slots].mean()), 1.0)) if len(slots) else lengths
        sums = np.zeros(total, np.float32)
        for term in dict.fromkeys(terms):
            hit, counts = self._hits(term, searched)
            idf = np.log1p((len(slots) - len(hit) + 0.5) / (len(hit) + 0.5))
            sums[hit] += np.float32(idf) * counts * (K1 + 1) / (counts + norm[hit])
        return sums[slots]

    def _hits(self, term: str, searched: NDArray[np.bool_]) -> tuple[Slots, NDArray[np.float32]]:
        postings = self._postings.get(term)
        if postings is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        slots = np.array(postings.slots, np.int64)  # copies: a view would forbid the next append
        counts = np.array(postings.counts, np.float32)
        kept = searched[slots]
        return slots[kept], counts[kept]

    def search(self, terms: Sequence[str], slots: Slots, most: int) -> tuple[Slots, Scores]:
        """The `most` best among those of `slots` that hold any term, best first."""
        scores = self.scores(terms, slots)
        hit = scores > 0
        return best(slots[hit], scores[hit], most)

    def group_scores(self, terms: Sequence[str], slots: Slots, groups: NDArray[np.int64]) -> Scores:
        """The BM25 score, for each of `slots`, of its group (a session) read as one document; 0 for group -1."""
        grouped = groups >= 0
        count = int(groups.max(initial=-1)) + 1
        if not count:
            return np.zeros(len(slots), np.float32)
        group_of = np.full(len(self._lengths.rows), -1, np.int64)
        group_of[slots] = groups
        lengths = np.bincount(groups[grouped], self._lengths.rows[slots[grouped]], count)
        norm = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
        sums = np.zeros(count)
        for term in dict.fromkeys(terms):
            hit, counts = self._hits(term, group_of >= 0)
            frequency = np.bincount(group_of[hit], counts, count)
            holding = frequency > 0
            idf = np.log1p((count - holding.sum() + 0.5) / (holding.sum() + 0.5))
            sums += idf * frequency * (K1 + 1) / np.maximum(frequency + norm, 1e-9)
        return np.where(grouped, sums[groups], 0.0).astype(np.float32)
