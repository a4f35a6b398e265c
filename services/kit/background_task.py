"""Background work: runs for the lifetime of a `with` block, and restarts after a pause whenever it fails.

A failure is logged, and listed in `Supervisor.troubles` until the work succeeds again, for the service's health.
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
    """The pause before the next attempt: doubled with each failure up to `most_s`, half of it random."""

    first_s: float = 0.5
    most_s: float = 60.0
    chance: Callable[[], float] = random.random

    def pause_s(self, failures: int) -> float:
        """Seconds after this many failures in a row, at least one."""
        whole_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return whole_s * (0.5 + self.chance() / 2)


@dataclass(slots=True)
class Supervisor:
    """Runs a service's background work. Work that ran for `steady_s` without failing counts as working again."""

    backoff: Backoff = Backoff()
    steady_s: float = 60.0
    pause: Pause = asyncio.sleep
    troubles: dict[str, str] = field(default_factory=dict)
    """Why each piece of work is failing, by its name; no content."""

    @asynccontextmanager
    async def background_task(self, name: str, run: Run) -> AsyncIterator[None]:
        """Runs `run` for the lifetime of the block; it ends when it returns, and is restarted when it raises."""
        task = asyncio.create_task(_Supervised(self, name, run).keep_running(), name=name)
        try:
            yield
        finally:
            while not task.done():  # redis-py's own time limits can swallow a cancellation
                task.cancel()
                await asyncio.wait([task], timeout=cancel_again_s)
            self.troubles.pop(name, None)


@asynccontextmanager
async def background_task(name: str, run: Run) -> AsyncIterator[None]:
    """The same for work outside a service, which has no health to report failures in."""
    async with Supervisor().background_task(name, run):
        yield


def report_success() -> None:
    """Background work calls this after each successful round: it clears earlier failures."""
    if work := _running.get():
        work.note_success()


class _Supervised:
    """One piece of work: its failures in a row, and its entry in the service's health."""

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
        """Runs the work once; returns whether it is finished."""
        steady = asyncio.get_running_loop().call_later(self._supervisor.steady_s, self.note_success)
        try:
            await self._run()
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            self._note_failure(error)  # the work was not stopped: something it awaited was cancelled
            return False
        except Exception as error:  # of any class: nobody awaits this work, so its failure must be logged
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
