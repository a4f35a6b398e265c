"""The log: each event once, a place for each sink, bounded, and what was missed is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.integration.storage import event_log
from services.integration.storage.event_log import EventLog, open_log
from services.kit.errors import Unavailable
from services.kit.events.outbox import OutgoingEvent, outgoing

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(number: int, user: str = "ada") -> OutgoingEvent:
    return outgoing("session.ended", user, NOW, {"checkpoints": number}, f"e{number}")


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    async with open_log(tmp_path / "events.sqlite", 1000) as log:
        yield log


async def ids(log: EventLog, sink: str) -> list[str]:
    return [event.id for _, event in (await log.next(sink, 5000)).events]


async def test_an_event_is_there_once_however_often_it_comes(log: EventLog) -> None:
    await log.register_sinks(["a"])
    assert await log.add([event(1), event(2)]) == 2
    assert await log.add([event(2), event(3), event(3)]) == 1
    assert await ids(log, "a") == ["e1", "e2", "e3"]


async def test_each_sink_has_a_place_of_its_own(log: EventLog) -> None:
    await log.register_sinks(["a", "b"])
    await log.add([event(1), event(2)])
    ((first, _), _) = (await log.next("a", 10)).events
    await log.settle("a", first)
    await log.settle("a", 0)  # goes back nowhere
    assert (await ids(log, "a"), await ids(log, "b")) == (["e2"], ["e1", "e2"])


async def test_a_new_sink_gets_what_comes_and_one_that_is_gone_holds_nothing_up(log: EventLog) -> None:
    await log.register_sinks(["a"])
    await log.add([event(1)])
    await log.register_sinks(["b"])
    await log.add([event(2)])
    assert await ids(log, "b") == ["e2"]
    assert set(await log.backlogs()) == {"b"}
    await log.register_sinks(["a", "b"])
    assert await ids(log, "a") == []


async def test_a_sink_that_is_away_for_too_long_misses_the_oldest_and_it_is_counted(log: EventLog) -> None:
    await log.register_sinks(["away", "here"])
    for number in range(0, 2500, 50):
        await log.add([event(each) for each in range(number, number + 50)])
        await log.settle("here", (await log.next("here", 50)).events[-1][0])
    waiting = await log.next("away", 5000)
    assert waiting.missed + len(waiting.events) == 2500
    assert len(waiting.events) == 1000
    assert (await log.backlogs())["here"].missed == 0
    await log.settle("away", 0, waiting.missed)
    assert (await log.next("away", 10)).missed == 0
    assert (await ids(log, "away"))[0] == "e1500"


async def test_what_all_sinks_have_goes_but_for_a_rest_for_streams(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "replayed_max", 10)
    await log.register_sinks(["a"])
    for number in range(100):
        await log.add([event(number)])
        await log.settle("a", number + 1)
    found, reached = await log.events_of("ada", 0, 200)
    assert len(found) == 10
    assert reached == 100


async def test_a_stream_shows_a_user_their_own_events_and_those_of_nobody(log: EventLog) -> None:
    await log.add([event(1), event(2, "bob"), event(3, ""), event(4)])
    found, reached = await log.events_of("ada", 0, 10)
    assert ([each.id for _, each in found], reached) == (["e1", "e3", "e4"], 4)
    assert await log.events_of("ada", -1, 10) == ([], 4)
    assert await log.events_of("ada", 999, 10) == ([], 4), "a place in another log"
    assert (await log.events_of("ada", 0, 1))[1] == 1


async def test_dead_letters_are_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "dead_letters_max", 5)
    await log.register_sinks(["a"])
    await log.add([event(number) for number in range(10)])
    for number, each in (await log.next("a", 10)).events:
        await log.bury("a", number, each, "it answers 400")
    assert (await log.backlogs())["a"] == event_log.Backlog(0, 0, 5)


async def test_a_second_service_on_the_same_log_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "busy_timeout_s", 0.1)
    async with open_log(tmp_path / "events.sqlite", 1000) as log:
        await log.add([event(1)])
        with pytest.raises(Unavailable):
            async with open_log(tmp_path / "events.sqlite", 1000):
                pass
    assert (tmp_path / "events.sqlite").stat().st_mode & 0o777 == 0o600
