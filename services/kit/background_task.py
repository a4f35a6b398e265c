"""Background work: runs for the lifetime of a `with` block, and begins again, after a pause, whenever it fails.

What fails is in the log, and in `Supervisor.troubles` until it has worked again: a service's health says so.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

from services.kit.errors import ServiceError

logger = logging.getLogger(__name__)

cancel_again_s = 0.5
Run: TypeAlias = Callable[[], Awaitable[None]]
Pause: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause before the next attempt: doubled with each failure up to `most_s`, and a random half of it."""

    first_s: float = 0.5
    most_s: float = 60.0
    chance: Callable[[], float] = random.random

    def pause_s(self, failures: int) -> float:
        """Seconds after so many failures in a row, at least one."""
        whole_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return whole_s * (0.5 + self.chance() / 2)


@dataclass(slots=True)
class Supervisor:
    """Runs a service's background work. Work that ran for `steady_s` without failing counts as working again."""

    backoff: Backoff = Backoff()
    steady_s: float = 60.0
    pause: Pause = asyncio.sleep
    troubles: dict[str, str] = field(default_factory=dict)
    """Why work does not go on, by its name; it holds no content."""

    @asynccontextmanager
    async def beside(self, name: str, run: Run) -> AsyncIterator[None]:
        """Has `run` run beside the block; it is over when it returns, and is called again when it raises."""
        task = asyncio.create_task(_Supervised(self, name, run).keep_running(), name=name)
        try:
            yield
        finally:
            while not task.done():  # a cancellation can be lost within redis-py's own time limits
                task.cancel()
                await asyncio.wait([task], timeout=cancel_again_s)
            self.troubles.pop(name, None)


@asynccontextmanager
async def beside(name: str, run: Run) -> AsyncIterator[None]:
    """The same for work that has no service's health to show its trouble."""
    async with Supervisor().beside(name, run):
        yield


def report_success() -> None:
    """Called by background work after each round that went well: what failed before is over."""
    if work := _running.get():
        work.note_success()


class _Supervised:
    """One piece of work: how often in a row it failed, and what its service is told of that."""

    def __init__(self, supervisor: Supervisor, name: str, run: Run) -> None:
        self._supervisor = supervisor
        self._name = name
        self._run = run
        self._failures = 0

    async def keep_running(self) -> None:
        _running.set(self)
        while not await self._run_once():
            await self._supervisor.pause(self._supervisor.backoff.pause_s(self._failures))

    async def _run_once(self) -> bool:
        """Whether the work is over."""
        steady = asyncio.get_running_loop().call_later(self._supervisor.steady_s, self.note_success)
        try:
            await self._run()
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            self._note_failure(error)  # nobody ended this work: something that it waited for was cancelled
            return False
        except Exception as error:  # whatever it is: work that nobody waits for must not end unseen
            self._note_failure(error)
            return False
        finally:
            steady.cancel()
        self.note_success()
        return True

    def note_success(self) -> None:
        if self._failures:
            logger.info("%s works again", self._name)
        self._failures = 0
        self._supervisor.troubles.pop(self._name, None)

    def _note_failure(self, error: BaseException) -> None:
        self._failures += 1
        why = error.message if isinstance(error, ServiceError) else type(error).__name__
        self._supervisor.troubles[self._name] = f"background work failed and is tried again: {why}"
        logger.error("background work failed: %s", self._name, exc_info=error)


_running: ContextVar[_Supervised | None] = ContextVar("running", default=None)
