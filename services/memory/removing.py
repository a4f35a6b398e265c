"""The statements that take memories away and log it, and those that say which are kept too long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from services.memory.removals import Removing, entries_max, ids_max
from services.memory.retention import Rule

_log = f"""
    INSERT INTO removals
    SELECT nextval('removal_sequence'), ?::TIMESTAMPTZ, user_id, ?, ?, project,
           list(id ORDER BY sequence)[:{ids_max}], count(*), false
    FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[])) GROUP BY user_id, project
"""  # noqa: S608  # our own number
_trim = f"""
    DELETE FROM removals WHERE erased AND number <= (SELECT max(number) FROM removals) - {entries_max}
"""  # noqa: S608  # our own number


DUE = """
    FROM (
        SELECT m.sequence, m.user_id, m.project, m.timestamp, m.stored_at, r.set_at,
               CASE WHEN r.project IS NULL THEN ?::INTEGER ELSE r.days END AS days,
               CASE WHEN r.project IS NULL THEN ?::DOUBLE ELSE r.size_mb END AS size_mb,
               sum(strlen(m.content) + strlen(m.metadata)) OVER (
                   PARTITION BY m.user_id, m.project ORDER BY m.timestamp DESC, m.sequence DESC
               ) AS size
        FROM memories m LEFT JOIN retention r ON r.user_id = m.user_id AND r.project = m.project
        WHERE m.kind = 'conversation' OR CASE WHEN r.project IS NULL THEN ?::BOOLEAN ELSE r.reflections END
    ) WHERE stored_at < ?::TIMESTAMPTZ AND (timestamp < ?::TIMESTAMPTZ - to_days(days) OR size > size_mb * 1e6)
"""
"""Memories that the rules do not keep; takes what `asked` gives."""


IN_FORCE = "(set_at IS NULL OR set_at <= ?::TIMESTAMPTZ)"


def asked(default: Rule, now: datetime, stored_before: datetime) -> tuple[Any, ...]:
    """What `DUE` takes."""
    return default.days, default.size_mb, default.reflections, stored_before, now


def set_rule(connection: duckdb.DuckDBPyConnection, user: str, rule: Rule, now: datetime) -> None:
    """A project's rule, instead of the one that was there."""
    values = (user, rule.project, rule.days, rule.size_mb, rule.reflections, now)
    connection.execute("INSERT OR REPLACE INTO retention VALUES (?, ?, ?, ?, ?, ?)", values)


def reset_rule(connection: duckdb.DuckDBPyConnection, user: str, project: str) -> None:
    """No rule for a project."""
    connection.execute("DELETE FROM retention WHERE user_id = ? AND project = ?", (user, project))


def delete(connection: duckdb.DuckDBPyConnection, sequences: Sequence[int], by: Removing) -> None:
    """Removes the memories under `sequences` with their embeddings; an entry of the log for each user and project."""
    gone = list(sequences)
    connection.execute(_log, [datetime.now(UTC), by.actor, str(by.reason), gone])
    connection.execute(_trim)
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence IN (SELECT unnest(?::BIGINT[]))", [gone])  # noqa: S608
