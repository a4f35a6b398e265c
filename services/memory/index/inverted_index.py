"""An inverted index of terms by slot, scored by BM25 over the searched part of the memories.

Document frequencies are counted in the searched part, so that a term that is rare in a project counts as rare there.
Formula: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), eq. 3.15, with Lucene's
idf, which is never negative.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate, count
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.memory.index.postings import Document, Postings, merge, postings, term_key
from services.memory.index.slots.growable_arrays import Column, Slots
from services.memory.index.slots.places import table_max
from services.memory.index.slots.selection import Selection
from services.memory.index.vectors.slot_vectors import Scores, best

merged_max = 4_000_000
"""Pieces are merged up to this many postings, about 50 ms of work. Larger pieces stay separate."""
scanned_min, scanned_share = 30_000, 20
"""Postings read to find candidates, rarest terms first: at least the first number, or the searched memories divided by
the second. More frequent terms hardly distinguish memories; a candidate's score counts all terms."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """BM25's parameters: term-frequency saturation and length normalisation."""

    k1: float
    b: float


MEMORY = Saturation(0.4, 0.3)  # a turn is short: presence of a term matters more than its count
SESSION = Saturation(1.2, 0.75)  # a session is long: the count matters


Part: TypeAlias = tuple[NDArray[np.integer], NDArray[np.uint8]]
"""Slots, ascending, and the term's count in each."""


@dataclass(frozen=True, slots=True)
class Held:
    """The postings of one query term: consecutive parts, which may hold slots that are not searched. Of a term that
    occurs nearly everywhere also its `frequency`, the number of slots that are searched, which may be an estimate."""

    parts: Sequence[Part]
    frequency: int | None = None


class Words:
    """Grows by `append`; removed memories are skipped by not searching their slots."""

    def __init__(self) -> None:
        self._pieces: list[Postings] = []  # by slot, ascending: the latest additions are in the last ones
        self._firsts: list[int] = []  # the lowest slot of each piece
        self._lengths = Column(np.int32)

    @property
    def lengths(self) -> NDArray[np.int32]:
        """The number of terms in each slot."""
        return self._lengths.rows

    def append(self, documents: Sequence[Document]) -> None:
        """Adds the terms of new slots."""
        first = len(self._lengths.rows)
        self._lengths.append(np.asarray([each.length for each in documents], np.int32))
        self._insert(first, postings(range(first, first + len(documents)), documents))

    def fill(self, slots: Slots, documents: Sequence[Document]) -> None:
        """Sets the terms of slots, ascending, that had none until now, nor had any slot between them."""
        self._lengths.rows[slots] = [each.length for each in documents]
        if len(slots):
            self._insert(int(slots[0]), postings(slots.tolist(), documents))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All postings, for a snapshot."""
        pieces = enumerate(self._pieces)
        arrays = {f"{number}_{name}": array for number, each in pieces for name, array in each.arrays()}
        return {"lengths": self._lengths.rows.copy(), **arrays}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restores an empty index from a snapshot."""
        self._lengths.append(arrays["lengths"])
        for number in count():
            if f"{number}_keys" not in arrays:
                break
            self._pieces.append(Postings(*(arrays[f"{number}_{field.name}"].copy() for field in fields(Postings))))
            self._firsts.append(int(self._pieces[-1].slots.min()))

    def _insert(self, first: int, piece: Postings) -> None:
        """Keeps the pieces in order and few: each is more than twice as large as the next one, or near the maximum."""
        if not len(piece):
            return
        place = bisect_left(self._firsts, first)
        self._pieces.insert(place, piece)
        self._firsts.insert(place, first)
        while place and len(self._pieces[place - 1]) <= 2 * len(self._pieces[place]):
            if len(self._pieces[place - 1]) + len(self._pieces[place]) > merged_max:
                break
            place -= 1
            self._pieces[place : place + 2] = [merge(self._pieces[place], self._pieces[place + 1])]
            del self._firsts[place + 1]

    def ask(self, terms: Sequence[str], searched: Selection) -> Matches:
        """The postings of the terms in the searched part."""
        keys = np.fromiter(map(term_key, dict.fromkeys(terms)), np.uint64)
        parts: list[list[Part]] = [[] for _ in keys]
        for piece in self._pieces:
            for number, where in piece.find(keys):
                parts[number].append((piece.slots[where], piece.counts[where]))
        most = scanned_max(searched)
        held = [self._frequent(each, searched) if _size(each) > most else Held(each) for each in parts]
        return Matches(held, searched, self._lengths.rows)

    def occurs(self, keys: NDArray[np.uint64], searched: Selection) -> bool:
        """Whether any of the terms with these keys stands anywhere in the searched part."""
        return bool(self.occurring(keys, searched))

    def occurring(self, keys: NDArray[np.uint64], searched: Selection) -> set[int]:
        """The places in `keys` of those terms that stand anywhere in the searched part."""
        found = set[int]()
        for piece in self._pieces:
            for number, where in piece.find(keys):
                if number not in found and searched.holds_any(piece.slots[where]):
                    found.add(number)
        return found

    def _frequent(self, parts: Sequence[Part], searched: Selection) -> Held:
        """The postings of a term that occurs nearly everywhere, without copying them."""
        size = _size(parts)
        if searched.is_everything:
            return Held(parts, size)
        if len(searched) <= scanned_min:
            slots = searched.slots.astype(np.uint32)
            counts = sum((_term_counts(part, slots) for part in parts), np.zeros(len(slots), np.uint8))
            return Held([(slots[counts > 0], counts[counts > 0])])
        step = size // scanned_min
        inside = sum(int(np.count_nonzero(searched.holds(slots[::step]))) for slots, _ in parts)
        return Held(parts, min(inside * step, len(searched)))


