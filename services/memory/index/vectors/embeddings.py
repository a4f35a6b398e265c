"""The embeddings of all memories by slot: of the content, of the content in its context, and of a long one's chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.memory.domain.rows import Embedded
from services.memory.index.contents import part, under
from services.memory.index.entries import NewEntry
from services.memory.index.slots.growable_arrays import Slots
from services.memory.index.slots.selection import Selection
from services.memory.index.vectors.chunk_vectors import ChunkVectors
from services.memory.index.vectors.slot_vectors import Rows, Signs, Vectors, best

exact_max = 5_000
"""Memories up to which all vectors are compared, in 0.4 ms. Above that, preselecting by signs is faster."""
compared_min, compared_share = 1_500, 200
"""How many are preselected: at least the first number, or the memories divided by the second. Of 33,000 texts, 1,000
held 99.9 % of the ten nearest to each of 300 short queries about them, 500 held 99.6 % and 250 held 99.0 %."""

Part = TypeVar("Part")
Cosines = NDArray[np.float64]
Own: TypeAlias = Callable[[Slots], NDArray[np.bool_]]
"""Which slots are searched by their context, too: another user's may be private."""


class Embeddings:
    """Grows by `append`. Slots are given in ascending order everywhere."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._content, self._context = Vectors(dimensions), Vectors(dimensions)
        self._signs = Signs(dimensions)
        self._chunks = ChunkVectors(dimensions)

    def append(self, slots: Slots, entries: Sequence[NewEntry]) -> None:
        """Adds those of new slots; a context's bytes are followed by those of the chunks."""
        width = 2 * self.dimensions
        self._content.append([each.content_vector for each in entries])
        self._context.append([each.context_vector[:width] for each in entries])
        self._signs.append(self._content.of(slots), self._context.of(slots))
        self._chunks.add(slots, [each.context_vector[width:] for each in entries])

    def put(self, slots: Slots, embedded: Sequence[Embedded]) -> None:
        """Sets those of existing slots."""
        self._content.put(slots, [each.content_vector for each in embedded])
        self._context.put(slots, [each.context_vector[: self.dimensions] for each in embedded])
        self._signs.put(slots, self._content.of(slots), self._context.of(slots))
        self._chunks.drop(slots)
        self._chunks.add(slots, [each.context_vector[self.dimensions :].tobytes() for each in embedded])

    def drop_chunks(self, slots: Slots) -> None:
        """Takes out the chunks of removed slots."""
        self._chunks.drop(slots)

    def contents(self, slots: Slots) -> Rows:
        """The vector of each content; zeros for those without one."""
        return self._content.of(slots)

    def present(self, slots: Slots) -> NDArray[np.bool_]:
        """Which of `slots` have vectors."""
        return self._content.present(slots)

    def nearest(self, query: NDArray[np.float32], searched: Selection, own: Own, most: int) -> list[Slots]:
        """The `most` searched slots nearest to the query by content, by context, and by a chunk."""
        slots = searched.slots
        if len(slots) > exact_max:
            slots = self._signs.nearest(query, slots, max(compared_min, len(slots) // compared_share))
        mine = slots[own(slots)]
        return [
            best(slots, self._content.scores(query, slots), most)[0],
            best(mine, self._context.scores(query, mine), most)[0],
            self._chunks.nearest(query, searched, most),
        ]

    def cosines(self, query: NDArray[np.float32], slots: Slots, own: Own) -> tuple[Cosines, Cosines, NDArray[np.int16]]:
        """The cosines with the contents and with the contexts, of a long memory those of its nearest part; and that
        part's number among the chunks, -1 for the beginning."""
        content = self._content.cosines(query, slots)
        chunk, number = self._chunks.cosines(query, slots)
        context = np.where(own(slots), self._context.cosines(query, slots), content)
        if not len(self._chunks):
            return content, context, number
        nearer = chunk > np.nan_to_num(content, nan=-1.0)
        return np.where(nearer, chunk, content), np.fmax(context, chunk), np.where(nearer, number, -1).astype(np.int16)

    def content_cosines(self, query: NDArray[np.float32], slots: Slots) -> Cosines:
        """The cosines with the contents or their nearest parts; nan for slots without a vector."""
        return np.fmax(self._content.cosines(query, slots), self._chunks.cosines(query, slots)[0])

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All of them, for a snapshot."""
        arrays = under("content.", _number_parts(self._content.parts()))
        arrays |= under("context.", _number_parts(self._context.parts()))
        return arrays | under("signs.", self._signs.arrays()) | under("chunks.", self._chunks.arrays())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restores empty ones from a snapshot."""
        self._signs.restore(part("signs.", arrays))
        self._chunks.restore(part("chunks.", arrays))
        for vectors, name in ((self._content, "content."), (self._context, "context.")):
            for block in part(name, arrays).values():
                vectors.extend(block)


def _number_parts(parts: Sequence[Part]) -> dict[str, Part]:
    return {str(number): each for number, each in enumerate(parts)}
