"""Work that nobody waits for: a bounded number of tasks for each user, done before the gateway is gone."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from services.kit.errors import RateLimited, ServiceError

logger = logging.getLogger(__name__)

per_user_max = 20
all_max = 500


class Background:
    """Tasks under way. Each runs as whoever it was begun for: a task takes its request's identity along."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._users: Counter[str] = Counter()

    def begin(self, user: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begins it; RateLimited where too much is under way for this user, or for all."""
        if self._users[user] >= per_user_max or len(self._tasks) >= all_max:
            work.close()
            raise RateLimited("Too much is under way already.", "Repeat it in a moment.")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        self._users[user] += 1
        task.add_done_callback(lambda done: self._finish_task(user, done))
        return task

    def _finish_task(self, user: str, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ServiceError):
            logger.info("background work failed: %s", type(error).__name__)
        elif error:
            logger.error("background work failed", exc_info=error)

    @property
    def under_way(self) -> int:
        """How many tasks are."""
        return len(self._tasks)

    async def drain(self, within_s: float) -> None:
        """Waits for what is under way; what takes longer is given up."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=within_s)
            for task in late:
                task.cancel()


@asynccontextmanager
async def drain_on_exit(background: Background, drain_s: float) -> AsyncIterator[None]:
    """What is under way when this is left is finished first."""
    try:
        yield
    finally:
        await background.drain(drain_s)
