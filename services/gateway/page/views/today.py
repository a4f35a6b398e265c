"""Today: whether capture works, what was stored, what models were shown, what waits, and what is degraded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.access.identity import current_user
from services.gateway.answers.memory_results import iso
from services.gateway.page.display.memories import all_whole
from services.gateway.page.display.time_display import midnight
from services.gateway.page.parts import Parts
from services.gateway.page.tool_calls import Refused
from services.gateway.telemetry.readiness import Readiness
from services.kit.errors import ServiceError
from services.pb import memory_pb2, session_pb2

listed_max = 15
counted_max = 100


class Today:
    """The page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """Of the viewer's day. A part whose service is away says so, and the others are shown."""
        begin = midnight(self._parts.viewer(request).zone)
        tools, workflows = self._parts.tools, self._parts.workflows
        stats, stored, at_work, pending, permissions, shown, services = await asyncio.gather(
            _or_none(self._stats(begin.isoformat())),
            _or_none(tools.call("list_memories", since=begin.isoformat(), author="mine", limit=listed_max)),
            _or_none(self._conversations()),
            _or_none(self._pending()),
            _or_none(tools.call("permission_status")),
            _or_none(workflows.shown.latest(current_user(), workflows.sessions.derived_texts)),
            Readiness(self._parts.backends).look(),
        )
        return self._parts.show(
            request,
            "today.html",
            begin=begin.isoformat(),
            stats=stats,
            stored=all_whole(stored["memories"]) if stored else [],
            stored_total=stored["total"] if stored else 0,
            at_work=at_work,
            pending=pending,
            proposals=permissions["proposals"] if permissions else [],
            shown=shown,
            shown_since=workflows.shown.began_at.isoformat(),
            is_one_of_several=self._parts.is_one_of_several,
            troubles=[(name, each) for name, each in services.items() if each.status != "healthy"],
        )

    async def _stats(self, since: str) -> dict[str, Any]:
        begin = Timestamp()
        begin.FromJsonString(since)
        memory = self._parts.backends.memory
        answer: memory_pb2.StatsResponse = await memory.call(memory.stub.Stats, memory_pb2.StatsRequest(since=begin))
        return {
            "today": answer.stored_since,
            "total": answer.conversations + answer.reflections,
            "reflections": answer.reflections,
            "projects": answer.projects,
            "last": iso(answer.last_stored) if answer.HasField("last_stored") else None,
            "degraded": list(answer.degraded),
        }

    async def _conversations(self) -> list[dict[str, Any]]:
        session = self._parts.backends.session
        asked = session_pb2.ListConversationsRequest(limit=listed_max)
        answer: session_pb2.ListConversationsResponse = await session.call(session.stub.ListConversations, asked)
        return conversations_of(answer)

    async def _pending(self) -> int:
        session = self._parts.backends.session
        asked = session_pb2.ListPendingRequest(limit=counted_max)
        answer: session_pb2.ListPendingResponse = await session.call(session.stub.ListPending, asked)
        return len(answer.pending)


def conversations_of(answer: session_pb2.ListConversationsResponse) -> list[dict[str, Any]]:
    """Those that are open, as the page shows them."""
    return [
        {
            "id": each.id,
            "project": each.project,
            "directory": each.working_directory,
            "began_at": iso(each.began_at),
            "heard_at": iso(each.heard_at),
            "is_quiet": each.is_quiet,
        }
        for each in answer.conversations
        if each.is_open
    ]


async def _or_none(answer: Awaitable[Any]) -> Any:
    try:
        return await answer
    except (ServiceError, Refused):
        return None
