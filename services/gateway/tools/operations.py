"""The operations tools: is it well?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastmcp import FastMCP
from mcp_types import ToolAnnotations

from services.gateway.backends import Backends
from services.gateway.tools.shapes import Check, HealthAnswer
from services.kit.errors import ServiceError
from services.pb import memory_pb2, quality_pb2, session_pb2

_order = ("healthy", "degraded", "unhealthy")


def register(mcp: FastMCP, backends: Backends) -> None:
    """Adds the operations tools to `mcp`."""

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def health_check() -> HealthAnswer:
        """Whether every part works, measured now, and what is degraded."""
        return await health(backends)


async def health(backends: Backends) -> HealthAnswer:
    """Every part's health; the whole is as well as its worst part."""
    found = await checks(backends)
    worst = max((check.status for check in found.values()), key=_order.index)
    return HealthAnswer(status=worst, checks=found, timestamp=datetime.now(UTC).isoformat())


async def checks(backends: Backends) -> dict[str, Check]:
    """Each service and its parts; what several services have under one name is as well as its worst."""
    session, memory, quality = backends.session, backends.memory, backends.quality
    parts = await asyncio.gather(
        _parts("session", session.call(session.stub.Check, session_pb2.CheckRequest())),
        _parts("quality", quality.call(quality.stub.Health, quality_pb2.HealthRequest())),
        _parts("memory", memory.call(memory.stub.Check, memory_pb2.CheckRequest())),
    )
    found: dict[str, Check] = {}
    for each in parts:
        for name, check in each.items():
            known = found.get(name)
            if known is None or _order.index(check.status) > _order.index(known.status):
                found[name] = check
    return found


async def _parts(service: str, answer: Awaitable[Any]) -> Mapping[str, Check]:
    try:
        parts = (await answer).parts
    except ServiceError as error:
        return {service: Check(status="unhealthy", reason=error.message)}
    named = {name: Check(status=part.status, reason=part.reason or None) for name, part in parts.items()}
    return {service: Check(status="healthy"), **named}
