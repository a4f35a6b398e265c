"""The operations tools: is it well?"""

from __future__ import annotations

from datetime import UTC, datetime

from fastmcp import FastMCP
from mcp_types import ToolAnnotations

from services.gateway.backends import MemoryBackend
from services.gateway.tools.shapes import Check, HealthAnswer
from services.kit.errors import ServiceError
from services.pb import memory_pb2

_order = ("healthy", "degraded", "unhealthy")


def register(mcp: FastMCP, memory: MemoryBackend) -> None:
    """Adds the operations tools to `mcp`."""

    @mcp.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    async def health_check() -> HealthAnswer:
        """Whether every part works, measured now, and what is degraded."""
        return await health(memory)


async def health(memory: MemoryBackend) -> HealthAnswer:
    """Every part's health; the whole is as well as its worst part."""
    checks = await _memory_checks(memory)
    worst = max((check.status for check in checks.values()), key=_order.index)
    return HealthAnswer(status=worst, checks=checks, timestamp=datetime.now(UTC).isoformat())


async def _memory_checks(memory: MemoryBackend) -> dict[str, Check]:
    try:
        answer = await memory.call(memory.stub.Check, memory_pb2.CheckRequest())
    except ServiceError as error:
        return {"memory": Check(status="unhealthy", reason=error.message)}
    parts = {name: Check(status=part.status, reason=part.reason or None) for name, part in answer.parts.items()}
    return {"memory": Check(status="healthy"), **parts}
