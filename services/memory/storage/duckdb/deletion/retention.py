"""Statements for retention rules, and for what they no longer keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import numpy as np

from services.memory.domain.retention_policy import Due, Rule, Standing, grace, in_force_after

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
