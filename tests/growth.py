"""How a cost grows, in processor time of this thread: 2 for twice as much is linear, 4 is quadratic."""

from __future__ import annotations

import time
from collections.abc import Callable

GROWTH_MAX = 3.0
tries_max = 4


def growth(work: Callable[[int], object], size: int, worth_a_look_s: float = 0.0) -> float:
    """How many times as much `size` costs as half of it, at best; 0 where it costs less than what is worth a look."""
    whole = _cost_s(work, size)
    if whole < worth_a_look_s:
        return 0.0
    half = _cost_s(work, size // 2)
    for _ in range(tries_max):
        if whole < GROWTH_MAX * half:
            break
        whole, half = min(whole, _cost_s(work, size)), max(half, _cost_s(work, size // 2))
    return whole / max(half, 1e-9)


def _cost_s(work: Callable[[int], object], size: int) -> float:
    began = time.thread_time()
    work(size)
    return time.thread_time() - began
