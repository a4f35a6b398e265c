"""Embeddings by slot: half precision in memory, exact dot products by numkong's SIMD kernels, or by numpy without it.

In large searches, likely nearest vectors are preselected by the signs of their components: 48 bytes per memory instead
of 1,536, with any filter applied as usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Blocks, Column, Slots

try:
    import numkong
except ImportError:  # no package for this system, or one that does not load
    numkong = None  # type: ignore[assignment]

Scores = NDArray[np.float32]
Rows = NDArray[np.float16]


class Vectors:
    """One vector per slot (float16, unit length); a slot without one holds zeros, and so scores 0.

    A vector of zeros, of a text in a script that the model does not know, is kept as one that is near to nothing.

    Slots are given in ascending order everywhere.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._vectors = Blocks(np.float16, dimensions)

    def __len__(self) -> int:
        return len(self._vectors)

    def parts(self) -> list[Rows]:
        """The vectors of all slots, block by block."""
        return self._vectors.parts()

    def append(self, vectors: Sequence[bytes]) -> None:
        """Adds a vector for each new slot; empty bytes for a memory without one."""
        width = self._dimensions * 2
        filled = b"".join(_stored_form(vector, width) for vector in vectors)
        self.extend(np.frombuffer(filled, np.float16).reshape(-1, self._dimensions))

    def extend(self, rows: Rows) -> None:
        """Adds vectors of new slots."""
        self._vectors.append(rows)

    def put(self, slots: Slots, vectors: Sequence[NDArray[np.float16]]) -> None:
        """Sets the vectors of existing slots, ascending."""
        if len(slots):
            self._vectors.put(slots, np.stack([each if each.any() else _nowhere(each) for each in vectors]))

    def present(self, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` have a vector."""
        return np.asarray(_any(self._vectors.firsts(_presence_numbers))[slots])

    def of(self, slots: Slots) -> Rows:
        """The vector of each of `slots`; zeros for those without one."""
        return self._vectors.take(slots)

    def scores(self, query: NDArray[np.float32], slots: Slots) -> Scores:
        """The cosine of `query` (unit length) with the vector of each slot."""
        half, scores = np.ascontiguousarray(query, np.float16)[None], np.empty(len(slots), np.float32)
        for part, rows in self._vectors.take_parts(slots, _copied_at_once):
            scores[part] = _dots(half, rows)
        return scores

    def cosines(self, query: NDArray[np.float32], slots: Slots) -> NDArray[np.float64]:
        """The cosines; nan for slots without a vector."""
        half, cosines = np.ascontiguousarray(query, np.float16)[None], np.empty(len(slots), np.float64)
        for part, rows in self._vectors.take_parts(slots, _copied_at_once):
            cosines[part] = _dots(half, rows)
            maybe_none = np.flatnonzero(rows[:, 0] == 0)
            cosines[part][maybe_none[~_any(rows[maybe_none])]] = np.nan
        return cosines


def _stored_form(vector: bytes, width: int) -> bytes:
    """The vector; zeros for none, and for a text that the model does not know a vector that is near to nothing."""
    if len(vector) != width:
        return bytes(width)
    return vector if any(vector) else _smallest + vector[len(_smallest) :]


def _nowhere(vector: NDArray[np.float16]) -> NDArray[np.float16]:
    return np.frombuffer(_stored_form(vector.tobytes(), vector.nbytes), np.float16)


_smallest = np.float16(2.0**-24).tobytes()
"""A first component that shows that there is a vector, and changes no dot product."""


def _dots(half: Rows, rows: Rows) -> Scores:
    """Of the one row of `half` with each of `rows`, of which there are some."""
    if numkong is None:
        blocks = (rows[first : first + _block] for first in range(0, len(rows), _block))
        return np.concatenate([block.astype(np.float32) @ half[0].astype(np.float32) for block in blocks])
    return np.asarray(numkong.cdist(half, rows, metric="dot"), np.float32).reshape(-1)


def slowness() -> str:
    """Why vectors are compared more slowly than they could be; empty where they are not."""
    return "" if numkong else "numkong is not installed. Searches by meaning are slower, not wrong."


def _any(rows: Rows) -> NDArray[np.bool_]:
    """Which rows hold a vector: one that starts with this many zeros holds none."""
    return np.asarray(rows[:, :_presence_numbers].any(axis=1))


_presence_numbers = 8


class Signs:
    """The signs of the sum of each slot's two vectors, one bit per dimension, stored as columns of 64.

    A query's dot product with the sum is the sum of its dot products with both; the fewer signs differ, the larger it
    tends to be (Charikar, STOC 2002).
    """

    def __init__(self, dimensions: int) -> None:
        self._columns = [Column(np.uint64) for _ in range(-(-dimensions // 64))]

    def append(self, one: Rows, other: Rows) -> None:
        """Adds the signs of new slots, one row of each vector per slot."""
        for column, signs in zip(self._columns, _signs(one, other), strict=True):
            column.append(signs)

    def put(self, slots: Slots, one: Rows, other: Rows) -> None:
        """Sets the signs of existing slots."""
        for column, signs in zip(self._columns, _signs(one, other), strict=True):
            column.rows[slots] = signs

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All signs, for a snapshot."""
        return {str(number): column.rows.copy() for number, column in enumerate(self._columns)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restores the signs from a snapshot."""
        for number, column in enumerate(self._columns):
            column.append(arrays[str(number)])

    def nearest(self, query: NDArray[np.float32], slots: Slots, most: int) -> Slots:
        """The `most` of `slots` whose signs differ least from the query's, ascending; more if there are ties."""
        if len(slots) <= most:
            return slots
        every = len(self._columns[0].rows)
        if len(slots) == every:
            differing = self._differing(query, None)
        elif 2 * len(slots) > every:  # then comparing all is faster than selecting
            differing = self._differing(query, None)[slots]
        else:
            differing = self._differing(query, slots)
        enough = int(np.searchsorted(np.cumsum(np.bincount(differing)), most))
        return slots[np.flatnonzero(differing <= enough)]

    def _differing(self, query: NDArray[np.float32], slots: Slots | None) -> NDArray[np.uint16]:
        """The number of signs that differ from the query's, for each of `slots` or for all."""
        asked = [each[0] for each in _signs(query[None], query[None])]
        columns = [column.rows for column in self._columns]
        differing = np.zeros(len(columns[0] if slots is None else slots), np.uint16)
        for first in range(0, len(differing), _signs_at_once):
            part = slice(first, first + _signs_at_once)
            compared = part if slots is None else slots[part]
            for some in range(0, len(columns), _in_a_byte):
                pairs = zip(columns[some : some + _in_a_byte], asked[some : some + _in_a_byte], strict=True)
                differing[part] += reduce(np.add, (np.bitwise_count(each[compared] ^ signs) for each, signs in pairs))
        return differing


_copied_at_once = 512
"""Vectors that stay in the processor's cache between their copying and their comparing."""
_in_a_byte = 3
"""Columns whose differing signs are counted in one byte."""
_signs_at_once = 131_072
"""Slots whose signs are compared at a time: what is counted of them stays in the processor's cache."""
_block = 32_768
"""Vectors converted at a time."""


def _signs(one: NDArray[np.floating], other: NDArray[np.floating]) -> list[NDArray[np.uint64]]:
    """One column of bits for every 64 dimensions."""
    bits = np.packbits(one.astype(np.float32) + other > 0, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return list(np.ascontiguousarray(padded.view(np.uint64).T))


def best(slots: Slots, scores: Scores, most: int) -> tuple[Slots, Scores]:
    """The `most` slots with the highest scores, best first; ties in the order of their slots."""
    if len(slots) > most:
        kept = np.flatnonzero(scores >= np.partition(scores, -most)[-most])
        if len(kept) != most:  # several are equally the last; partition alone is much faster
            kept = np.argpartition(-scores, most - 1)[:most]
        slots, scores = slots[kept], scores[kept]
    order = np.lexsort((slots, -scores))
    return slots[order], scores[order]
