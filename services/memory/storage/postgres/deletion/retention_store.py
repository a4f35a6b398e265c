"""Retention rules in PostgreSQL, and what they no longer keep."""

from __future__ import annotations

from datetime import datetime

from services.memory.domain.retention_policy import Due, Rule, Standing
from services.memory.storage.postgres.access import PostgresAccess
from services.memory.storage.postgres.deletion import retention


class RetentionStore(PostgresAccess):
    """The retention of a `MemoryStore`."""

    async def has_rules(self) -> bool:
        sql = "SELECT 1 FROM retention WHERE days IS NOT NULL OR size_mb IS NOT NULL LIMIT 1"
        return bool(await self._select("rules", sql))

    async def rules(self, user: str) -> list[Rule]:
        sql = "SELECT project, days, size_mb, reflections FROM retention WHERE user_id = %s AND NOT is_reset"
        found = [Rule(self._rows.read_name(of), *rest) for of, *rest in await self._select("rules", sql, user)]
        return sorted(found, key=lambda rule: rule.project)

    async def set_rule(self, user: str, rule: Rule, now: datetime) -> None:
        values = (user, self._rows.name(rule.project), rule.days, rule.size_mb, rule.reflections, now)
        await self._write("set_rule", lambda transaction: transaction.run(retention.SET_RULE, *values))

    async def reset_rule(self, user: str, project: str, now: datetime) -> None:
        values = (now, user, self._rows.name(project))
        await self._write("reset_rule", lambda transaction: transaction.run(retention.RESET_RULE, *values))

    async def due(self, default: Standing, now: datetime) -> Due:
        return await self._read("due", lambda statements: retention.due(statements, default, now))

    async def due_counts(self, user: str, default: Rule, now: datetime) -> dict[str, int]:
        rows = await self._read("due", lambda statements: retention.due_counts(statements, user, default, now))
        return {self._rows.read_name(of): count for of, count in rows}
