"""What changes of memories tell others, in one database, in several, and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind

from services.kit.events.outbox import OutgoingEvent
from services.kit.observability import telemetry
from services.memory.domain.deletion_log import Reason, Removing, Undoing
from services.memory.domain.memories import Chosen
from services.memory.domain.store import MemoryStore
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.postgres.store import open_postgres
from services.memory.storage.sharded_store import open_shards
from tests.servers.postgres import database_of
from tests.unit.memory.rows import NOW, row


@pytest.fixture(params=[1, 3, pytest.param(0, id="postgres", marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    if not request.param:
        async with open_postgres(Address(database_of(tmp_path)), None, tmp_path, events_max=1000) as postgres:
            yield postgres
        return
    async with open_shards(tmp_path, request.param, StoreSettings(events_max=1000)) as store:
        yield store


async def told(store: MemoryStore) -> list[OutgoingEvent]:
    return [event for outbox in store.outboxes for _, event in (await outbox.take(100)).events]


async def settle(store: MemoryStore) -> None:
    for outbox in store.outboxes:
        await outbox.settle(1000)


async def test_what_is_stored_is_told_once_to_each_user_without_a_word_of_it(store: MemoryStore) -> None:
    rows = [row("the otter swims", id="m1"), row("the badger digs", id="m2"), row("a fox", user="bob", id="m3")]
    await store.insert(rows, "m")
    await store.insert(rows, "m")  # known: nothing happened
    events = await told(store)
    assert sorted((event.user, tuple(event.data["ids"])) for event in events) == [  # type: ignore[arg-type]
        ("ann", ("m1", "m2")),
        ("bob", ("m3",)),
    ]
    assert {event.data["reflections"] for event in events} == {1, 2}
    assert not [word for event in events for word in ("otter", "badger", "fox", '"t"') if word in event.text()]


async def test_deleting_and_bringing_back_are_told(store: MemoryStore) -> None:
    await store.insert([row("the otter swims", id="m1"), row("the badger digs", id="m2")], "m")
    await settle(store)
    await store.delete(await store.choose("ann", Chosen(ids=("m1",))), Removing("ann", Reason.USER, NOW))
    await store.undelete(Undoing("ann", ("m1",)))
    events = await told(store)
    assert [(event.subject, event.data) for event in events] == [
        ("memory.deleted", {"ids": ["m1"], "count": 1, "reason": "user"}),
        ("memory.undeleted", {"ids": ["m1"], "count": 1}),
    ]


async def test_what_is_only_stored_elsewhere_is_no_deletion(store: MemoryStore) -> None:
    await store.insert([row("the otter swims", id="m1")], "m")
    await settle(store)
    await store.delete(await store.choose("ann", Chosen()), Removing("segue", Reason.MOVED, NOW))
    assert not await told(store)


async def test_compaction_keeps_what_waits(store: MemoryStore) -> None:
    await store.insert([row("the otter swims", id="m1")], "m")
    before = await told(store)
    await store.compact()
    assert await told(store) == before
    await store.insert([row("the badger digs", id="m2")], "m")
    assert len(await told(store)) == 2


async def test_a_change_is_told_with_the_trace_of_its_call(store: MemoryStore) -> None:
    with telemetry.span("a call", kind=SpanKind.SERVER):
        await store.insert([row("the otter swims", id="m1")], "m")
        called = telemetry.traceparent()
    await store.insert([row("the badger digs", id="m2")], "m")
    events = await told(store)
    assert len(events) == 2
    assert [event.trace.split("-")[1] for event in events if event.trace] == [called.split("-")[1]]


async def test_nothing_is_written_where_nobody_listens(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        await store.insert([row("the otter swims", id="m1")], "m")
        assert not await told(store)
