"""Work beside a block: it begins with the block and ends with it, and why it ended before is in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

logger = logging.getLogger(__name__)

cancel_again_s = 0.5


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` beside the block, and ends it with the block."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        while not task.done():  # a cancellation can be lost within redis-py's own time limits
            task.cancel()
            await asyncio.wait([task], timeout=cancel_again_s)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("work in the background ended", exc_info=error)
