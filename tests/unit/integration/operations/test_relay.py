"""From the outboxes into the log: killed at every step, nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio

from services.integration.operations.relay import Relay
from services.integration.storage.event_log import EventLog, open_log
from services.kit.errors import Unavailable
from services.kit.events.outbox import Outbox, OutgoingEvent, Taken, outgoing
from services.kit.events.outbox_servicer import OutboxServicer
from services.kit.health.grpc_health import Health
from services.kit.transport import rpc
from services.pb import events_pb2_grpc
from services.session.operations.events import SESSION_ENDED, Event
from services.session.store import Change
from services.session.store.sqlite import SqliteStore, open_sqlite

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Failing:
    """An outbox whose every call fails in turn, before or after it was carried out."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.fail_at = ""

    def _fail(self, step: str) -> None:
        if self.fail_at == step:
            self.fail_at = ""
            raise Unavailable("killed")

    async def take(self, most: int) -> Taken:
        self._fail("before take")
        taken = await self.outbox.take(most)
        self._fail("after take")
        return taken

    async def settle(self, number: int) -> None:
        self._fail("before settle")
        await self.outbox.settle(number)
        self._fail("after settle")


STEPS = ("before take", "after take", "before settle", "after settle", "")


async def commit(store: SqliteStore, *numbers: int) -> None:
    for number in numbers:
        await store.commit(Change(events=[Event(SESSION_ENDED, "ada", NOW, f"s{number}", {"checkpoints": number})]))


async def counts(log: EventLog) -> list[object]:
    return [event.data["checkpoints"] for _, event in (await log.next("sink", 5000)).events]


@asynccontextmanager
async def served(tmp_path: Path, outboxes: Sequence[Outbox]) -> AsyncIterator[events_pb2_grpc.OutboxStub]:
    address = f"unix:{tmp_path}/o.sock"
    servicer = OutboxServicer(outboxes)

    def register(server: grpc.aio.Server) -> None:
        events_pb2_grpc.add_OutboxServicer_to_server(servicer, server)

    async with rpc.open_server(address, register, Health("x"), drain_s=1), rpc.open_channel(address) as channel:
        yield events_pb2_grpc.OutboxStub(channel)


@asynccontextmanager
async def both(tmp_path: Path, events_max: int) -> AsyncIterator[tuple[SqliteStore, EventLog]]:
    stores = open_sqlite(tmp_path / "session.sqlite", queue_max=1000, events_max=events_max)
    async with stores as store, open_log(tmp_path / "events.sqlite", 1000) as log:
        await log.register_sinks(["sink"])
        yield store, log


async def test_killed_at_every_step_nothing_is_lost_or_there_twice_and_the_order_is_kept(tmp_path: Path) -> None:
    number = 0
    async with open_sqlite(tmp_path / "session.sqlite", queue_max=1000, events_max=1000) as store:
        failing = Failing(store.outbox)
        async with served(tmp_path, [failing]) as stub:
            for at in STEPS:
                for killed_with_log in (False, True):
                    async with open_log(tmp_path / "events.sqlite", 1000) as log:
                        await log.register_sinks(["sink"])
                        relay = Relay("session", stub, log, 0.01)
                        await commit(store, number, number + 1, number + 2)
                        number += 3
                        failing.fail_at = at
                        try:
                            await relay.once()
                        except Unavailable:
                            if not killed_with_log:
                                await relay.once()
            async with open_log(tmp_path / "events.sqlite", 1000) as log:
                await Relay("session", stub, log, 0.01).once()
                assert await counts(log) == list(range(number))
                assert (await store.outbox.take(10)).events == []


async def test_a_service_that_is_away_is_asked_again_and_said_to_be_away(tmp_path: Path) -> None:
    paused = asyncio.Event()

    async def pause(_: float) -> None:
        paused.set()
        await asyncio.sleep(0.01)

    async with both(tmp_path, 1000) as (store, log):
        await commit(store, 1)
        failing = Failing(store.outbox)
        failing.fail_at = "before take"
        async with served(tmp_path, [failing]) as stub:
            relay = Relay("session", stub, log, 0.01, pause=pause)
            task = asyncio.create_task(relay.run())
            added = log.added
            await asyncio.wait_for(paused.wait(), 20)
            await asyncio.wait_for(added.wait(), 20)
            task.cancel()
        assert await counts(log) == [1]


async def test_what_a_service_dropped_is_said_once_before_what_is_left(tmp_path: Path) -> None:
    async with both(tmp_path, 100) as (store, log):
        await commit(store, *range(300))
        failing = Failing(store.outbox)
        async with served(tmp_path, [failing]) as stub:
            relay = Relay("session", stub, log, 0.01)
            failing.fail_at = "before settle"
            try:
                await relay.once()
            except Unavailable:
                await relay.once()
        found = [event for _, event in (await log.next("sink", 5000)).events]
    assert [event.subject for event in found[:2]] == ["events.dropped", "session.ended"]
    assert found[0].data == {"from": "session", "count": 200}
    assert [event.data["checkpoints"] for event in found[1:]] == list(range(200, 300))


async def test_what_a_newer_service_tells_in_words_that_this_one_does_not_know_is_left_out(tmp_path: Path) -> None:
    class Newer:
        async def take(self, _: int) -> Taken:
            known = outgoing("session.ended", "ada", NOW, {"checkpoints": 1})
            odd = OutgoingEvent("session.ended", "ada", NOW, {"checkpoints": 2, "content": "the otter"})
            new = OutgoingEvent("session.danced", "ada", NOW, {})
            return Taken([(1, known), (2, new), (3, odd)])

        async def settle(self, number: int) -> None:
            assert number == 3

    async with open_log(tmp_path / "events.sqlite", 1000) as log, served(tmp_path, [Newer()]) as stub:
        await log.register_sinks(["sink"])
        await Relay("session", stub, log, 0.01).once()
        found = [event.data for _, event in (await log.next("sink", 10)).events]
    assert found == [{"checkpoints": 1}, {"checkpoints": 2}]
