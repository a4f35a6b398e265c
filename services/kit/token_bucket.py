"""Token buckets: each user's bucket fills steadily, and each call takes one token."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

users_max = 10_000
"""How many buckets the process keeps; the user idle for the longest starts with a full one again."""


class Rate(NamedTuple):
    """How fast a bucket fills, and its capacity."""

    per_minute: float
    burst: int


class Granted(NamedTuple):
    """How many of the requested calls are granted; if none, the time until there is one."""

    calls: int
    retry_after_s: float


class Allowance(Protocol):
    """The buckets of all users."""

    async def take(self, user: str, calls: int, rate: Rate) -> Granted:
        """Takes up to `calls`; Unavailable while the count is unknown."""
        ...


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class ProcessAllowance:
    """The buckets of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    async def take(self, user: str, calls: int, rate: Rate) -> Granted:
        """See Allowance."""
        now_s = self._clock()
        bucket = self._buckets.setdefault(user, _Bucket(rate.burst, now_s))
        self._buckets.move_to_end(user)
        if len(self._buckets) > users_max:
            self._buckets.popitem(last=False)
        per_s = rate.per_minute / 60
        left = min(rate.burst, bucket.left + max(0.0, now_s - bucket.at_s) * per_s)
        granted = min(calls, int(left))
        bucket.left, bucket.at_s = left - granted, now_s
        return Granted(granted, 0.0 if granted else (1 - left) / per_s)
