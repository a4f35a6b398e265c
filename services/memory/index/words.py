"""An inverted index of terms by slot, scored by BM25 over whatever part of the memories is searched.

Document frequencies are counted in the searched part, so that what is rare in a project counts as rare there.
Formula: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), eq. 3.15, with Lucene's
idf, which is never negative.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.columns import Column, Slots
from services.memory.index.postings import Postings, merged, postings, term_key
from services.memory.index.selection import Selection
from services.memory.index.vectors import Scores, best

merged_max = 4_000_000
"""Postings up to which two pieces become one: about 50 ms of work. Larger pieces stay side by side."""
scanned_max = 30_000
"""Postings read to find candidates, rarest terms first. What stands in so many memories tells few of them apart; a
candidate gets its score for all terms."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """BM25's parameters: how soon more of the same term stops counting, and how much length does."""

    k1: float
    b: float


MEMORY = Saturation(0.4, 0.3)  # a turn is short: that a term stands in it says nearly all
SESSION = Saturation(1.2, 0.75)  # a session is long: how often does count


@dataclass(frozen=True, slots=True)
class Held:
    """Where one term of the query stands in the searched part: slots, ascending, and how often in each."""

    slots: NDArray[np.uint32]
    counts: NDArray[np.uint8]


class Words:
    """Grows by `append`; what is no longer alive is simply not searched."""

    def __init__(self) -> None:
        self._pieces: list[Postings] = []  # by slots, ascending: what was added last is in the last ones
        self._firsts: list[int] = []  # the lowest slot of each
        self._lengths = Column(np.int32)

    @property
    def lengths(self) -> NDArray[np.int32]:
        """How many terms each slot has."""
        return self._lengths.rows

    def append(self, documents: Sequence[Sequence[str]]) -> None:
        """Adds the terms of each new slot."""
        first = len(self._lengths.rows)
        self._lengths.append(np.asarray([len(terms) for terms in documents], np.int32))
        self._insert(first, postings(range(first, first + len(documents)), documents))

    def fill(self, slots: Slots, documents: Sequence[Sequence[str]]) -> None:
        """Sets the terms of slots, ascending, that had none until now; no other slot between them has any."""
        self._lengths.rows[slots] = [len(terms) for terms in documents]
        if len(slots):
            self._insert(int(slots[0]), postings(slots.tolist(), documents))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All of it, for a snapshot."""
        pieces = enumerate(self._pieces)
        arrays = {f"{number}_{name}": array for number, each in pieces for name, array in each.arrays()}
        return {"lengths": self._lengths.rows.copy(), **arrays}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """An empty index becomes the one of a snapshot."""
        self._lengths.append(arrays["lengths"])
        for number in count():
            if f"{number}_keys" not in arrays:
                break
            self._pieces.append(Postings(*(arrays[f"{number}_{field.name}"].copy() for field in fields(Postings))))
            self._firsts.append(int(self._pieces[-1].slots.min()))

    def _insert(self, first: int, piece: Postings) -> None:
        """Keeps the pieces in order and few: each is more than twice as large as the one after it, or large."""
        if not len(piece):
            return
        place = bisect_left(self._firsts, first)
        self._pieces.insert(place, piece)
        self._firsts.insert(place, first)
        while place and len(self._pieces[place - 1]) <= 2 * len(self._pieces[place]):
            if len(self._pieces[place - 1]) + len(self._pieces[place]) > merged_max:
                break
            place -= 1
            self._pieces[place : place + 2] = [merged(self._pieces[place], self._pieces[place + 1])]
            del self._firsts[place + 1]

    def ask(self, terms: Sequence[str], searched: Selection) -> Matches:
        """Where the terms stand in the searched part."""
        return Matches([self._held(term, searched) for term in dict.fromkeys(terms)], searched, self._lengths.rows)

    def _held(self, term: str, searched: Selection) -> Held:
        parts = []
        for piece in self._pieces:
            where = piece.find(term_key(term))
            slots = piece.slots[where]
            kept = searched.holds(slots)
            parts.append((slots[kept], piece.counts[where][kept]))
        if not parts:
            return Held(np.zeros(0, np.uint32), np.zeros(0, np.uint8))
        return Held(np.concatenate([slots for slots, _ in parts]), np.concatenate([counts for _, counts in parts]))


class Matches:
    """The terms of one query in the part that is searched."""

    def __init__(self, held: Sequence[Held], searched: Selection, lengths: NDArray[np.int32]) -> None:
        self._held = held
        self._searched = searched
        self._lengths = lengths

    @cached_property
    def _idf(self) -> NDArray[np.float64]:
        """Of each term."""
        return np.array([_idf(len(self._searched), len(each.slots)) for each in self._held])

    @cached_property
    def term_shares(self) -> NDArray[np.float64]:
        """What each term is of their summed idf."""
        return np.asarray(self._idf / max(self._idf.sum(), 1e-9))

    def best(self, most: int) -> Slots:
        """The slots of the best by the rarest terms, at most `most`, in no order."""
        sums = np.zeros(len(self._lengths), np.float32)
        touched: list[Slots] = []
        scanned = 0
        for place in np.argsort([len(each.slots) for each in self._held], kind="stable"):
            held = self._held[place]
            scanned += len(held.slots)
            if touched and scanned > scanned_max:
                break
            sums[held.slots] += self._weight(held.counts, self._norm(held.slots)) * np.float32(self._idf[place])
            touched.append(held.slots)
        return best(np.flatnonzero(sums), sums[sums > 0], most)[0] if touched else np.zeros(0, np.int64)

    def counts(self, slots: Slots) -> NDArray[np.uint8]:
        """How often each term stands in each of `slots`: a row a term."""
        counted = np.zeros((len(self._held), len(slots)), np.uint8)
        for row, held in zip(counted, self._held, strict=True):
            if len(held.slots):
                places = np.minimum(np.searchsorted(held.slots, slots), len(held.slots) - 1)
                row[:] = np.where(held.slots[places] == slots, held.counts[places], 0)
        return counted

    def scores(self, slots: Slots, counts: NDArray[np.uint8]) -> Scores:
        """The BM25 score of each of `slots` as a share of the most that the terms can reach: 0 to 1."""
        weights = self._weight(counts, self._norm(slots))
        return np.asarray(self.term_shares @ weights / (MEMORY.k1 + 1), np.float32)

    def _weight(self, counts: NDArray[np.uint8], norm: NDArray[np.float32]) -> NDArray[np.float32]:
        often = counts.astype(np.float32)
        return np.asarray(often * (MEMORY.k1 + 1) / (often + norm))

    def _norm(self, slots: NDArray[np.integer]) -> NDArray[np.float32]:
        usual = max(self._searched.mean_length, 1.0)
        return np.asarray(MEMORY.k1 * (1 - MEMORY.b + MEMORY.b * self._lengths[slots] / usual), np.float32)

    def session_scores(self, sessions: NDArray[np.int64], session_of: NDArray[np.int32]) -> Scores:
        """For each of `sessions` the score of all that was searched of it, as one document; 0 for session -1.

        `session_of` has the session of each slot. A term that stands in more than `scanned_max` memories is left out.
        """
        asked, places = np.unique(sessions, return_inverse=True)
        lengths = self._searched.session_lengths
        documents = int(np.count_nonzero(lengths))
        if not documents:
            return np.zeros(len(sessions), np.float32)
        usual = max(float(lengths.sum()) / documents, 1.0)
        norm = SESSION.k1 * (1 - SESSION.b + SESSION.b * np.where(asked >= 0, lengths[asked], 0) / usual)
        sums, most = np.zeros(len(asked)), 0.0
        for held in self._held:
            if len(held.slots) > scanned_max:
                continue
            inside = session_of[held.slots]
            often = np.bincount(inside[inside >= 0], held.counts[inside >= 0], len(lengths))
            idf = _idf(documents, int(np.count_nonzero(often)))
            here = np.where(asked >= 0, often[asked], 0.0)
            sums += idf * here * (SESSION.k1 + 1) / np.maximum(here + norm, 1e-9)
            most += idf * (SESSION.k1 + 1)
        return np.asarray((sums / max(most, 1e-9))[places], np.float32)


def _idf(documents: int, holding: int) -> float:
    return math.log1p((documents - holding + 0.5) / (holding + 0.5))
