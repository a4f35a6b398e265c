"""The statements that take memories away and log it, in one transaction: what a write job runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

from services.memory.removals import Removing, entries_max, ids_max

_log = f"""
    INSERT INTO removals
    SELECT nextval('removal_sequence'), ?::TIMESTAMPTZ, user_id, ?, ?, project,
           list(id ORDER BY sequence)[:{ids_max}], count(*), false
    FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[])) GROUP BY user_id, project
"""  # noqa: S608  # our own number
_trim = f"""
    DELETE FROM removals WHERE erased AND number <= (SELECT max(number) FROM removals) - {entries_max}
"""  # noqa: S608  # our own number


def delete(connection: duckdb.DuckDBPyConnection, sequences: Sequence[int], by: Removing) -> None:
    """Removes the memories under `sequences` with their embeddings; an entry of the log for each user and project."""
    gone = list(sequences)
    connection.execute(_log, [datetime.now(UTC), by.actor, str(by.reason), gone])
    connection.execute(_trim)
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [gone])  # noqa: S608
