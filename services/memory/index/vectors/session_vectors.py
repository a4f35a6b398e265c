"""Session vectors: the sum of the vectors of each session's memories, updated as memories come and go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Column

Sessions = NDArray[np.int64]
_measured_at_once = 16_384


class SessionVectors:
    """One sum per session, by the session's number in the catalogue; -1 is no session."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._sums = Column(np.float32, dimensions)
        self._lengths = Column(np.float32)

    @property
    def sums(self) -> NDArray[np.float32]:
        """The sums by session number."""
        return self._sums.rows

    def restore(self, sums: NDArray[np.float32]) -> None:
        """Restores the sums from a snapshot."""
        self._sums.append(sums)
        for first in range(0, len(sums), _measured_at_once):
            self._lengths.append(np.linalg.norm(sums[first : first + _measured_at_once], axis=1))

    def add(self, sessions: Sessions, vectors: NDArray[np.floating]) -> None:
        """Adds each vector to its session's sum."""
        self._add(sessions, vectors.astype(np.float32))

    def _add(self, sessions: Sessions, vectors: NDArray[np.float32]) -> None:
        lacking = int(sessions.max(initial=-1)) + 1 - len(self._sums.rows)
        if lacking > 0:
            self._sums.append(np.zeros((lacking, self._dimensions), np.float32))
            self._lengths.append(np.zeros(lacking, np.float32))
        order = np.argsort(sessions, kind="stable")[np.count_nonzero(sessions < 0) :]
        numbers, begins = np.unique(sessions[order], return_index=True)
        if len(numbers):
            sums = self._sums.rows[numbers] + np.add.reduceat(vectors[order], begins, axis=0)
            self._sums.rows[numbers], self._lengths.rows[numbers] = sums, np.linalg.norm(sums, axis=1)

    def remove(self, sessions: Sessions, vectors: NDArray[np.floating]) -> None:
        """Subtracts vectors that were added."""
        self._add(sessions, -vectors.astype(np.float32))

    def scores(self, query: NDArray[np.float32], sessions: Sessions) -> NDArray[np.float64]:
        """The cosine of `query` (unit length) with each of `sessions`; nan for -1 and for those without a vector."""
        if not len(self._lengths.rows):
            return np.full(len(sessions), np.nan)
        sums, lengths = self._rows(sessions), self._lengths.rows[sessions]
        none = sessions < 0
        sums[none], lengths[none] = 0, 0
        # After all vectors are subtracted, only rounding errors remain in a sum.
        return np.where(lengths > 1e-2, sums @ query / np.maximum(lengths, 1e-2), np.nan).astype(np.float64)

    def _rows(self, sessions: Sessions) -> NDArray[np.float32]:
        """A copy of the sums of the sessions: as values of one piece each, which are copied faster."""
        whole = np.dtype((np.void, self._sums.rows[:1].nbytes))
        rows = self._sums.rows.view(whole).reshape(-1)[sessions]
        return rows.view(np.float32).reshape(len(sessions), self._dimensions)
