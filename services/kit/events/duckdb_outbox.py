"""An outbox in a DuckDB database: statements for the one connection that writes."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from services.kit.events.outbox import OutgoingEvent, Taken, stored_event, trimmed_every

TABLES = """
    CREATE TABLE outgoing (
        number BIGINT NOT NULL,
        body   TEXT   NOT NULL                     -- ids, counts and whose: JSON, in clear
    );
    CREATE TABLE outgoing_numbers (last BIGINT NOT NULL, settled BIGINT NOT NULL);  -- one row, once there are events
"""
"""A migration's statements: never changed."""


def write(connection: duckdb.DuckDBPyConnection, events: Sequence[OutgoingEvent], most: int) -> None:
    """Adds the events, in the transaction that the connection is in; keeps about `most`, none if that is 0."""
    if not events or not most:
        return
    last, settled = _numbers(connection)
    rows = [(last + place, event.text()) for place, event in enumerate(events, start=1)]
    connection.executemany("INSERT INTO outgoing VALUES (?, ?)", rows)
    now = last + len(events)
    _set_numbers(connection, now, settled)
    if now // trimmed_every > last // trimmed_every:
        connection.execute("DELETE FROM outgoing WHERE number <= ?", [now - most])


def take(connection: duckdb.DuckDBPyConnection, most: int) -> Taken:
    """See Outbox."""
    _, settled = _numbers(connection)
    sql = "SELECT number, body FROM outgoing WHERE number > ? ORDER BY number LIMIT ?"
    rows = connection.execute(sql, [settled, most]).fetchall()
    dropped = rows[0][0] - settled - 1 if rows else 0
    return Taken([(number, stored_event(body)) for number, body in rows], dropped)


def settle(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """See Outbox."""
    connection.execute("DELETE FROM outgoing WHERE number <= ?", [number])
    last, settled = _numbers(connection)
    _set_numbers(connection, last, max(settled, min(number, last)))


def _set_numbers(connection: duckdb.DuckDBPyConnection, last: int, settled: int) -> None:
    connection.execute("DELETE FROM outgoing_numbers")
    connection.execute("INSERT INTO outgoing_numbers VALUES (?, ?)", [last, settled])


def _numbers(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    sql = "SELECT coalesce(max(last), 0), coalesce(max(settled), 0) FROM outgoing_numbers"
    (row,) = connection.execute(sql).fetchall()
    return int(row[0]), int(row[1])
