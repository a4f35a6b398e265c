"""PostgreSQL's outboxes: they do what every outbox does, in the transaction of the change, in the order of commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kit.events.outbox import outgoing
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.postgres.server.outgoing import PARTS, part_of
from services.memory.storage.postgres.server.transaction import Transaction
from services.memory.storage.postgres.store import PostgresStore, open_postgres
from tests.servers.postgres import database_of
from tests.unit.kit.events.outbox_contract import check_outbox, events_max
from tests.unit.memory.rows import row

pytestmark = pytest.mark.slow
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    async with open_postgres(Address(database_of(tmp_path), 8), None, tmp_path, events_max=events_max) as opened:
        yield opened


async def tell(store: PostgresStore, number: int, *users: str, fails: bool = False) -> None:
    async def change(transaction: Transaction) -> None:
        for user in users:
            transaction.events.append(outgoing("memory.stored", user, NOW, {"count": number}))
        if fails:
            raise LookupError

    await store._database.write("tell", change)


async def test_it_does_what_every_outbox_does(store: PostgresStore) -> None:
    await check_outbox(store.outboxes[part_of("ann")], lambda number: tell(store, number, "ann"))


async def test_a_change_that_fails_tells_nothing_and_leaves_no_gap(store: PostgresStore) -> None:
    with pytest.raises(LookupError):
        await tell(store, 1, "ann", fails=True)
    await tell(store, 2, "ann")
    taken = await store.outboxes[part_of("ann")].take(10)
    assert [(number, event.data["count"]) for number, event in taken.events] == [(1, 2)]
    assert taken.dropped == 0


async def test_writers_of_all_parts_at_once_leave_dense_numbers_and_each_users_order(store: PostgresStore) -> None:
    users = [f"user-{number}" for number in range(12)]
    assert {part_of(each) for each in users} == set(range(PARTS))

    async def write(user: str) -> None:
        for number in range(10):
            await tell(store, number, user, *(users if number % 5 == 0 else ()))

    await asyncio.gather(*map(write, users))
    for part, outbox in enumerate(store.outboxes):
        events = (await outbox.take(500)).events
        assert [number for number, _ in events] == [*range(1, len(events) + 1)]
        assert {part_of(event.user) for _, event in events} == {part}
        for user in users:
            counts = [event.data["count"] for _, event in events if event.user == user]
            alone = [count for count in counts if count not in {0, 5}]
            assert alone in ([], [1, 2, 3, 4, 6, 7, 8, 9])


async def test_what_waits_is_there_after_a_restart(tmp_path: Path) -> None:
    address = Address(database_of(tmp_path))
    async with open_postgres(address, None, tmp_path, events_max=events_max) as store:
        await store.insert([row("the otter swims", id="m1")], "m")
    async with open_postgres(address, None, tmp_path) as store:
        ((_, event),) = (await store.outboxes[part_of("ann")].take(10)).events
        assert event.data["ids"] == ["m1"]
        await store.insert([row("the badger digs", id="m2")], "m")  # nobody listens any more
        assert len((await store.outboxes[part_of("ann")].take(10)).events) == 1
