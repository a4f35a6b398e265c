"""Where numbers stand in an ascending array of them: by a table where it is small, by bisection otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Slots

table_max = 131_072
"""Numbers of which a table is filled in less time than a few hundred are looked for."""


class Places:
    """Of `among`, ascending, numbers from 0 to below `every`."""

    def __init__(self, among: Slots, every: int) -> None:
        self._among = among
        self._table: NDArray[np.int64] | None = None
        if every <= table_max:
            self._table = np.full(every + 1, -1)  # the last one is that of -1
            self._table[among] = np.arange(len(among))

    def of(self, numbers: NDArray[np.integer]) -> NDArray[np.int64]:
        """The place of each of `numbers`; -1 for those that are not among them, and for -1."""
        if self._table is not None:
            return np.asarray(self._table[numbers])
        if not len(self._among):
            return np.full(len(numbers), -1)
        places = np.minimum(np.searchsorted(self._among, numbers), len(self._among) - 1)
        return np.where(self._among[places] == numbers, places, -1)


def distinct(numbers: NDArray[np.int64], every: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different ones of `numbers`, from -1 to below `every`, ascending; and the place of each among these."""
    marked = np.zeros(every + 1, np.bool_)
    marked[numbers] = True
    known = np.flatnonzero(marked[:-1])
    if marked[-1]:
        known = np.concatenate(([-1], known))
    places = np.empty(every + 1, np.int64)
    places[known] = np.arange(len(known))
    return known, places[numbers]
