"""Growable arrays, codes for names, and the mapping from a memory's sequence to its slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
Names: TypeAlias = Sequence[Sequence[str]]
_recent_max = 4096
block_rows = 65_536


class Column:
    """A numpy array that grows at its end."""

    def __init__(self, dtype: type[np.generic], width: int = 0) -> None:
        self._rows = np.zeros((0, width) if width else 0, dtype)
        self._length = 0

    def append(self, rows: NDArray[np.generic]) -> None:
        """Appends `rows`."""
        needed = self._length + len(rows)
        if needed > len(self._rows):
            shape = (max(needed, len(self._rows) * 9 // 8, 256), *self._rows.shape[1:])
            grown = np.zeros(shape, self._rows.dtype)
            grown[: self._length] = self._rows[: self._length]
            self._rows = grown
        self._rows[self._length : needed] = rows
        self._length = needed

    @property
    def rows(self) -> NDArray[Any]:
        """All rows; a view that does not show later growth."""
        return self._rows[: self._length]


class Blocks:
    """Rows of one width in blocks that never move: growth copies nothing, whatever the size."""

    def __init__(self, dtype: type[np.generic], width: int) -> None:
        self._dtype, self._width = dtype, width
        self._whole_row = np.dtype((np.void, width * np.dtype(dtype).itemsize))
        self._blocks: list[NDArray[Any]] = []
        self._seen: set[int] = set()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, rows: NDArray[Any]) -> None:
        """Appends `rows`."""
        while len(rows):
            place = self._length % block_rows
            if place == 0:
                self._blocks.append(np.zeros((block_rows, self._width), self._dtype))
            fitting = rows[: block_rows - place]
            self._blocks[-1][place : place + len(fitting)] = fitting
            self._length += len(fitting)
            rows = rows[len(fitting) :]

    def parts(self) -> list[NDArray[Any]]:
        """All rows, block by block, as they are now: later changes do not show in them."""
        self._seen = set(range(len(self._blocks)))
        return self._views()

    def _views(self) -> list[NDArray[Any]]:
        return [block[: self._length - number * block_rows] for number, block in enumerate(self._blocks)]

    def firsts(self, width: int) -> NDArray[Any]:
        """The first `width` values of every row."""
        return np.concatenate([np.zeros((0, width), self._dtype), *(view[:, :width] for view in self._views())])

    def take(self, slots: Slots) -> NDArray[Any]:
        """The rows of `slots`, which are ascending."""
        if len(self._blocks) == 1:
            return np.asarray(self._blocks[0][: self._length] if len(slots) == self._length else self._copy(0, slots))
        taken = np.empty((len(slots), self._width), self._dtype)
        for number, inside, places in self._split_blocks(slots):
            taken[inside] = self._copy(number, places)
        return taken

    def take_parts(self, slots: Slots, at_once: int) -> Iterator[tuple[slice, NDArray[Any]]]:
        """The same part by part, with where each is in `slots`: all rows uncopied, or at most `at_once` copied ones."""
        if len(self._blocks) == 1 and len(slots) == self._length:
            yield slice(0, self._length), self._blocks[0][: self._length]
            return
        for number, inside, places in self._split_blocks(slots):
            for first in range(0, len(places), at_once):
                part = places[first : first + at_once]
                yield slice(inside.start + first, inside.start + first + len(part)), self._copy(number, part)

    def _copy(self, number: int, places: Slots) -> NDArray[Any]:
        """The rows at `places` of a block: as values of one piece each, which are copied three times as fast."""
        rows = self._blocks[number].view(self._whole_row).reshape(-1)[places]
        return rows.view(self._dtype).reshape(len(places), self._width)

    def put(self, slots: Slots, rows: NDArray[Any]) -> None:
        """Sets the rows of `slots`, which are ascending."""
        for number, inside, places in self._split_blocks(slots):
            if number in self._seen:
                self._blocks[number] = self._blocks[number].copy()
                self._seen.remove(number)
            self._blocks[number][places] = rows[inside]

    def _split_blocks(self, slots: Slots) -> Iterator[tuple[int, slice, Slots]]:
        """The number of every block with any of `slots`, those slots' positions in `slots`, and in the block."""
        ends = np.searchsorted(slots, block_rows * np.arange(1, len(self._blocks) + 1)).tolist()
        for number, (begin, end) in enumerate(pairwise([0, *ends])):
            if begin < end:
                yield number, slice(begin, end), slots[begin:end] - number * block_rows


class Codes:
    """Small numbers (codes) for names that repeat."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._code)

    def of(self, *name: str) -> int:
        """The code of `name`; a new one for a new name."""
        return self._code.setdefault(name, len(self._code))

    def find(self, *name: str) -> int:
        """The code of `name`, or -1."""
        return self._code.get(name, -1)

    def names(self) -> Names:
        """All names, by code."""
        return list(self._code)

    def restore(self, names: Names) -> None:
        """Sets these names, with codes from 0."""
        self._code = {tuple(name): code for code, name in enumerate(names)}


class SlotMap:
    """The slot of each sequence: sorted arrays, and a small dictionary for the latest ones."""

    def __init__(self) -> None:
        self._sequences, self._slots = np.zeros(0, np.int64), np.zeros(0, np.int32)
        self._recent: dict[int, int] = {}

    def add(self, sequences: NDArray[np.int64], slots: Slots) -> None:
        """Adds new sequences and their slots."""
        if len(sequences) > _recent_max:
            self._sort(sequences, slots)
            return
        self._recent.update(zip(sequences.tolist(), slots.tolist(), strict=True))
        if len(self._recent) > _recent_max:
            count, recent = len(self._recent), self._recent
            self._recent = {}
            self._sort(np.fromiter(recent.keys(), np.int64, count), np.fromiter(recent.values(), np.int64, count))

    def _sort(self, sequences: NDArray[np.int64], slots: Slots) -> None:
        left = self._slots >= 0  # a removed one may have been added again
        sequences = np.concatenate((self._sequences[left], sequences))
        slots_32 = np.concatenate((self._slots[left], slots.astype(np.int32)))
        order = np.argsort(sequences, kind="stable")
        self._sequences, self._slots = sequences[order], slots_32[order]

    def get(self, sequence: int) -> int | None:
        """The slot of a sequence, None if there is none."""
        slot = self._recent.get(sequence, -1)
        if slot < 0 and (place := self._place(sequence)) is not None:
            slot = int(self._slots[place])
        return slot if slot >= 0 else None

    def remove(self, sequence: int) -> int | None:
        """Removes a sequence and returns its slot."""
        slot = self.get(sequence)
        if self._recent.pop(sequence, None) is None and (place := self._place(sequence)) is not None:
            self._slots[place] = -1
        return slot

    def _place(self, sequence: int) -> int | None:
        place = int(np.searchsorted(self._sequences, sequence))
        return place if place < len(self._sequences) and self._sequences[place] == sequence else None
