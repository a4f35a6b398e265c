"""Health: every part, what was measured of late, what is stored, and backups."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.endpoints.backup import Backup
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.gateway.page.tool_calls import Refused

HERE = "/page/health"


class Health:
    """The page."""

    def __init__(self, parts: Parts, backup: Backup) -> None:
        self._parts = parts
        self._backup = backup

    async def show(self, request: Request) -> Response:
        """Everything that answers."""
        tools = self._parts.tools
        health, figures, stats = await asyncio.gather(
            tools.call("health_check"), tools.call("system_metrics"), self._stats()
        )
        checks = sorted(health["checks"].items(), key=lambda each: (each[1]["status"] == "healthy", each[0]))
        return self._parts.show(request, "health.html", health=health, checks=checks, figures=figures, stats=stats)

    async def back_up(self, request: Request) -> Response:
        """Writes a backup to a directory of the server's machine."""
        fields = await self._parts.form(request)
        await self._backup.write(fields.text("directory").strip())
        return self._parts.go(HERE, Notice("backed_up"))

    async def _stats(self) -> dict[str, object] | None:
        try:
            return await self._parts.tools.call("reflection_stats")
        except Refused:
            return None
