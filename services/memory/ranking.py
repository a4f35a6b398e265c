"""How candidates are ordered: pure functions over their signals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.memory.index.memory_index import Candidates


def _z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - values.mean()) / (values.std() + 1e-9) if len(values) else values


def rank(candidates: Candidates, now_s: float) -> NDArray[np.float64]:
    """Scores from 0 to 1."""
    fused = _z(candidates.words) + 0.5 * _z(candidates.session_words)
    if candidates.vector is not None and candidates.context_vector is not None:
        fused = fused + _z(candidates.vector) + _z(candidates.context_vector)
    return 1 / (1 + np.exp(-fused / 2))
