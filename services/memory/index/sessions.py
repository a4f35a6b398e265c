"""The memories of each session in the order of time: sorted slots, searched by bisection."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Slots


class Sessions:
    """By session number: its slots, sorted by the time they were said, then by the order of storing."""

    def __init__(self) -> None:
        self._slots: list[array[int]] = []

    def add(self, session: int, slot: int, said: NDArray[np.float64]) -> tuple[int, int]:
        """Inserts a slot into its session; returns its neighbours, -1 for none. `said` has the time of every slot."""
        while len(self._slots) <= session:
            self._slots.append(array("i"))
        slots = self._slots[session]
        place = self._place(slots, slot, said)
        slots.insert(place, slot)
        return slots[place - 1] if place else -1, slots[place + 1] if place + 1 < len(slots) else -1

    def remove(self, session: int, slot: int, said: NDArray[np.float64]) -> None:
        """Removes a slot from its session."""
        slots = self._slots[session]
        del slots[self._place(slots, slot, said)]

    def latest(self, session: int, before_s: float, said: NDArray[np.float64]) -> int | None:
        """The last slot of the session that is not later than `before_s`."""
        slots = self._slots[session] if session < len(self._slots) else ()
        place = bisect_right(slots, before_s, key=lambda slot: float(said[slot]))
        return slots[place - 1] if place else None

    def restore(self, slots: Slots, session_of: NDArray[np.int32], said: NDArray[np.float64]) -> None:
        """Builds the sessions from these slots and from every slot's session and time."""
        inside = slots[session_of[slots] >= 0]
        inside = inside[np.lexsort((inside, said[inside], session_of[inside]))]
        counts = np.bincount(session_of[inside])
        for part in np.split(inside.astype(np.int32), np.cumsum(counts)[:-1]):
            self._slots.append(array("i", part.tobytes()))

    def _place(self, slots: array[int], slot: int, said: NDArray[np.float64]) -> int:
        at = (float(said[slot]), slot)
        if slots and (float(said[slots[-1]]), slots[-1]) < at:  # most are already in the order of time
            return len(slots)
        return bisect_left(slots, at, key=lambda each: (float(said[each]), each))
