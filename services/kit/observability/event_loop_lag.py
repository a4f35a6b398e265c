"""Measures the event loop's lag as a metric, to show what blocks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakSet

from services.kit.background_task import background_task
from services.kit.observability import telemetry

look_every_s = 0.5
_boundaries_s = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
"""The loops that are measured: services in one process share theirs."""


@asynccontextmanager
async def measure_lag() -> AsyncIterator[None]:
    """Measures, during the block, how much longer than half a second a sleep of that time takes."""
    loop = asyncio.get_running_loop()
    if loop in _loops:
        yield
        return
    _loops.add(loop)
    async with background_task("event loop lag", _watch):
        try:
            yield
        finally:
            _loops.discard(loop)


async def _watch() -> None:
    lag = telemetry.meter().create_histogram(
        "segue.loop.lag", "s", "Delay of the event loop", explicit_bucket_boundaries_advisory=_boundaries_s
    )
    loop = asyncio.get_running_loop()
    while True:
        expected_s = loop.time() + look_every_s
        await asyncio.sleep(look_every_s)
        lag.record(max(loop.time() - expected_s, 0.0))
