"""Health: every part, what was measured of late, what is stored, and backups."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.memory_results import iso
from services.gateway.endpoints.backup import Backup
from services.gateway.page.display import charts
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.gateway.page.tool_calls import Refused
from services.gateway.telemetry.last_hour import LastHour, Minute
from services.kit.errors import ServiceError

HERE = "/page/health"


class Health:
    """The page."""

    def __init__(self, parts: Parts, backup: Backup, last_hour: LastHour) -> None:
        self._parts = parts
        self._backup = backup
        self._last_hour = last_hour

    async def show(self, request: Request) -> Response:
        """Everything that answers."""
        tools = self._parts.tools
        may_see_backups = self._parts.viewer(request).may_administrate
        health, figures, stats, backups = await asyncio.gather(
            tools.call("health_check"),
            tools.call("system_metrics"),
            self._stats(),
            self._backups() if may_see_backups else _nothing(),
        )
        checks = sorted(health["checks"].items(), key=lambda each: (each[1]["status"] == "healthy", each[0]))
        hour = _charts(self._last_hour.minutes, self._parts.viewer(request).zone)
        shown = {
            "health": health,
            "checks": checks,
            "figures": figures,
            "stats": stats,
            "hour": hour,
            "backups": backups,
            "is_one_of_several": self._parts.is_one_of_several,
        }
        return self._parts.show(request, "health.html", **shown)

    async def back_up(self, request: Request) -> Response:
        """Writes a backup to a directory of the server's machine."""
        fields = await self._parts.form(request)
        await self._backup.write(fields.text("directory").strip())
        return self._parts.go(HERE, Notice("backed_up"))

    async def _backups(self) -> dict[str, object] | None:
        """Those that were written, and the schedule; None while the memory service does not say."""
        try:
            found = await self._backup.written()
        except ServiceError:
            return None
        listed = [
            {
                "path": each.path,
                "written_at": iso(each.written_at),
                "memories": each.memories,
                "bytes": each.bytes,
                "whereabouts": each.whereabouts,
            }
            for each in found.backups
        ]
        there = [each["written_at"] for each in listed if each["whereabouts"] == "there"]
        newest = there[0] if there else None
        return {"listed": listed, "newest": newest, "directory": found.directory, "every_h": found.every_h}

    async def _stats(self) -> dict[str, object] | None:
        try:
            return await self._parts.tools.call("reflection_stats")
        except Refused:
            return None


async def _nothing() -> None:
    """What is not asked for."""


def _charts(minutes: Sequence[Minute], zone: ZoneInfo) -> list[tuple[str, Markup]]:
    """Tool calls in each minute, and how long they took; nothing before the second minute."""
    if len(minutes) < 2:
        return []
    named = (
        ("Tool calls a minute", [each.calls for each in minutes]),
        ("ms for a call", [each.mean_ms for each in minutes]),
    )
    made = []
    for name, values in named:
        points = [
            charts.Point(each.at.timestamp(), value, f"{value:,.0f} at {each.at.astimezone(zone):%H:%M}")
            for each, value in zip(minutes, values, strict=True)
        ]
        most = charts.round_up(max(values))
        made.append((name, charts.line(points, f"{name}, in the last hour", (0, most / 2, most), most)))
    return made
