"""What this gateway did in each minute of the last hour: tool calls, how long they took, how many failed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.kit.observability.metrics_snapshot import Totals, totals

minute_s = 60.0
minutes_max = 60
_calls = "mcp_server_operation_duration_seconds"


@dataclass(frozen=True, slots=True)
class Sums:
    """Since the process began."""

    calls: float = 0.0
    seconds: float = 0.0
    failures: float = 0.0

    @classmethod
    def of(cls, series: Totals) -> Sums:
        """Of the tool calls among all series."""
        calls = seconds = failures = 0.0
        for (name, labels), value in series.items():
            named = dict(labels)
            if named.get("mcp_method_name") != "tools/call":
                continue
            if name == f"{_calls}_count":
                calls += value
                failures += value if named.get("error_type") else 0.0
            elif name == f"{_calls}_sum":
                seconds += value
        return cls(calls, seconds, failures)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute; `mean_ms` is 0 without calls."""

    at: datetime
    calls: float
    mean_ms: float
    failures: float


class LastHour:
    """Keeps the minutes; `keep` runs for as long as the gateway."""

    def __init__(self) -> None:
        self._minutes: deque[Minute] = deque(maxlen=minutes_max)
        self._before: Sums | None = None

    @property
    def minutes(self) -> Sequence[Minute]:
        """The eldest first."""
        return tuple(self._minutes)

    async def keep(self) -> None:
        """Adds a minute after each one."""
        while True:
            self.add(Sums.of(await asyncio.to_thread(totals)), datetime.now(UTC))
            await asyncio.sleep(minute_s)

    def add(self, sums: Sums, at: datetime) -> None:
        """Adds the minute that ends now; the first look only begins one."""
        before, self._before = self._before, sums
        if before is None:
            return
        calls, seconds = sums.calls - before.calls, sums.seconds - before.seconds
        mean_ms = 1e3 * seconds / calls if calls else 0.0
        self._minutes.append(Minute(at, calls, mean_ms, sums.failures - before.failures))
