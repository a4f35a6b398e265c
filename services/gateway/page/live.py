"""`/page/live`: tells an open page that something was stored, or waits, by server-sent events. No content.

A stream ends after a while and the browser opens it again, so that whoever signs out or loses their token sees no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway.page.parts import Parts
from services.gateway.page.policy import HEADERS
from services.gateway.page.tool_calls import Refused
from services.kit.errors import ServiceError
from services.pb import memory_pb2, session_pb2

look_every_s = 3.0
lasts_s = 60.0
tick_s = 0.5


class Live:
    """The endpoint; `is_stopping` says whether the server leaves."""

    def __init__(self, parts: Parts, is_stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._is_stopping = is_stopping

    async def __call__(self, _: Request) -> Response:
        """The stream."""
        return StreamingResponse(self._events(), headers=dict(HEADERS), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        clock = asyncio.get_running_loop().time
        end, known, look_at = clock() + lasts_s, "", 0.0
        yield "retry: 2000\n\n"
        while clock() < end and not self._is_stopping():
            if clock() >= look_at:
                seen = await self._state()
                if known and seen and seen != known:
                    yield "event: change\ndata: 1\n\n"
                known, look_at = seen or known, clock() + look_every_s
            await asyncio.sleep(tick_s)

    async def _state(self) -> str:
        """What a change changes; empty while it cannot be told."""
        memory, session = self._parts.backends.memory, self._parts.backends.session
        try:
            stats, pending, proposals = await asyncio.gather(
                memory.call(memory.stub.Stats, memory_pb2.StatsRequest()),
                session.call(session.stub.ListPending, session_pb2.ListPendingRequest(limit=100)),
                session.call(session.stub.PermissionStatus, session_pb2.PermissionStatusRequest()),
            )
        except (ServiceError, Refused):
            return ""
        last = stats.last_stored.ToNanoseconds() if stats.HasField("last_stored") else 0
        counts = (stats.conversations, stats.reflections, last, len(pending.pending), len(proposals.proposals))
        return " ".join(map(str, counts))
