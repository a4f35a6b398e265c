"""Embeddings by slot: half precision in memory, exact dot products by numkong's SIMD kernels, or by numpy without it.

In large searches, likely nearest vectors are preselected by the signs of their components: 48 bytes per memory instead
of 1,536, with any filter applied as usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return _dots(query, self._vectors.take(slots))

    def cosines(self, query: NDArray[np.float32], slots: Slots) -> NDArray[np.float64]:
        """The cosines; nan for slots without a vector."""
        rows = self._vectors.take(slots)
        return np.where(_any(rows), _dots(query, rows), np.nan).astype(np.float64)


def _stored_form(vector: bytes, width: int) -> bytes:
    """The vector; zeros for none, and for a text that the model does not know a vector that is near to nothing."""
    if len(vector) != width:
        return bytes(width)
    return vector if any(vector) else _smallest + vector[len(_smallest) :]


def _nowhere(vector: NDArray[np.float16]) -> NDArray[np.float16]:
    return np.frombuffer(_stored_form(vector.tobytes(), vector.nbytes), np.float16)


_smallest = np.float16(2.0**-24).tobytes()
"""A first component that shows that there is a vector, and changes no dot product."""


def _dots(query: NDArray[np.float32], rows: Rows) -> Scores:
    if not len(rows):
        return np.zeros(0, np.float32)
    half = np.ascontiguousarray(query, np.float16)[None]
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
        most_of_all = 2 * len(slots) > len(self._columns[0].rows)  # then comparing all is faster than selecting
        differing = self._differing(query, None)[slots] if most_of_all else self._differing(query, slots)
        chosen = differing <= np.partition(differing, most - 1)[most - 1]
        return np.asarray(slots[chosen])

    def _differing(self, query: NDArray[np.float32], slots: Slots | None) -> NDArray[np.uint16]:
        """The number of signs that differ from the query's, for each of `slots` or for all."""
        asked = _signs(query[None], query[None])
        differing = np.zeros(len(self._columns[0].rows if slots is None else slots), np.uint16)
        for first in range(0, len(differing), _block):
            part = slice(first, first + _block)
            compared = part if slots is None else slots[part]
            for column, signs in zip(self._columns, asked, strict=True):
                differing[part] += np.bitwise_count(column.rows[compared] ^ signs)
        return differing


_block = 16_384
"""Slots compared at a time: their signs stay in the processor's cache, and vectors are copied in parts only."""


def _signs(one: NDArray[np.floating], other: NDArray[np.floating]) -> list[NDArray[np.uint64]]:
    """One column of bits for every 64 dimensions."""
    bits = np.packbits(one.astype(np.float32) + other > 0, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return list(np.ascontiguousarray(padded.view(np.uint64).T))


def best(slots: Slots, scores: Scores, most: int) -> tuple[Slots, Scores]:
    """The `most` slots with the highest scores, best first; ties in the order of their slots."""
    if len(slots) > most:
        kept = np.argpartition(-scores, most - 1)[:most]
        slots, scores = slots[kept], scores[kept]
    order = np.lexsort((slots, -scores))
    return slots[order], scores[order]
