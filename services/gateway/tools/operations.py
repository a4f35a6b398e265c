"""The operations tools: health and performance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastmcp import FastMCP
from mcp_types import ToolAnnotations

from services.gateway.answers.memory_results import Check, HealthAnswer, MetricsAnswer
from services.gateway.backends import Backends, IntegrationBackend, SearchBackend
from services.gateway.telemetry.system_metrics import measure
from services.kit.errors import ServiceError
from services.pb import events_pb2, memory_pb2, quality_pb2, session_pb2

_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_order = ("healthy", "degraded", "unhealthy")


def register(mcp: FastMCP, backends: Backends) -> None:
    """Adds the operations tools to `mcp`."""

    @mcp.tool(annotations=_reads)
    async def health_check() -> HealthAnswer:
        """Whether every part of Segue works."""
        return await health(backends)

    @mcp.tool(annotations=_reads)
    async def system_metrics() -> MetricsAnswer:
        """Rates, times and caches of the last five minutes."""
        measured = await measure(backends)
        return MetricsAnswer(
            requests_per_minute=round(measured.requests_per_minute, 2),
            average_response_time_ms=round(measured.response_ms, 3),
            database_query_time_ms=round(measured.query_ms, 3),
            embedding_generation_time_ms=round(measured.embedding_ms, 3),
            memory_usage_mb=round(measured.memory_mb, 1),
            active_sessions=measured.active_sessions,
            error_rate=round(measured.error_rate, 4),
            cache_hit_rates={name: round(rate, 4) for name, rate in measured.cache_hit_rates.items()},
            window_s=round(measured.window_s, 1),
            missing=list(measured.missing),
        )


async def health(backends: Backends) -> HealthAnswer:
    """Every part's health; the overall status is that of the worst part."""
    found = await checks(backends)
    worst = max((check.status for check in found.values()), key=_order.index)
    return HealthAnswer(status=worst, checks=found, timestamp=datetime.now(UTC).isoformat())


async def checks(backends: Backends) -> dict[str, Check]:
    """Each service and its parts; parts of one name in several services get the status of the worst."""
    session, memory, quality = backends.session, backends.memory, backends.quality
    parts = await asyncio.gather(
        _parts("session", session.call(session.stub.Check, session_pb2.CheckRequest())),
        _parts("quality", quality.call(quality.stub.Health, quality_pb2.HealthRequest())),
        _parts("memory", memory.call(memory.stub.Check, memory_pb2.CheckRequest())),
        *((_search_parts(backends.search),) if backends.search else ()),
        *((_integration_parts(backends.integration),) if backends.integration else ()),
    )
    found: dict[str, Check] = {}
    for each in parts:
        for name, check in each.items():
            known = found.get(name)
            if known is None or _order.index(check.status) > _order.index(known.status):
                found[name] = check
    return found


async def _search_parts(search: SearchBackend) -> Mapping[str, Check]:
    """Of one replica."""
    return await _parts("search", search.call(search.stub.Check, memory_pb2.CheckRequest()))


async def _integration_parts(integration: IntegrationBackend) -> Mapping[str, Check]:
    """Without it nothing is lost for a while, so it is degraded at worst."""
    found = await _parts("integration", integration.call(integration.stub.Health, events_pb2.HealthRequest()))
    worst = {"unhealthy": "degraded"}
    return {
        name: check.model_copy(update={"status": worst.get(check.status, check.status)})
        for name, check in found.items()
    }


async def _parts(service: str, answer: Awaitable[Any]) -> Mapping[str, Check]:
    try:
        parts = (await answer).parts
    except ServiceError as error:
        return {service: Check(status="unhealthy", reason=error.message)}
    named = {name: Check(status=part.status, reason=part.reason or None) for name, part in parts.items()}
    return {service: Check(status="healthy"), **named}
