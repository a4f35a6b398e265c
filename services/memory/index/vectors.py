"""Embeddings by slot, searched exactly: half precision in memory, dot products by numkong's SIMD kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numkong
import numpy as np
from numpy.typing import NDArray

from services.memory.index.catalogue import Column, Slots

Scores = NDArray[np.float32]


class Vectors:
    """One vector a slot (float16, unit length); a slot without one holds zeros, and so scores 0."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._vectors = Column(np.float16, dimensions)
        self._present = Column(np.bool_)

    def append(self, vectors: list[bytes]) -> None:
        """Adds a vector for each new slot; empty bytes for a memory without one."""
        width = self._dimensions * 2
        present = np.asarray([len(vector) == width for vector in vectors], np.bool_)
        filled = b"".join(vector if has else bytes(width) for vector, has in zip(vectors, present, strict=True))
        self._vectors.append(np.frombuffer(filled, np.float16).reshape(-1, self._dimensions))
        self._present.append(present)

    def put(self, slots: Slots, vectors: Sequence[NDArray[np.float16]]) -> None:
        """Sets the vectors of slots that are there."""
        if len(slots):
            self._vectors.rows[slots] = np.stack(vectors)
            self._present.rows[slots] = True

    def present(self, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` have a vector."""
        return self._present.rows[slots].astype(np.bool_)

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

    def search(self, query: NDArray[np.float32], slots: Slots, most: int) -> tuple[Slots, Scores]:
        """The `most` nearest among `slots`, best first."""
        return best(slots, self.scores(query, slots), most)


def best(slots: Slots, scores: Scores, most: int) -> tuple[Slots, Scores]:
    """The `most` slots with the highest scores, best first; equal ones in the order of their slots."""
    if len(slots) > most:
        kept = np.argpartition(-scores, most - 1)[:most]
        slots, scores = slots[kept], scores[kept]
    order = np.lexsort((slots, -scores))
    return slots[order], scores[order]
