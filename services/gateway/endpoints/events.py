"""`GET /v1/events`: a stream of the caller's own events, as CloudEvents by server-sent events.

Each has the number after which a stream continues: in `Last-Event-ID`, or `?after=`; without one it begins now. A
stream ends after a while, and the client opens it again, so that whoever loses their token sees no more.

`/v1/events/dead` has the events that sinks refused for good, of all users: for whoever runs the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from services.gateway.access.identity import current_user
from services.gateway.answers.memory_results import iso
from services.gateway.backends import Backends, IntegrationBackend
from services.gateway.endpoints.json_requests import caller_mistakes, fields
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


class DeadLetterEndpoints:
    """The endpoints of dead letters."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def list(self, request: Request) -> Response:
        """The oldest after `?after=`, with ids alone; `next` where there are more."""
        integration = integration_of(self._backends)
        asked = events_pb2.ListDeadLettersRequest(after=max(_place(request.query_params.get("after") or ""), 0))
        found: events_pb2.ListDeadLettersResponse = await integration.call(integration.stub.ListDeadLetters, asked)
        following = found.letters[-1].number if found.letters else None
        return JSONResponse({"dead": [_shown(each) for each in found.letters], "next": following}, headers=_uncached)

    async def change(self, request: Request) -> Response:
        """`{"action": "retry" or "drop", "ids": […] or "all": true, "sink"?}` → how many were changed."""
        integration, given = integration_of(self._backends), await fields(request)
        action = _actions.get(str(given.get("action")))
        if action is None:
            raise InvalidInput(f"action takes {', '.join(_actions)}.")
        with caller_mistakes("The body"):
            asked = events_pb2.ChangeDeadLettersRequest(
                action=action, ids=given.get("ids") or (), every=given.get("all") is True, sink=given.get("sink") or ""
            )
        done: events_pb2.ChangeDeadLettersResponse = await integration.call(integration.stub.ChangeDeadLetters, asked)
        return JSONResponse({"changed": done.changed})


_actions = {
    "retry": events_pb2.ChangeDeadLettersRequest.ACTION_RETRY,
    "drop": events_pb2.ChangeDeadLettersRequest.ACTION_DROP,
}
_uncached = {"cache-control": "no-store"}


def _shown(letter: events_pb2.DeadLetter) -> dict[str, object]:
    named = {"id": letter.id, "sink": letter.sink, "type": letter.type, "user": letter.user}
    return {**named, "buried_at": iso(letter.buried_at), "reason": letter.reason, "waits": letter.waits}
