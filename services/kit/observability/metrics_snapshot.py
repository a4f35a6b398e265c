"""This process's metrics as numbers: current values, and their recent growth."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from services.kit.observability.providers import instance_id, registry
from services.pb import telemetry_pb2, telemetry_pb2_grpc

window_s = 300.0
kept_every_s = 15.0
_left_out = ("_bucket", "_created", "target_info")

Named: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Totals: TypeAlias = Mapping[Named, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One series: its value, and its growth within the window."""

    name: str
    labels: Mapping[str, str]
    value: float
    recent: float


class Figures:
    """Keeps earlier totals, as far back as the window reaches. Call `keep` from time to time.

    Reading all series takes about ten milliseconds, so it is done in threads, and once for all who wait for it:
    services in one process are asked at the same time.

    """

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Totals]] = deque([(time.monotonic(), {})])
        self._last_s = time.monotonic()
        self._reading: asyncio.Task[tuple[float, list[Figure]]] | None = None

    async def keep(self) -> None:
        """Stores the current totals, unless some were stored a moment ago."""
        now = time.monotonic()
        if now - self._last_s < kept_every_s:
            return
        self._last_s = now
        self._kept.append((now, await asyncio.to_thread(totals)))
        while len(self._kept) > 1 and now - self._kept[1][0] >= window_s:
            self._kept.popleft()

    async def now(self) -> tuple[float, list[Figure]]:
        """The current length of the window in seconds, and every series."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> tuple[float, list[Figure]]:
        since, before = self._kept[0]
        present = await asyncio.to_thread(totals)
        series = [
            Figure(name, dict(labels), value, value - before.get((name, labels), 0.0))
            for (name, labels), value in present.items()
        ]
        return time.monotonic() - since, series


def totals() -> Totals:
    """The value of every series exposed to Prometheus, except histogram buckets."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry().collect()
        for sample in family.samples
        if not sample.name.endswith(_left_out)
    }


@cache
def of_this_process() -> Figures:
    """The snapshots of this process, shared by all services in it."""
    return Figures()


class TelemetryServicer(telemetry_pb2_grpc.TelemetryServicer):
    """The rpc of its name in telemetry.proto."""

    async def Figures(self, _: telemetry_pb2.FiguresRequest, __: Any) -> telemetry_pb2.FiguresResponse:  # noqa: N802
        """All of them."""
        since_s, series = await of_this_process().now()
        return telemetry_pb2.FiguresResponse(
            instance=instance_id(),
            window_s=since_s,
            figures=[
                telemetry_pb2.Figure(name=each.name, labels=each.labels, value=each.value, recent=each.recent)
                for each in series
            ],
        )
