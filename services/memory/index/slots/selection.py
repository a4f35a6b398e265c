"""The selection of memories that one search covers."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Slots

_first = 64


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
        return float(self._lengths[self.slots].mean()) if len(self.slots) else 0.0

    @cached_property
    def session_lengths(self) -> NDArray[np.float64]:
        """The number of selected terms in each session, by session number."""
        session_of = self._session_of[self.slots]
        inside = session_of >= 0
        lengths = self._lengths[self.slots[inside]]
        return np.bincount(session_of[inside], lengths, self._sessions).astype(np.float64)

    @cached_property
    def sessions_count(self) -> int:
        """The number of sessions with any terms."""
        return int(np.count_nonzero(self.session_lengths))

    @cached_property
    def mean_session_length(self) -> float:
        """The mean number of terms per session."""
        return float(self.session_lengths.sum()) / max(self.sessions_count, 1)
