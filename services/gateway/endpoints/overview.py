"""`GET /v1/overview`: who is calling, and the state of their memories, sessions and project. No content."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services import __version__
from services.gateway.access.identity import current_caller
from services.gateway.answers.memory_results import iso
from services.gateway.arguments.time_expressions import moment
from services.gateway.backends import Backends
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.directory.project_news import project_news
from services.gateway.endpoints.json_requests import caller_mistakes
from services.kit.errors import ServiceError
from services.pb import memory_pb2, quality_pb2, session_pb2
from services.workspace.project_identity import Sighting

counted_max = 100
"""Sessions and deferred stores are counted up to this number."""


class Overview:
    """The endpoint: `since` (ISO 8601) is when memories start to count as new; `project` whose quality is shown, or
    `place`, what a client sees of its directory.

    Fields of a service that is down are null; `unavailable` names it.
    """

    def __init__(self, backends: Backends, labels: ProjectLabels) -> None:
        self._backends = backends
        self._labels = labels

    async def __call__(self, request: Request) -> Response:
        """One JSON object."""
        since, project = request.query_params.get("since"), request.query_params.get("project", "")
        with caller_mistakes("The query"):
            asked = memory_pb2.StatsRequest(since=moment(since, "since")) if since else memory_pb2.StatsRequest()
            last = quality_pb2.HistoryRequest(project=project, limit=1)
            place = Sighting.from_dict(json.loads(told)) if (told := request.query_params.get("place")) else None
        last.project = await _or_none(self._labels.known_label(place)) or "" if place else last.project
        news = await project_news(self._labels, place)
        return JSONResponse({**await self._state(asked, last), "project_news": news or None})

    async def _state(self, asked_memory: memory_pb2.StatsRequest, last: quality_pb2.HistoryRequest) -> dict[str, Any]:
        session, memory, quality = self._backends.session, self._backends.memory, self._backends.quality
        caller = current_caller()
        active = session_pb2.ListRequest(state="active", limit=counted_max)
        stats, sessions, pending, history = await asyncio.gather(
            _or_none(memory.call(memory.stub.Stats, asked_memory)),
            _or_none(session.call(session.stub.List, active)),
            _or_none(session.call(session.stub.ListPending, session_pb2.ListPendingRequest(limit=counted_max))),
            _or_none(quality.call(quality.stub.History, last)) if last.project else _nothing(),
        )
        down = {"memory": stats is None, "session": sessions is None, "quality": bool(last.project) and history is None}
        return {
            "version": __version__,
            "time": datetime.now(UTC).isoformat(),
            "user": caller.user,
            "scope": caller.scope.word,
            "expires_at": caller.expires_at.isoformat() if caller.expires_at else None,
            "sessions_active": None if sessions is None else len(sessions.sessions),
            "memories": None if stats is None else stats.conversations + stats.reflections,
            "memories_since": None if stats is None else stats.stored_since,
            "last_stored": iso(stats.last_stored) if stats and stats.HasField("last_stored") else None,
            "retention": stats.retention if stats else "",
            "pending": None if pending is None else len(pending.pending),
            "quality": _quality(history),
            "project": last.project or None,
            "degraded": [] if stats is None else list(stats.degraded),
            "unavailable": [name for name, is_down in down.items() if is_down],
        }


def _quality(history: quality_pb2.HistoryResponse | None) -> dict[str, Any] | None:
    if not history or not history.points:
        return None
    point = history.points[-1]
    named: dict[str, Any] = {"overall_score": point.overall_score, "evidence_coverage": point.evidence_coverage}
    named |= {"summary": point.summary} if point.summary else {}
    return {**named, "timestamp": iso(point.timestamp)}


async def _or_none(answer: Awaitable[Any]) -> Any:
    try:
        return await answer
    except ServiceError:
        return None


async def _nothing() -> None:
    return None
