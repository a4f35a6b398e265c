"""The selection of memories that one search covers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Slots

selections_max = 8
_first = 64

Measures: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32], int]
"""Every slot's length and session, and the number of sessions."""


class Selection:
    """The searched `slots`, ascending; `lengths` and `session_of` have a value for every slot."""

    def __init__(self, slots: Slots, lengths: NDArray[np.int32], session_of: NDArray[np.int32], sessions: int) -> None:
        self.slots = slots
        self._lengths = lengths
        self._session_of = session_of
        self._sessions = sessions

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def every(self) -> int:
        """The number of all slots, selected or not."""
        return len(self._lengths)

    def grown(
        self, slots: Slots, lengths: NDArray[np.int32], session_of: NDArray[np.int32], sessions: int
    ) -> Selection:
        """The selection after memories were added, those of them in `slots` being selected: what was summed up of the
        others is summed up no more."""
        grown = Selection(np.concatenate((self.slots, slots)), lengths, session_of, sessions)
        if "_length" in self.__dict__:
            grown.__dict__["_length"] = self._length + int(lengths[slots].sum())
        if "session_lengths" in self.__dict__:
            before = self.session_lengths
            sums = np.concatenate((before, np.zeros(sessions - len(before))))
            grown.__dict__["session_lengths"] = sums + grown._session_lengths(slots)
        return grown

    @property
    def is_everything(self) -> bool:
        """Whether every slot is selected."""
        return len(self.slots) == len(self._lengths)

    @cached_property
    def _mask(self) -> NDArray[np.bool_]:
        mask = np.zeros(len(self._lengths), np.bool_)
        mask[self.slots] = True
        return mask

    def holds(self, slots: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of `slots` are selected."""
        if self.is_everything:
            return np.ones(len(slots), np.bool_)
        return np.asarray(self._mask[slots])

    def holds_any(self, slots: NDArray[np.integer]) -> bool:
        """Whether any of `slots` is selected; most are known by the first few."""
        if self.is_everything:
            return len(slots) > 0
        return bool(self._mask[slots[:_first]].any() or self._mask[slots[_first:]].any())

    @cached_property
    def mean_length(self) -> float:
        """The mean number of terms per memory."""
        return self._length / len(self.slots) if len(self.slots) else 0.0

    @cached_property
    def _length(self) -> int:
        return int(self._lengths[self.slots].sum())

    @cached_property
    def session_lengths(self) -> NDArray[np.float64]:
        """The number of selected terms in each session, by session number."""
        return self._session_lengths(self.slots)

    def _session_lengths(self, slots: Slots) -> NDArray[np.float64]:
        session_of = self._session_of[slots]
        inside = session_of >= 0
        return np.bincount(session_of[inside], self._lengths[slots[inside]], self._sessions).astype(np.float64)

    @cached_property
    def sessions_count(self) -> int:
        """The number of sessions with any terms."""
        return int(np.count_nonzero(self.session_lengths))

    @cached_property
    def mean_session_length(self) -> float:
        """The mean number of terms per session."""
        return float(self.session_lengths.sum()) / max(self.sessions_count, 1)


class Selections:
    """What users have in projects, as it was searched last; an addition is added when it is searched again."""

    def __init__(self, select: Callable[[str, Sequence[str], int], Slots], measures: Callable[[], Measures]) -> None:
        """`select` gives the slots from one on that the user may read in the projects."""
        self._select, self._measures = select, measures
        self._kept: dict[tuple[str, ...], Selection] = {}

    def clear(self) -> None:
        """Forgets them all, after any change but an addition."""
        self._kept.clear()

    def hold(self, user: str, projects: Sequence[str]) -> bool:
        """Whether what the user has in the projects is known, but for additions."""
        return (user, *projects) in self._kept

    def of(self, user: str, projects: Sequence[str]) -> Selection:
        """All that the user has in the projects, or in all if none are given."""
        key, measures = (user, *projects), self._measures()
        known = self._kept.get(key)
        if known is None:
            if len(self._kept) >= selections_max:
                self._kept.clear()
            known = self._kept[key] = Selection(self._select(user, projects, 0), *measures)
        elif known.every < len(measures[0]):
            known = self._kept[key] = known.grown(self._select(user, projects, known.every), *measures)
        return known
