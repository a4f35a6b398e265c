"""Arrays that grow, small numbers for names, and the way from a memory's sequence to its slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
Names: TypeAlias = Sequence[Sequence[str]]
_recent_max = 4096


class Column:
    """A numpy array that grows at its end."""

    def __init__(self, dtype: type[np.generic], width: int = 0) -> None:
        self._rows = np.zeros((0, width) if width else 0, dtype)
        self._length = 0

    def append(self, rows: NDArray[np.generic]) -> None:
        """Adds `rows` at the end."""
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
        """All rows; a view that later growth leaves behind."""
        return self._rows[: self._length]


class Codes:
    """Small numbers for names that repeat."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._code)

    def of(self, *name: str) -> int:
        """The number of `name`; a new one for a new name."""
        return self._code.setdefault(name, len(self._code))

    def known(self, *name: str) -> int:
        """The number of `name`, or -1."""
        return self._code.get(name, -1)

    def names(self) -> Names:
        """Every name, by its number."""
        return list(self._code)

    def restore(self, names: Names) -> None:
        """Numbers these names from 0."""
        self._code = {tuple(name): code for code, name in enumerate(names)}


class SlotMap:
    """Where each sequence is: sorted arrays, and a small dictionary for the latest ones."""

    def __init__(self) -> None:
        self._sequences, self._slots = np.zeros(0, np.int64), np.zeros(0, np.int32)
        self._recent: dict[int, int] = {}

    def add(self, sequences: NDArray[np.int64], slots: Slots) -> None:
        """Sequences that are new, and their slots."""
        self._recent.update(zip(sequences.tolist(), slots.tolist(), strict=True))
        if len(self._recent) > _recent_max:
            self._sort()

    def _sort(self) -> None:
        count = len(self._recent)
        sequences = np.concatenate((self._sequences, np.fromiter(self._recent.keys(), np.int64, count)))
        slots = np.concatenate((self._slots, np.fromiter(self._recent.values(), np.int32, count)))
        order = np.argsort(sequences, kind="stable")
        self._sequences, self._slots, self._recent = sequences[order], slots[order], {}

    def get(self, sequence: int) -> int | None:
        """The slot of a sequence that is there."""
        slot = self._recent.get(sequence, -1)
        if slot < 0 and (place := self._place(sequence)) is not None:
            slot = int(self._slots[place])
        return slot if slot >= 0 else None

    def remove(self, sequence: int) -> int | None:
        """Forgets a sequence, and says where it was."""
        slot = self.get(sequence)
        if self._recent.pop(sequence, None) is None and (place := self._place(sequence)) is not None:
            self._slots[place] = -1
        return slot

    def _place(self, sequence: int) -> int | None:
        place = int(np.searchsorted(self._sequences, sequence))
        return place if place < len(self._sequences) and self._sequences[place] == sequence else None
