"""Statements that delete memories: into a table where they stay until they are erased, and into the deletion log.

Embeddings stay until then, too; without their memory nothing reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from services.memory.domain.deletion_log import Removing, entries_max, ids_max
from services.memory.domain.retention_policy import Due
from services.memory.storage.duckdb.deletion.digests import keep_out
from services.memory.storage.row_codec import Rows

_log = f"""
    INSERT INTO removals
    SELECT nextval('removal_sequence'), ?::TIMESTAMPTZ, user_id, ?, ?, project,
           list(id ORDER BY sequence)[:{ids_max}], count(*), false, 0
    FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[])) GROUP BY user_id, project
"""  # noqa: S608  # our own number
_trim = f"""
    DELETE FROM removals WHERE erased AND number <= (SELECT max(number) FROM removals) - {entries_max}
"""  # noqa: S608  # our own number
_asked = "m.sequence IN (SELECT unnest(?::BIGINT[]))"
_by_removal = "memories m JOIN removals r ON r.number > ? AND r.user_id = m.user_id AND r.project = m.project"


def delete_due(connection: duckdb.DuckDBPyConnection, written: Rows, due: Due, by: Removing) -> list[int]:
    """Deletes the memories unless they were said again since they became due."""
    sql = "SELECT sequence, epoch_us(timestamp) FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    said_us = dict(connection.execute(sql, [due.sequences.tolist()]).fetchall())
    pairs = zip(due.sequences.tolist(), due.said_us.tolist(), strict=True)
    left = [sequence for sequence, said in pairs if said_us.get(sequence) == said]
    if left:
        delete(connection, written, left, by)
    return left


def delete(connection: duckdb.DuckDBPyConnection, written: Rows, sequences: Sequence[int], by: Removing) -> None:
    """Deletes the memories; adds a log entry for each user and project, and digests that keep them out."""
    gone = list(sequences)
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM removals").fetchall()[0]
    connection.execute(_log, [by.at, by.actor, str(by.reason), gone])
    connection.execute(_trim)
    if by.is_final:
        _drop(connection, gone)
        return
    keep_out(connection, written, gone, _numbers(connection, last), by.at)
    taken = f"INSERT INTO deleted_memories SELECT m.*, r.number FROM {_by_removal} WHERE {_asked}"  # noqa: S608
    connection.execute(taken, [last, gone])
    versions = f"UPDATE versions SET removal = r.number FROM {_by_removal} WHERE versions.key = m.key AND {_asked}"  # noqa: S608
    connection.execute(versions, [last, gone])
    connection.execute("DELETE FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [gone])


def _numbers(connection: duckdb.DuckDBPyConnection, last: int) -> Mapping[tuple[str, str], int]:
    """The numbers of the log's entries after `last`, by user and project."""
    sql = "SELECT user_id, project, number FROM removals WHERE number > ?"
    return {(user, project): number for user, project, number in connection.execute(sql, [last]).fetchall()}


def _drop(connection: duckdb.DuckDBPyConnection, gone: list[int]) -> None:
    """Deletes what cannot be brought back."""
    keys = "SELECT key FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    connection.execute(f"DELETE FROM versions WHERE key IN ({keys})", [gone])  # noqa: S608
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [gone])  # noqa: S608


def purge(connection: duckdb.DuckDBPyConnection, removal: int) -> None:
    """Drops all that deletions up to this number took: from now on it cannot be brought back."""
    for table in ("deleted_memories", "versions"):
        connection.execute(f"DELETE FROM {table} WHERE removal <= ?", [removal])  # noqa: S608
    connection.execute(orphans_dropped)


WITH_EMBEDDINGS = "SELECT sequence FROM memories UNION ALL SELECT sequence FROM deleted_memories"
orphans_dropped = f"DELETE FROM embeddings WHERE sequence NOT IN ({WITH_EMBEDDINGS})"  # noqa: S608


def living_rows(table: str, database: str) -> str:
    """The condition on a table's rows of not being deleted, for copies that shall not hold what is."""
    return _living.get(table, "true").format(database=database)


_living: Mapping[str, str] = {
    "deleted_memories": "false",
    "versions": "removal IS NULL",
    "embeddings": 'sequence IN (SELECT sequence FROM "{database}".memories)',
}
