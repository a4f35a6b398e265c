"""Background work: a bounded number of tasks for each user, finished before the gateway stops."""

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
    """Running tasks. Each runs as the user that started it: a task inherits its request's identity."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._users: Counter[str] = Counter()

    def begin(self, user: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Starts the work; RateLimited if too many tasks are running for this user, or for all."""
        if self._users[user] >= per_user_max or len(self._tasks) >= all_max:
            work.close()
            raise RateLimited("Too many tasks are running already.", "Repeat it in a moment.")
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
        """The number of running tasks."""
        return len(self._tasks)

    async def drain(self, within_s: float) -> None:
        """Waits for the running tasks; cancels those that take longer."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=within_s)
            for task in late:
                task.cancel()


@asynccontextmanager
async def drain_on_exit(background: Background, drain_s: float) -> AsyncIterator[None]:
    """Finishes the running tasks when the context exits."""
    try:
        yield
    finally:
        await background.drain(drain_s)