def _size(parts: Sequence[Part]) -> int:
    return sum(len(slots) for slots, _ in parts)


def _together(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    every = ((np.zeros(0, np.uint32), np.zeros(0, np.uint8)), *parts)
    return np.concatenate([slots for slots, _ in every]), np.concatenate([counts for _, counts in every])


@dataclass(frozen=True, slots=True)
class _Together:
    """The searched postings of several terms, one after the other: term `n` from `begins[n]` to `begins[n + 1]`."""

    slots: NDArray[np.intp]
    counts: NDArray[np.uint8]
    begins: Sequence[int]

    def size(self, number: int) -> int:
        """The number of a term's slots."""
        return self.begins[number + 1] - self.begins[number]

    def part(self, number: int, most: int | None = None) -> slice:
        """Where those of a term are; the latest `most` of them."""
        begin, end = self.begins[number], self.begins[number + 1]
        return slice(begin if most is None else max(begin, end - most), end)


def _searched_postings(terms: Sequence[Sequence[Part]], searched: Selection) -> _Together:
    slots, counts = _together([part for parts in terms for part in parts])
    begins = [0, *accumulate(map(_size, terms))]
    if not searched.is_everything:
        kept = searched.holds(slots)
        begins = np.append(0, np.cumsum(kept))[begins].tolist()
        slots, counts = slots[kept], counts[kept]
    return _Together(slots.astype(np.intp), counts, begins)


def _term_counts(part: Part, slots: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The count of the term of `part` in each of `slots`, which are ascending."""
    held, counts = part
    counted = np.zeros(len(slots), np.uint8)
    if len(held):
        begin, end = np.searchsorted(slots, (held[0], held[-1] + 1))  # the rest is in other parts
        wanted = slots[begin:end].astype(held.dtype)
        places = np.searchsorted(held, wanted)
        counted[begin:end] = np.where(held[places] == wanted, counts[places], 0)
    return counted


def scanned_max(searched: Selection) -> int:
    """The number of postings to read to find candidates in `searched`."""
    return max(scanned_min, len(searched) // scanned_share)


class Matches:
    """The terms of one query and their postings in the searched part."""

    def __init__(self, held: Sequence[Held], searched: Selection, lengths: NDArray[np.int32]) -> None:
        self._held = held
        self._searched = searched
        self._lengths = lengths
        self._others = _searched_postings([each.parts if each.frequency is None else () for each in held], searched)
        """The postings of all but the frequent terms."""
        numbers = enumerate(each.frequency for each in held)
        self._frequencies = [self._others.size(number) if its is None else its for number, its in numbers]

    @cached_property
    def _idf(self) -> NDArray[np.float64]:
        """The idf of each term."""
        return np.array([_idf(len(self._searched), each) for each in self._frequencies])

    @cached_property
    def term_shares(self) -> NDArray[np.float64]:
        """Each term's share of the sum of their idf."""
        return np.asarray(self._idf / max(self._idf.sum(), 1e-9))

    def best(self, most: int) -> Slots:
        """At most `most` slots with the highest scores by the rarest terms, best first.

        Of the term that exceeds the limit of postings only the latest slots are read, and of more frequent ones none.
        """
        sums, holds = np.zeros(len(self._lengths), np.float32), np.zeros(len(self._lengths), np.bool_)
        left = scanned_max(self._searched)
        for number in sorted(range(len(self._held)), key=self._frequencies.__getitem__):
            slots, weights = self._latest_weights(number, left)
            sums[slots] += weights * np.float32(self._idf[number])
            holds[slots] = True
            left -= len(slots)
            if left <= 0:
                break
        found = np.flatnonzero(holds)
        return best(found, sums[found], most)[0]

    def _latest_weights(self, number: int, most: int) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        """The latest searched slots of a term, at most `most`, and its weight in each."""
        if self._held[number].frequency is not None:
            slots, counts = self._latest(self._held[number], most)
            return slots, self._weight(counts, self._norm(slots))
        part = self._others.part(number, most)
        if self._weights is not None:
            return self._others.slots[part], self._weights[part]
        slots = self._others.slots[part]
        return slots, self._weight(self._others.counts[part], self._norm(slots))

    @cached_property
    def _weights(self) -> NDArray[np.float32] | None:
        """The weights of all but the frequent terms, computed at once; None if not all will be read."""
        if len(self._others.slots) > scanned_max(self._searched):
            return None
        return self._weight(self._others.counts, self._norm(self._others.slots))

    def _latest(self, held: Held, most: int) -> Part:
        """The latest postings of a frequent term, at most `most`, then limited to the searched slots."""
        latest: list[Part] = []
        for slots, counts in reversed(held.parts):
            latest.insert(0, (slots[-most:], counts[-most:]))
            most -= len(slots)
            if most <= 0:
                break
        slots, counts = _together(latest)
        if self._searched.is_everything:
            return slots, counts
        kept = self._searched.holds(slots)
        return slots[kept], counts[kept]

    def counts(self, slots: Slots) -> NDArray[np.uint8]:
        """The count of each term in each of `slots`, which are ascending: one row per term."""
        counted = np.zeros((len(self._held), len(slots)), np.uint8)
        for number in range(len(self._held)):
            if len(self._lengths) <= table_max and self._held[number].frequency is None:
                part, counts = self._others.part(number), np.zeros(len(self._lengths), np.uint8)
                counts[self._others.slots[part]] = self._others.counts[part]
                counted[number] = counts[slots]
            else:
                for each in self._parts(number):
                    counted[number] += _term_counts(each, slots)
        return counted

    def _parts(self, number: int) -> Sequence[Part]:
        """The postings of a term; of a frequent one also those that are not searched."""
        if self._held[number].frequency is not None:
            return self._held[number].parts
        part = self._others.part(number)
        return [(self._others.slots[part], self._others.counts[part])]

    def all_of_them(self) -> Slots:
        """The searched slots in which all of the terms stand, ascending; none where there is no term."""
        rarest_first = sorted(range(len(self._held)), key=self._frequencies.__getitem__)
        if not rarest_first:
            return np.zeros(0, np.int64)
        rarest = [np.zeros(0, np.uint32), *(part for part, _ in self._parts(rarest_first[0]))]
        slots = np.sort(np.concatenate(rarest), kind="stable")  # ascending runs
        slots = slots[self._searched.holds(slots)]
        for number in rarest_first[1:]:
            counts = sum((_term_counts(part, slots) for part in self._parts(number)), np.zeros(len(slots), np.int64))
            slots = slots[counts > 0]
        return slots

    def shares(self, slots: Slots) -> NDArray[np.float64]:
        """For each of `slots`, which are ascending, the share of the terms' summed idf that stands in it."""
        sums = np.zeros(len(slots))
        for number, share in enumerate(self.term_shares.tolist()):
            for part in self._parts(number):
                sums += share * (_term_counts(part, slots) > 0)
        return sums

    def scores(self, slots: Slots, counts: NDArray[np.uint8]) -> Scores:
        """The BM25 score of each of `slots` as a share of the maximum for the terms: 0 to 1."""
        weights = self._weight(counts, self._norm(slots))
        return np.asarray(self.term_shares @ weights / (MEMORY.k1 + 1), np.float32)

    def _weight(self, counts: NDArray[np.uint8], norm: NDArray[np.float32]) -> NDArray[np.float32]:
        often = counts.astype(np.float32)
        return np.asarray(often * (MEMORY.k1 + 1) / (often + norm))

    def _norm(self, slots: NDArray[np.integer]) -> NDArray[np.float32]:
        usual = max(self._searched.mean_length, 1.0)
        return np.asarray(MEMORY.k1 * (1 - MEMORY.b + MEMORY.b * self._lengths[slots] / usual), np.float32)

    def session_scores(self, sessions: NDArray[np.int64], session_of: NDArray[np.int32]) -> Scores:
        """The score of each of `sessions`, all its searched memories taken as one document; 0 for session -1.

        `session_of` has the session of each slot. Frequent terms are left out.
        """
        documents = self._searched.sessions_count
        if not documents:
            return np.zeros(len(sessions), np.float32)
        lengths, usual = self._searched.session_lengths, max(self._searched.mean_session_length, 1.0)
        norm = SESSION.k1 * (1 - SESSION.b + SESSION.b * lengths[sessions] / usual)  # of session -1 any will do
        often = self._often_in_sessions(session_of, len(lengths))
        idf = np.array([_idf(documents, int(np.count_nonzero(row))) for row in often])
        here = often[:, sessions + 1]
        sums = idf @ (here * (SESSION.k1 + 1) / np.maximum(here + norm, 1e-9))
        return np.asarray(sums / max(idf.sum() * (SESSION.k1 + 1), 1e-9), np.float32)

    def _often_in_sessions(self, session_of: NDArray[np.int32], sessions: int) -> NDArray[np.float64]:
        """The count of each infrequent term in no session, which is 0, and in each: one row per term."""
        numbers = [number for number, held in enumerate(self._held) if held.frequency is None]
        places = session_of[self._others.slots] + 1
        often = np.empty((len(numbers), sessions + 1))
        for row, number in enumerate(numbers):
            part = self._others.part(number)
            often[row] = np.bincount(places[part], self._others.counts[part], sessions + 1)
        often[:, 0] = 0
        return often


def _idf(documents: int, holding: int) -> float:
    return math.log1p((documents - holding + 0.5) / (holding + 0.5))
