"""`GET /v1/events`: a stream of the caller's own events, as CloudEvents by server-sent events.

Each has the number after which a stream continues: in `Last-Event-ID`, or `?after=`; without one it begins now. A
stream ends after a while, and the client opens it again, so that whoever loses their token sees no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.gateway.access.identity import current_user
from services.gateway.backends import Backends, IntegrationBackend
from services.kit.errors import InvalidInput, NotFound, RateLimited, ServiceError
from services.pb import events_pb2

lasts_s = 300.0
wait_s = 2.0
away_s = 2.0
number_max = 2**62
streams_max = 8
"""Of each user, at one gateway."""


def integration_of(backends: Backends) -> IntegrationBackend:
    """The integration service; NotFound where there is none."""
    if backends.integration is None:
        raise NotFound(
            "This Segue has no events for others.",
            "Set SEGUE_INTEGRATION_STREAM; docs/guides/events.md says more.",
        )
    return backends.integration


class EventStreams:
    """The endpoint; `is_stopping` says whether the server leaves."""

    def __init__(self, backends: Backends, is_stopping: Callable[[], bool]) -> None:
        self._backends = backends
        self._is_stopping = is_stopping
        self._open: dict[str, int] = {}

    async def __call__(self, request: Request) -> Response:
        """The stream."""
        integration, user = integration_of(self._backends), current_user()
        after = _place(request.headers.get("last-event-id") or request.query_params.get("after") or "")
        first = await _events_after(integration, user, after, 0.0)  # a service that is away is a failure, not a stream
        if self._open.get(user, 0) >= streams_max:
            raise RateLimited(f"You have {streams_max} streams of events open already.", "Close one first.")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(
            self._stream(integration, user, first), headers=headers, media_type="text/event-stream"
        )

    async def _stream(
        self, integration: IntegrationBackend, user: str, answer: events_pb2.ListEventsResponse
    ) -> AsyncIterator[str]:
        clock = asyncio.get_running_loop().time
        end = clock() + lasts_s
        self._open[user] = self._open.get(user, 0) + 1
        try:
            yield f"retry: 2000\nid: {answer.reached}\n\n"
            while True:
                for each in answer.events:
                    yield f"id: {each.number}\nevent: {each.type}\ndata: {each.json}\n\n"
                if clock() >= end or self._is_stopping():
                    return
                reached = answer.reached
                try:
                    answer = await _events_after(integration, user, reached, wait_s)
                except ServiceError:
                    await asyncio.sleep(away_s)
                    answer = events_pb2.ListEventsResponse(reached=reached)
                if not answer.events:
                    yield ": \n\n"  # so that a client that is gone is noticed
        finally:
            self._open[user] -= 1
            if not self._open[user]:
                del self._open[user]


async def _events_after(
    integration: IntegrationBackend, user: str, after: int, wait: float
) -> events_pb2.ListEventsResponse:
    request = events_pb2.ListEventsRequest(after=after, wait_s=wait)
    answer: events_pb2.ListEventsResponse = await integration.call(integration.stub.ListEvents, request, user=user)
    return answer


def _place(text: str) -> int:
    """The number after which the stream continues; -1: from now on."""
    if not text:
        return -1
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= number_max):
        raise InvalidInput("after, or Last-Event-ID, is the number of an event.")
    return int(text)
