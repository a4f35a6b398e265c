"""Postings in sorted arrays: for each term the slots that contain it, ascending, and its count in each.

A term is identified by a 64-bit hash: of a million terms, two collide in one of 37 million indexes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.text.misspellings import meant_terms

_count_max = 255


@lru_cache(maxsize=16_384)
def term_key(term: str) -> int:
    """The 64-bit key of a term, the same in every process."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def term_keys(terms: Collection[str]) -> NDArray[np.uint64]:
    """Their keys, ascending; of terms of which most are asked for only once."""
    return np.sort(np.fromiter(map(term_key.__wrapped__, terms), np.uint64, len(terms)))


@lru_cache(maxsize=512)
def meant_keys(word: str) -> NDArray[np.uint64]:
    """The keys of the terms of what a word may have been meant to be."""
    return term_keys(meant_terms(word))


@dataclass(frozen=True, slots=True)
class Postings:
    """The term `keys[n]` (ascending) has `slots` and `counts` from `begins[n]` to `begins[n + 1]`. Immutable."""

    keys: NDArray[np.uint64]
    begins: NDArray[np.int64]
    slots: NDArray[np.uint32]
    counts: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.slots)

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """The arrays, with their names."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def find(self, keys: NDArray[np.uint64]) -> Iterator[tuple[int, slice]]:
        """The place in `keys` of each of these terms that any slot contains, with the range of its slots and counts."""
        if not len(self.keys):
            return
        places = self.keys.searchsorted(keys)
        for number in np.flatnonzero(self.keys.take(places, mode="clip") == keys).tolist():
            place = places.item(number)
            yield number, slice(self.begins.item(place), self.begins.item(place + 1))


@dataclass(frozen=True, slots=True)
class Document:
    """The terms of one text: distinct keys, the count of each, and the total number of terms."""

    keys: NDArray[np.uint64]
    counts: NDArray[np.uint8]
    length: int


def document(terms: Sequence[str]) -> Document:
    """The document with these terms."""
    counted = Counter(terms)
    keys = np.fromiter(map(term_key, counted), np.uint64, len(counted))
    counts = np.fromiter((min(each, _count_max) for each in counted.values()), np.uint8, len(counted))
    return Document(keys, counts, len(terms))


EMPTY = document(())


def postings(slots: Sequence[int], documents: Sequence[Document]) -> Postings:
    """The postings of the documents, each under its slot."""
    sizes = [len(each.keys) for each in documents]
    keys = np.concatenate([EMPTY.keys, *(each.keys for each in documents)])
    counts = np.concatenate([EMPTY.counts, *(each.counts for each in documents)])
    return _sort(keys, np.repeat(np.asarray(slots, np.uint32), sizes), counts)


def merge(one: Postings, other: Postings) -> Postings:
    """Merges two postings; every slot of `one` must be below every slot of `other`."""
    keys = np.sort(np.concatenate((one.keys, other.keys)), kind="stable")  # two ascending runs: merged, not sorted
    keys = keys[np.append(keys[1:] != keys[:-1], True)] if len(keys) else keys
    sizes, begins = np.zeros(len(keys), np.int64), np.zeros(len(keys) + 1, np.int64)
    places = [np.searchsorted(keys, each.keys) for each in (one, other)]
    for place, each in zip(places, (one, other), strict=True):
        sizes[place] += np.diff(each.begins)
    np.cumsum(sizes, out=begins[1:])
    slots, counts = np.empty(begins[-1], np.uint32), np.empty(begins[-1], np.uint8)
    filled = begins[:-1].copy()
    for place, each in zip(places, (one, other), strict=True):
        own = np.diff(each.begins)
        to = np.arange(len(each)) + np.repeat(filled[place] - each.begins[:-1], own)
        slots[to], counts[to] = each.slots, each.counts
        filled[place] += own
    return Postings(keys, begins, slots, counts)


def _sort(keys: NDArray[np.uint64], slots: NDArray[np.uint32], counts: NDArray[np.uint8]) -> Postings:
    order = np.lexsort((slots, keys))
    keys, slots, counts = keys[order], slots[order], counts[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.zeros(0, np.int64)
    return Postings(keys[first], np.append(first, len(keys)).astype(np.int64), slots, counts)
