"""Delivery to a sink: in order, at least once; a sink that is away loses nothing and slows no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.integration.operations.delivery import Delivery, refusals_max
from services.integration.sinks import Outcome
from services.integration.storage.dead_letters import Chosen, DeadLetters
from services.integration.storage.event_log import EventLog, open_log
from services.kit.errors import InvalidInput
from services.kit.events.outbox import OutgoingEvent, outgoing

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(number: int) -> OutgoingEvent:
    return outgoing("session.ended", "ada", NOW, {"checkpoints": number}, f"e{number}")


@dataclass
class Sink:
    """Answers as told, and takes what it is sent otherwise."""

    name: str = "sink"
    batch_max: int = 3
    outcomes: list[Outcome] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    always: Outcome | None = None
    sent: int = 0

    async def send(self, events: Sequence[OutgoingEvent]) -> Outcome:
        self.sent += 1
        outcome = self.always or (self.outcomes.pop(0) if self.outcomes else Outcome(len(events)))
        self.taken += [event.id or event.subject for event in events[: outcome.delivered]]
        return outcome


@dataclass
class Clock:
    at_s: float = 0.0
    pauses: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.at_s += seconds

    def now_s(self) -> float:
        return self.at_s


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    async with open_log(tmp_path / "events.sqlite", 1000) as log:
        await log.register_sinks(["sink", "other"])
        await log.add([event(number) for number in range(8)])
        yield log


def delivery(sink: Sink, log: EventLog, clock: Clock, give_up_s: float = 3600) -> Delivery:
    return Delivery(sink, log, give_up_s, pause=clock.pause, now_s=clock.now_s)


async def drain(its: Delivery, rounds: int = 100) -> None:
    for _ in range(rounds):
        if not await its.once():
            return


async def test_a_sink_that_stumbles_gets_everything_in_order(log: EventLog) -> None:
    away = Outcome(0, "it did not answer in time")
    sink, clock = Sink(outcomes=[away, Outcome(2, "it answers 503", answered=True), away, away]), Clock()
    await drain(delivery(sink, log, clock))
    assert sink.taken == [f"e{number}" for number in range(8)]
    assert len(clock.pauses) == 4


async def buried(log: EventLog, clock: Clock) -> Sink:
    """A sink that refused the first two events for good, and took the others."""
    refusal = Outcome(0, "it answers 400", is_refusal=True, answered=True)
    sink = Sink(outcomes=[refusal] * (2 * refusals_max))
    await drain(delivery(sink, log, clock))
    assert sink.taken == [f"e{number}" for number in range(2, 8)]
    return sink


async def test_a_dead_letter_is_sent_again_when_it_is_asked_for(log: EventLog) -> None:
    sink, dead = await buried(log, Clock()), DeadLetters(log)
    assert [(each.event.id, each.sink, each.reason, each.waits) for each in await dead.list(0, 10)] == [
        ("e0", "sink", "it answers 400", False),
        ("e1", "sink", "it answers 400", False),
    ]
    assert await dead.retry(Chosen(ids=["e1", "e9"])) == 1
    assert [each.waits for each in await dead.list(0, 10)] == [False, True]
    await log.add([event(8)])
    await drain(delivery(sink, log, Clock()))
    assert sink.taken[6:] == ["e1", "e8"]
    assert [each.event.id for each in await dead.list(0, 10)] == ["e0"]


async def test_one_that_is_refused_again_is_dead_again_and_holds_nobody_up(log: EventLog) -> None:
    sink, dead, clock = await buried(log, Clock()), DeadLetters(log), Clock()
    sink.outcomes = [Outcome(0, "it answers 500", answered=True), Outcome(0, "it did not answer in time")]
    assert await dead.retry(Chosen(every=True)) == 2
    await log.add([event(8)])
    await drain(delivery(sink, log, clock))
    assert sink.taken[6:] == ["e8"]
    assert clock.pauses == []
    assert sorted((each.reason, each.waits) for each in await dead.list(0, 10)) == [
        ("it answers 500", False),
        ("it did not answer in time", False),
    ]


async def test_dead_letters_are_dropped_by_id_by_sink_or_all(log: EventLog) -> None:
    await buried(log, Clock())
    dead = DeadLetters(log)
    assert await dead.drop(Chosen(every=True, sink="other")) == 0
    assert await dead.drop(Chosen(ids=["e0"])) == 1
    assert await dead.drop(Chosen(every=True)) == 1
    assert await dead.list(0, 10) == []
    for chosen in (Chosen(), Chosen(ids=["e0"], every=True), Chosen(ids=["e"] * 1001)):
        with pytest.raises(InvalidInput):
            await dead.drop(chosen)
    with pytest.raises(InvalidInput):
        await dead.list(0, 201)


async def test_dead_letters_are_listed_in_pages(log: EventLog) -> None:
    await buried(log, Clock())
    first = await DeadLetters(log).list(0, 1)
    second = await DeadLetters(log).list(first[0].number, 1)
    assert [each.event.id for each in (*first, *second)] == ["e0", "e1"]
    assert await DeadLetters(log).list(second[0].number, 1) == []


async def test_a_sink_that_is_away_for_a_day_loses_nothing_and_is_not_pestered(log: EventLog) -> None:
    sink, clock = Sink(always=Outcome(0, "the connection failed")), Clock()
    its = delivery(sink, log, clock)
    while clock.at_s < 24 * 3600:
        await its.once()
    assert sink.sent < 8000
    assert its.trouble == "the connection failed"
    sink.always = None
    await drain(its)
    assert sink.taken == [f"e{number}" for number in range(8)]
    assert its.trouble == ""


async def test_what_is_refused_becomes_a_dead_letter_and_the_others_go_on(log: EventLog) -> None:
    sink, clock = Sink(outcomes=[Outcome(1, "it answers 400", is_refusal=True, answered=True)]), Clock()
    sink.outcomes += [Outcome(0, "it answers 400", is_refusal=True, answered=True)] * (refusals_max - 1)
    await drain(delivery(sink, log, clock))
    assert sink.taken == ["e0", *(f"e{number}" for number in range(2, 8))]
    assert (await log.backlogs())["sink"].dead == 1


async def test_errors_for_days_are_a_trouble_with_the_event(log: EventLog) -> None:
    sink, clock = Sink(always=Outcome(0, "it answers 500", answered=True)), Clock()
    its = delivery(sink, log, clock, give_up_s=1000)
    while (await log.backlogs())["sink"].dead == 0:
        await its.once()
    assert clock.at_s >= 1000
    sink.always = None
    await drain(its)
    assert sink.taken == [f"e{number}" for number in range(1, 8)]


async def test_what_was_missed_is_said_first_and_once(log: EventLog) -> None:
    for number in range(8, 1508, 100):
        await log.add([event(each) for each in range(number, number + 100)])
    sink, clock = Sink(batch_max=5000), Clock()
    await drain(delivery(sink, log, clock))
    assert len(sink.taken) == 1001
    first = sink.taken[0]
    assert not first.startswith("e"), "the event that events are missing"
    assert sink.taken[1:] == [f"e{number}" for number in range(508, 1508)]
    assert (await log.backlogs())["sink"].missed == 0


async def test_a_slow_sink_holds_no_other_up(log: EventLog) -> None:
    class Stuck(Sink):
        async def send(self, events: Sequence[OutgoingEvent]) -> Outcome:  # noqa: ARG002
            await asyncio.sleep(3600)
            return Outcome(0)

    quick = Sink(name="other")
    stuck = asyncio.create_task(delivery(Stuck(), log, Clock()).run())
    running = asyncio.create_task(delivery(quick, log, Clock()).run())
    async with asyncio.timeout(20):
        while len(quick.taken) < 8:
            await asyncio.sleep(0.01)
        await log.add([event(8)])
        while len(quick.taken) < 9:
            await asyncio.sleep(0.01)
    for task in (stuck, running):
        task.cancel()
    assert quick.taken == [f"e{number}" for number in range(9)]
