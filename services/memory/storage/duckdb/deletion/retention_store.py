"""Retention rules in DuckDB, and what they no longer keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.memory.domain.retention_policy import Due, Rule, Standing
from services.memory.storage.duckdb.access import DatabaseAccess
from services.memory.storage.duckdb.deletion import retention


class RetentionStore(DatabaseAccess):
    """The retention of a `MemoryStore`."""

    async def has_rules(self) -> bool:
        sql = "SELECT 1 FROM retention WHERE days IS NOT NULL OR size_mb IS NOT NULL LIMIT 1"
        return bool(await self._select("rules", sql))

    async def rules(self, user: str) -> list[Rule]:
        sql = "SELECT project, days, size_mb, reflections FROM retention WHERE user_id = ? AND NOT is_reset"
        found = [Rule(self._rows.read_name(of), *rest) for of, *rest in await self._select("rules", sql, user)]
        return sorted(found, key=lambda rule: rule.project)

    async def set_rule(self, user: str, rule: Rule, now: datetime) -> None:
        sealed = replace(rule, project=self._rows.name(rule.project))
        await self._write("set_rule", lambda connection: retention.set_rule(connection, user, sealed, now))

    async def reset_rule(self, user: str, project: str, now: datetime) -> None:
        name = self._rows.name(project)
        await self._write("reset_rule", lambda connection: retention.reset_rule(connection, user, name, now))

    async def due(self, default: Standing, now: datetime) -> Due:
        return await self._reading("due", lambda cursor: retention.due(cursor, default, now))

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        rows = await self._reading("due", lambda cursor: retention.due_counts(cursor, user, default, now))
        return {self._rows.read_name(of): count for of, count in rows}
