"""The lines of a report, and how a duration is measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure; `note` says what to hold it against."""

    name: str
    value: float
    unit: str
    note: str = ""


Rows = Iterable[Row]


class Took(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


def spread(took_ms: list[float]) -> Took:
    """Of at least two durations."""
    cuts = statistics.quantiles(took_ms, n=100)
    return Took(statistics.median(took_ms), cuts[94], cuts[98])


async def timed(call: Callable[[int], Awaitable[Any]], calls: int = 200) -> Took:
    """How long `call(0)`, `call(1)`, … take, one after the other."""
    took = []
    for number in range(calls):
        began = time.perf_counter()
        await call(number)
        took.append((time.perf_counter() - began) * 1e3)
    return spread(took)
