"""Statements that delete memories and log it, and those that find memories to remove by retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np

from services.memory.domain.deletion_log import Removing, entries_max, ids_max
from services.memory.domain.retention_policy import Due, Rule, Standing, grace, in_force_after

_log = f"""
    INSERT INTO removals
    SELECT nextval('removal_sequence'), ?::TIMESTAMPTZ, user_id, ?, ?, project,
           list(id ORDER BY sequence)[:{ids_max}], count(*), false
    FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[])) GROUP BY user_id, project
"""  # noqa: S608  # our own number
_trim = f"""
    DELETE FROM removals WHERE erased AND number <= (SELECT max(number) FROM removals) - {entries_max}
"""  # noqa: S608  # our own number


_ruled = """
    SELECT m.sequence, m.user_id, m.project, m.timestamp, m.stored_at, m.size,
           CASE WHEN coalesce(r.is_reset, true) THEN ?::INTEGER ELSE r.days END AS days,
           CASE WHEN coalesce(r.is_reset, true) THEN ?::DOUBLE ELSE r.size_mb END AS size_mb,
           CASE WHEN coalesce(r.is_reset, true) THEN greatest(r.set_at, ?::TIMESTAMPTZ) ELSE r.set_at END AS since
    FROM memories m LEFT JOIN retention r ON r.user_id = m.user_id AND r.project = m.project
    WHERE (m.kind = 'conversation' OR CASE WHEN coalesce(r.is_reset, true) THEN ?::BOOLEAN ELSE r.reflections END)
      AND (? = '' OR m.user_id = ?)
"""
_due = f"""
    WITH ruled AS ({_ruled}), over AS (
        SELECT * FROM ruled WHERE timestamp < ?::TIMESTAMPTZ - to_days(days)
        UNION
        SELECT * EXCLUDE newer FROM (
            SELECT *, sum(size) OVER (PARTITION BY user_id, project ORDER BY timestamp DESC, sequence DESC) AS newer
            FROM ruled WHERE size_mb IS NOT NULL
        ) WHERE newer > size_mb * 1e6
    )
"""  # noqa: S608  # our own words
"""Memories that the rules no longer keep, without repetitions: `over`."""


def due(connection: duckdb.DuckDBPyConnection, default: Standing, now: datetime) -> Due:
    """Memories of all users that the rules in force no longer keep, as of one moment."""
    sql = f"""
        {_due} SELECT sequence, epoch_us(timestamp) AS said_us FROM over
        WHERE stored_at < ?::TIMESTAMPTZ AND since <= ?::TIMESTAMPTZ ORDER BY timestamp, sequence
    """  # noqa: S608  # our own words
    found = connection.execute(
        sql, (*_due_parameters(default, "", now), now - grace, now - in_force_after)
    ).fetchnumpy()
    return Due(np.asarray(found["sequence"], np.int64), np.asarray(found["said_us"], np.int64))


def due_counts(connection: duckdb.DuckDBPyConnection, user: str, default: Rule, now: datetime) -> list[tuple[str, int]]:
    """How many of the user's memories the rules no longer keep, in force or not yet, by project."""
    sql = f"{_due} SELECT project, count(*) FROM over WHERE stored_at < ?::TIMESTAMPTZ GROUP BY project"  # noqa: S608
    return connection.execute(sql, (*_due_parameters(Standing(default, now), user, now), now)).fetchall()


def _due_parameters(default: Standing, user: str, now: datetime) -> tuple[Any, ...]:
    """The parameters of `_due`; no user means all users."""
    rule = default.rule
    return rule.days, rule.size_mb, default.since, rule.reflections, user, user, now


def set_rule(connection: duckdb.DuckDBPyConnection, user: str, rule: Rule, now: datetime) -> None:
    """Sets a project's rule, replacing an earlier one."""
    values = (user, rule.project, rule.days, rule.size_mb, rule.reflections, now)
    connection.execute("INSERT OR REPLACE INTO retention VALUES (?, ?, ?, ?, ?, ?, false)", values)


def reset_rule(connection: duckdb.DuckDBPyConnection, user: str, project: str, now: datetime) -> None:
    """Removes a project's rule; the time is recorded, as the default takes effect only after a delay."""
    sql = """
        UPDATE retention SET days = NULL, size_mb = NULL, reflections = false, set_at = ?, is_reset = true
        WHERE user_id = ? AND project = ? AND NOT is_reset
    """
    connection.execute(sql, (now, user, project))


def delete_due(connection: duckdb.DuckDBPyConnection, due: Due, by: Removing) -> list[int]:
    """Deletes the memories unless they were said again since they became due."""
    sql = "SELECT sequence, epoch_us(timestamp) FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    said_us = dict(connection.execute(sql, [due.sequences.tolist()]).fetchall())
    pairs = zip(due.sequences.tolist(), due.said_us.tolist(), strict=True)
    left = [sequence for sequence, said in pairs if said_us.get(sequence) == said]
    if left:
        delete(connection, left, by)
    return left


def delete(connection: duckdb.DuckDBPyConnection, sequences: Sequence[int], by: Removing) -> None:
    """Deletes the memories and their embeddings; adds a log entry for each user and project."""
    gone = list(sequences)
    connection.execute(_log, [datetime.now(UTC), by.actor, str(by.reason), gone])
    connection.execute(_trim)
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [gone])  # noqa: S608
