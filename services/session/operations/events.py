"""Events for other components: the emitter, and delivery from a durable source.

An event is stored in the same write as its change, and delivered afterwards: never before the change is durable, at
least once, in the order of the changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from services.kit.background_task import report_success
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)

INIT_STARTED = "session.init.started"
INIT_COMPLETED = "session.init.completed"
CHECKPOINT_CREATED = "session.checkpoint.created"
QUALITY_THRESHOLD = "session.quality.threshold"
SESSION_ENDED = "session.ended"
PERMISSION_DECIDED = "permission.decided"
NAMES = frozenset(
    {INIT_STARTED, INIT_COMPLETED, CHECKPOINT_CREATED, QUALITY_THRESHOLD, SESSION_ENDED, PERMISSION_DECIDED}
)
EVERY = "*"
handler_timeout_s = 10.0
retry_s = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """A change that happened. `data` holds ids, numbers and names, no content; `id` identifies repetitions."""

    name: str
    user: str
    at: datetime
    session_id: str = ""
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))


Handler = Callable[[Event], Awaitable[None]]


class Emitter:
    """Calls handlers in this process; one that fails or hangs is logged, and the others are still called."""

    def __init__(self, timeout_s: float = handler_timeout_s) -> None:
        self._handlers: dict[str, list[Handler]] = {}
        self._timeout_s = timeout_s

    def on(self, name: str, handler: Handler) -> None:
        """Calls `handler` for every event `name`, or for all with `EVERY`; an event may be delivered twice."""
        if name != EVERY and name not in NAMES:
            raise ValueError(f"there is no event {name}")
        self._handlers.setdefault(name, []).append(handler)

    async def emit(self, event: Event) -> None:
        """Returns after every handler has run or failed."""
        for handler in (*self._handlers.get(event.name, ()), *self._handlers.get(EVERY, ())):
            try:
                async with asyncio.timeout(self._timeout_s):
                    await handler(event)
            except Exception:  # one handler's failure must not affect others
                logger.exception("a handler of %s failed", event.name)


class EventSource(Protocol):
    """Events that are durable, in order."""

    async def take(self) -> Sequence[Event]:
        """The oldest unsettled events; waits until there are some."""
        ...

    async def settle(self, events: Sequence[Event]) -> None:
        """Marks these as delivered, so that they are not delivered again."""
        ...


async def deliver(source: EventSource, handler: Handler) -> None:
    """Delivers all events of `source` to `handler`, until cancelled; continues when an unavailable source is back.

    `handler` is expected not to fail, as an `Emitter` does not: its exceptions are raised here.
    """
    while True:
        try:
            events = await source.take()
            for event in events:
                await handler(event)
            await source.settle(events)
            report_success()
        except Unavailable as error:
            logger.warning("event delivery is paused: %s", error.message)
            await asyncio.sleep(retry_s)
