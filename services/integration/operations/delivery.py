"""Delivers the log to one sink: in order, at least once, with pauses while it is away, and dead letters for what it
refuses. A sink has a task and a place of its own, so that none waits for another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.integration.operations.relay import dropped_event
from services.integration.sinks import Outcome, Sink
from services.integration.storage.event_log import EventLog, Waiting
from services.kit.background_task import Backoff, report_success
from services.kit.events.outbox import OutgoingEvent

logger = logging.getLogger(__name__)
refusals_max = 5
"""How often a sink may refuse one event before it becomes a dead letter."""
idle_s = 60.0


@dataclass(slots=True)
class Delivery:
    """Of one sink. `trouble` says why it gets nothing; empty if all is well."""

    sink: Sink
    log: EventLog
    give_up_s: float
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, most_s=30.0))
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    now_s: Callable[[], float] = time.monotonic
    trouble: str = ""
    _failures: int = 0
    _head: str = ""
    _refusals: int = 0
    _since_s: float = field(default=0.0)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            added = self.log.added
            if not await self.once():
                await self.log.wait(added, idle_s)

    async def once(self) -> bool:
        """Sends what waits next, and pauses after a failure; returns whether anything waited."""
        waiting = await self.log.next(self.sink.name, self.sink.batch_max)
        batch = [event for _, event in waiting.events]
        if waiting.is_retry:
            await self._retry(batch[0])
            return True
        if waiting.missed:
            place = f"{self.sink.name} {waiting.missed} {batch[0].id if batch else ''}"
            batch = [dropped_event("log", waiting.missed, place)]
        if not batch:
            return False
        outcome = await self.sink.send(batch)
        await self._settle(waiting, outcome)
        if outcome.trouble:
            await self._note_failure(waiting, batch[outcome.delivered], outcome)
        else:
            self._note_success()
        return True

    async def _retry(self, dead: OutgoingEvent) -> None:
        """Sends a dead letter once: those behind it wait for no other try."""
        outcome = await self.sink.send([dead])
        if outcome.delivered:
            await self.log.unbury(self.sink.name, dead.id)
        else:
            await self.log.bury(self.sink.name, 0, dead, outcome.trouble)

    async def _settle(self, waiting: Waiting, outcome: Outcome) -> None:
        if not outcome.delivered:
            return
        if waiting.missed:
            await self.log.settle(self.sink.name, 0, waiting.missed)
        else:
            await self.log.settle(self.sink.name, waiting.events[outcome.delivered - 1][0])

    def _note_success(self) -> None:
        if self.trouble:
            logger.info("%s takes events again", self.sink.name)
        self.trouble, self._failures, self._head, self._refusals = "", 0, "", 0
        report_success()

    async def _note_failure(self, waiting: Waiting, head: OutgoingEvent, outcome: Outcome) -> None:
        if not self.trouble:
            logger.warning("%s takes no events: %s", self.sink.name, outcome.trouble)
        self.trouble = outcome.trouble
        if head.id != self._head:
            self._head, self._refusals, self._since_s = head.id, 0, self.now_s()
        self._failures = 1 if outcome.delivered else self._failures + 1
        self._refusals += outcome.is_refusal
        is_too_old = outcome.answered and self.now_s() - self._since_s >= self.give_up_s
        if self._refusals >= refusals_max or is_too_old:
            await self._bury(waiting, head, outcome.trouble)
            return
        await self.pause(self.backoff.pause_s(self._failures))

    async def _bury(self, waiting: Waiting, head: OutgoingEvent, reason: str) -> None:
        logger.warning("%s: an event became a dead letter: %s", self.sink.name, reason)
        number = next((number for number, event in waiting.events if event.id == head.id), 0)
        await self.log.bury(self.sink.name, number, head, reason)
        if not number:  # that events were missed
            await self.log.settle(self.sink.name, 0, waiting.missed)
        self._head, self._refusals = "", 0
