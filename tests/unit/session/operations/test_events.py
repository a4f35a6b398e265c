"""The emitter and the delivery: told once the change is durable, whatever a handler does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.kit.errors import Unavailable
from services.session.operations.events import EVERY, INIT_STARTED, SESSION_ENDED, Emitter, Event, deliver

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_handler_that_fails_or_hangs_is_logged_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    emitter, heard = Emitter(timeout_s=0.01), []

    async def fails(_: Event) -> None:
        raise ValueError("secret of the handler")

    async def hangs(_: Event) -> None:
        await asyncio.Event().wait()

    async def hears(event: Event) -> None:
        heard.append(event.name)

    for handler in (fails, hangs, hears):
        emitter.on(SESSION_ENDED, handler)
    emitter.on(EVERY, hears)
    await emitter.emit(Event(SESSION_ENDED, "ada", NOW))
    await emitter.emit(Event(INIT_STARTED, "ada", NOW))
    assert heard == [SESSION_ENDED, SESSION_ENDED, INIT_STARTED]
    assert len(caplog.records) == 2


def test_an_event_that_does_not_exist_is_refused() -> None:
    async def handler(_: Event) -> None: ...

    with pytest.raises(ValueError, match="no event"):
        Emitter().on("session.exploded", handler)


class Source:
    """Events of which some are taken twice, as after a kill, and that is away for a while."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = list(events)
        self._is_away = True
        self.done = asyncio.Event()

    async def take(self) -> Sequence[Event]:
        if self._is_away:
            self._is_away = False
            raise Unavailable("away")
        if not self._events:
            self.done.set()
            await asyncio.Event().wait()
        return self._events[:2]

    async def settle(self, events: Sequence[Event]) -> None:
        assert self._events[: len(events)] == list(events)
        del self._events[: len(events)]


async def test_everything_is_delivered_in_order_also_after_the_source_was_away() -> None:
    events = [Event(SESSION_ENDED, "ada", NOW, data={"n": number}) for number in range(5)]
    heard: list[Event] = []

    async def handler(event: Event) -> None:
        heard.append(event)

    source = Source(events)
    task = asyncio.create_task(deliver(source, handler))
    await asyncio.wait_for(source.done.wait(), 30)
    task.cancel()
    assert heard == events
