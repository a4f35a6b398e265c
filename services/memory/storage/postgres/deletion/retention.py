"""Statements for retention rules, and for what they no longer keep."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from services.memory.domain.retention_policy import Due, Rule, Standing, grace, in_force_after
from services.memory.storage.postgres.server.transaction import Statements

_ruled = """
    SELECT m.sequence, m.user_id, m.project, m.timestamp, m.stored_at, m.size,
           CASE WHEN coalesce(r.is_reset, true) THEN %(days)s::INTEGER ELSE r.days END AS days,
           CASE WHEN coalesce(r.is_reset, true) THEN %(size_mb)s::FLOAT8 ELSE r.size_mb END AS size_mb,
           CASE WHEN coalesce(r.is_reset, true) THEN greatest(r.set_at, %(since)s::TIMESTAMPTZ) ELSE r.set_at END
               AS since
    FROM memories m LEFT JOIN retention r ON r.user_id = m.user_id AND r.project = m.project
    WHERE (m.kind = 'conversation'
           OR CASE WHEN coalesce(r.is_reset, true) THEN %(reflections)s::BOOLEAN ELSE r.reflections END)
      AND (%(user)s::TEXT = '' OR m.user_id = %(user)s::TEXT)
"""
_due = f"""
    WITH ruled AS ({_ruled}), over AS (
        SELECT * FROM ruled WHERE timestamp < %(now)s::TIMESTAMPTZ - make_interval(days => days)
        UNION
        SELECT sequence, user_id, project, timestamp, stored_at, size, days, size_mb, since FROM (
            SELECT *, sum(size) OVER (PARTITION BY user_id, project ORDER BY timestamp DESC, sequence DESC) AS newer
            FROM ruled WHERE size_mb IS NOT NULL
        ) windowed WHERE newer > size_mb * 1e6
    )
"""  # noqa: S608  # our own words
"""Memories that the rules no longer keep, without repetitions: `over`."""


async def due(statements: Statements, default: Standing, now: datetime) -> Due:
    """Memories of all users that the rules in force no longer keep, as of one moment."""
    sql = f"""
        {_due} SELECT sequence, (extract(epoch FROM timestamp) * 1000000)::BIGINT FROM over
        WHERE stored_at < %(stored)s::TIMESTAMPTZ AND since <= %(in_force)s::TIMESTAMPTZ ORDER BY timestamp, sequence
    """  # noqa: S608  # our own words
    asked = {**_due_parameters(default, "", now), "stored": now - grace, "in_force": now - in_force_after}
    found = np.array(await statements.named_rows(sql, asked), np.int64).reshape(-1, 2)
    return Due(found[:, 0], found[:, 1])


async def due_counts(statements: Statements, user: str, default: Rule, now: datetime) -> list[tuple[str, int]]:
    """How many of the user's memories the rules no longer keep, in force or not yet, by project."""
    sql = f"{_due} SELECT project, count(*) FROM over WHERE stored_at < %(now)s::TIMESTAMPTZ GROUP BY project"  # noqa: S608
    rows = await statements.named_rows(sql, _due_parameters(Standing(default, now), user, now))
    return [(project, count) for project, count in rows]


def _due_parameters(default: Standing, user: str, now: datetime) -> dict[str, Any]:
    """The parameters of `_due`; no user means all users."""
    rule = default.rule
    return {
        "days": rule.days,
        "size_mb": rule.size_mb,
        "since": default.since,
        "reflections": rule.reflections,
        "user": user,
        "now": now,
    }


SET_RULE = """
    INSERT INTO retention VALUES (%s, %s, %s, %s, %s, %s, false)
    ON CONFLICT (user_id, project) DO UPDATE SET days = excluded.days, size_mb = excluded.size_mb,
        reflections = excluded.reflections, set_at = excluded.set_at, is_reset = false
"""
RESET_RULE = """
    UPDATE retention SET days = NULL, size_mb = NULL, reflections = false, set_at = %s, is_reset = true
    WHERE user_id = %s AND project = %s AND NOT is_reset
"""
"""The time is recorded, as the default takes effect only after a delay."""
