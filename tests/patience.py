"""How long tests wait for a thing that comes in a moment on a quiet machine, and waiting for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE_S = 180.0
"""Long enough for a machine that is busy with others; whoever waits for less calls a slow machine a fault."""
_pause_s = 0.01


def until(condition: Callable[[], object]) -> None:
    """Returns when it holds; AssertionError where it does not come to that."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(_pause_s)


async def eventually(condition: Callable[[], Awaitable[object]], pause_s: float = _pause_s) -> None:
    """The same of what is waited for by itself."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(pause_s)


async def eventually_so(condition: Callable[[], object]) -> None:
    """The same of what is seen at once, while the loop goes on."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(_pause_s)
