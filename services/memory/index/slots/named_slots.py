"""Slots by name, for tags and files: looked up by name, and copied quickly however many names there are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Codes, Column, Names


class NamedSlots:
    """Grows by `add`."""

    def __init__(self) -> None:
        self._codes = Codes()
        self._slots: list[array[int]] = []  # by the name's code
        self._pairs = {"codes": Column(np.int32), "slots": Column(np.uint32)}  # the same, in order of insertion

    def __iter__(self) -> Iterator[str]:
        """All names."""
        return (name for (name,) in self._codes.names())

    def add(self, named: Sequence[tuple[str, int]]) -> Sequence[str]:
        """Adds pairs of a name and a slot; returns the new names."""
        known = len(self._codes)
        codes = [self._codes.of(name) for name, _ in named]
        self._slots += [array("I") for _ in range(len(self._codes) - known)]
        for code, (_, slot) in zip(codes, named, strict=True):
            self._slots[code].append(slot)
        self._pairs["codes"].append(np.asarray(codes, np.int32))
        self._pairs["slots"].append(np.asarray([slot for _, slot in named], np.uint32))
        new = dict(zip(codes, (name for name, _ in named), strict=True))
        return [name for code, name in new.items() if code >= known]

    def of(self, names: Iterable[str]) -> Iterator[NDArray[np.int64]]:
        """The slots of each of `names` that has any."""
        for name in names:
            if (code := self._codes.find(name)) >= 0:
                yield np.array(self._slots[code], np.int64)

    def counts(self, members: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the slots that `members` marks each name has, by the name's number."""
        inside = members[self._pairs["slots"].rows]
        return np.bincount(self._pairs["codes"].rows[inside], minlength=len(self._codes))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The code and slot of every pair; copied."""
        return {name: column.rows.copy() for name, column in self._pairs.items()}

    def names(self) -> Names:
        """All names, by code."""
        return self._codes.names()

    def restore(self, arrays: Mapping[str, NDArray[Any]], names: Names) -> None:
        """Restores an empty object from `arrays` and `names`."""
        self._codes.restore(names)
        for name, column in self._pairs.items():
            column.append(arrays[name])
        codes, slots = arrays["codes"], arrays["slots"].astype(np.uint32)
        ends = np.cumsum(np.bincount(codes, minlength=len(names)))
        parts = np.split(slots[np.argsort(codes, kind="stable")], ends[:-1]) if len(names) else []
        self._slots = [array("I", part.tobytes()) for part in parts]
