"""The outbox in DuckDB is one: in order, until settled, bounded, in the transaction of the change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from services.kit.events import duckdb_outbox
from services.kit.events.outbox import Taken, outgoing
from tests.unit.kit.events.outbox_contract import check_outbox, events_max

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Outbox:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    async def take(self, most: int) -> Taken:
        return duckdb_outbox.take(self.connection, most)

    async def settle(self, number: int) -> None:
        duckdb_outbox.settle(self.connection, number)

    async def write(self, number: int) -> None:
        event = outgoing("memory.stored", "ada", NOW, {"count": number})
        duckdb_outbox.write(self.connection, [event], events_max)


async def test_it_does_what_every_outbox_does(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "it.duckdb") as connection:
        connection.execute(duckdb_outbox.TABLES)
        outbox = Outbox(connection)
        await check_outbox(outbox, outbox.write)


async def test_a_change_that_is_taken_back_tells_nothing_and_leaves_no_gap(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "it.duckdb") as connection:
        connection.execute(duckdb_outbox.TABLES)
        outbox = Outbox(connection)
        connection.begin()
        await outbox.write(1)
        connection.rollback()
        await outbox.write(2)
        taken = await outbox.take(10)
    assert [(number, event.data["count"]) for number, event in taken.events] == [(1, 2)]
    assert taken.dropped == 0


async def test_where_none_are_wanted_none_are_written(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "it.duckdb") as connection:
        connection.execute(duckdb_outbox.TABLES)
        duckdb_outbox.write(connection, [outgoing("memory.stored", "ada", NOW, {})], 0)
        assert duckdb_outbox.take(connection, 10) == Taken([], 0)
