"""The vectors of long memories' chunks: several for a slot, in a table of their own, so short memories pay nothing.

A memory's first chunk is what its content vector is made of, and is not in here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Column, Slots
from services.memory.index.slots.selection import Selection
from services.memory.index.vectors.slot_vectors import Signs, Vectors, best

compared_max = 20_000
"""Chunks up to which all are compared with a query; of more those whose signs differ least."""
_none = -1


class ChunkVectors:
    """Grows by `add`; what was dropped keeps its row, without a slot."""

    def __init__(self, dimensions: int) -> None:
        self._width = dimensions * 2
        self._vectors = Vectors(dimensions)
        self._signs = Signs(dimensions)
        self._slots, self._numbers = Column(np.int32), Column(np.int16)

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, slots: Slots, vectors: Sequence[bytes]) -> None:
        """Adds the chunks of each slot: vectors of float16, one after the other."""
        counts = [len(each) // self._width for each in vectors]
        if not any(counts):
            return
        first = len(self)
        packed = b"".join(each[: count * self._width] for each, count in zip(vectors, counts, strict=True))
        self._vectors.extend(np.frombuffer(packed, np.float16).reshape(-1, self._width // 2))
        added = self._vectors.of(np.arange(first, len(self)))
        self._signs.append(added, added)
        self._slots.append(np.repeat(slots, counts).astype(np.int32))
        self._numbers.append(np.concatenate([np.zeros(0, np.int16), *(np.arange(n, dtype=np.int16) for n in counts)]))

    def drop(self, slots: Slots) -> None:
        """Takes the chunks of these slots out."""
        if len(self) and len(slots):
            self._slots.rows[np.isin(self._slots.rows, slots)] = _none

    def nearest(self, query: NDArray[np.float32], searched: Selection, most: int) -> Slots:
        """The `most` searched slots with the chunks nearest to the query."""
        if not len(self):
            return np.zeros(0, np.int64)
        rows = np.flatnonzero(self._slots.rows != _none)
        rows = self._signs.nearest(query, rows[searched.holds(self._slots.rows[rows])], compared_max)
        found, _ = best(rows, self._vectors.scores(query, rows), most)
        return np.unique(self._slots.rows[found]).astype(np.int64)

    def cosines(self, query: NDArray[np.float32], slots: Slots) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
        """For each of `slots`, ascending, the cosine of its nearest chunk and that one's number; nan and -1 without."""
        cosine, number = np.full(len(slots), np.nan), np.full(len(slots), _none, np.int16)
        rows = np.flatnonzero(np.isin(self._slots.rows, slots)) if len(self) and len(slots) else np.zeros(0, np.int64)
        if not len(rows):
            return cosine, number
        scores = self._vectors.scores(query, rows)
        order = np.argsort(scores, kind="stable")  # the last one that is written is the nearest
        places = np.searchsorted(slots, self._slots.rows[rows[order]])
        cosine[places], number[places] = scores[order], self._numbers.rows[rows[order]]
        return cosine, number

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What a snapshot holds: the rows that have a slot."""
        rows = np.flatnonzero(self._slots.rows != _none)
        vectors = self._vectors.of(rows).copy()
        return {"slots": self._slots.rows[rows], "numbers": self._numbers.rows[rows], "vectors": vectors}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restores an empty table from a snapshot."""
        self._vectors.extend(arrays["vectors"])
        self._signs.append(arrays["vectors"], arrays["vectors"])
        self._slots.append(arrays["slots"])
        self._numbers.append(arrays["numbers"])
