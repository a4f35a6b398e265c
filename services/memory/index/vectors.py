"""Embeddings by slot: half precision in memory, exact dot products by numkong's SIMD kernels.

Where many are searched, those that can be among the nearest are found by the signs of their numbers first: 48 bytes a
memory instead of 1,536, and any filter applies to them as it does to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numkong
import numpy as np
from numpy.typing import NDArray

from services.memory.index.columns import Column, Slots

Scores = NDArray[np.float32]
Rows = NDArray[np.float16]


class Vectors:
    """One vector a slot (float16, unit length); a slot without one holds zeros, and so scores 0."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._vectors = Column(np.float16, dimensions)

    @property
    def rows(self) -> Rows:
        """The vector of every slot."""
        return self._vectors.rows

    def append(self, vectors: Sequence[bytes]) -> None:
        """Adds a vector for each new slot; empty bytes for a memory without one."""
        width = self._dimensions * 2
        filled = b"".join(vector if len(vector) == width else bytes(width) for vector in vectors)
        self.extend(np.frombuffer(filled, np.float16).reshape(-1, self._dimensions))

    def extend(self, rows: Rows) -> None:
        """Adds the vector of each new slot."""
        self._vectors.append(rows)

    def put(self, slots: Slots, vectors: Sequence[NDArray[np.float16]]) -> None:
        """Sets the vectors of slots that are there."""
        if len(slots):
            self._vectors.rows[slots] = np.stack(vectors)

    def present(self, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` have a vector."""
        return np.asarray(self._vectors.rows[slots, :8].any(axis=1))  # eight zeros in a row: there is none

    def of(self, slots: Slots) -> NDArray[np.float32]:
        """The vector of each of `slots`; zeros for none."""
        return np.asarray(self._vectors.rows[slots], np.float32)

    def scores(self, query: NDArray[np.float32], slots: Slots) -> Scores:
        """The cosine of `query` (unit length) with the vector of each slot."""
        if not len(slots):
            return np.zeros(0, np.float32)
        rows = self._vectors.rows
        chosen = rows if len(slots) == len(rows) else rows[slots]
        half = np.ascontiguousarray(query, np.float16)[None]
        return np.asarray(numkong.cdist(half, chosen, metric="dot"), np.float32).reshape(-1)


class Signs:
    """The signs of each slot's two vectors' sum, a bit a dimension.

    A query's dot product with the sum is the sum of its dot products with both; the fewer signs differ, the larger it
    tends to be (Charikar, STOC 2002).
    """

    def __init__(self, dimensions: int) -> None:
        self._bits = Column(np.uint8, dimensions // 8)

    def append(self, one: Rows, other: Rows) -> None:
        """Adds the signs of new slots; both have a row for each."""
        self._bits.append(_signs(one, other))

    @property
    def bits(self) -> NDArray[np.uint8]:
        """The signs of every slot, eight a byte."""
        return self._bits.rows

    def extend(self, bits: NDArray[np.uint8]) -> None:
        """Adds the signs of new slots as they are."""
        self._bits.append(bits)

    def put(self, slots: Slots, one: Rows, other: Rows) -> None:
        """Sets the signs of slots that are there."""
        self._bits.rows[slots] = _signs(one, other)

    def nearest(self, query: NDArray[np.float32], slots: Slots, most: int) -> Slots:
        """The `most` of `slots` whose signs differ least from the query's, ascending."""
        rows = self._bits.rows
        chosen = rows if len(slots) == len(rows) else rows[slots]
        differing = np.asarray(numkong.cdist(np.packbits(query > 0)[None], chosen, metric="hamming", dtype="uint1"))[0]
        return slots[np.sort(np.argpartition(differing, most)[:most])] if most < len(slots) else slots


def _signs(one: Rows, other: Rows) -> NDArray[np.uint8]:
    return np.packbits(one.astype(np.float32) + other > 0, axis=1)


def best(slots: Slots, scores: Scores, most: int) -> tuple[Slots, Scores]:
    """The `most` slots with the highest scores, best first; equal ones in the order of their slots."""
    if len(slots) > most:
        kept = np.argpartition(-scores, most - 1)[:most]
        slots, scores = slots[kept], scores[kept]
    order = np.lexsort((slots, -scores))
    return slots[order], scores[order]
