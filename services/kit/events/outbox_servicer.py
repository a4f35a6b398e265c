"""The gRPC interface of a service's outboxes; only the integration service calls it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services.kit.errors import InvalidInput
from services.kit.events.outbox import Outbox, OutgoingEvent, taken_max
from services.pb import events_pb2, events_pb2_grpc


class OutboxServicer(events_pb2_grpc.OutboxServicer):
    """Each method implements the rpc of its name in events.proto; `outboxes` has one for each of the databases."""

    def __init__(self, outboxes: Sequence[Outbox]) -> None:
        self._outboxes = outboxes

    async def Take(self, request: events_pb2.TakeRequest, _: Any) -> events_pb2.TakeResponse:  # noqa: D102, N802
        taken = await self._outbox(request.part).take(min(request.most or taken_max, taken_max))
        events = [event_message(event, number) for number, event in taken.events]
        return events_pb2.TakeResponse(events=events, dropped=taken.dropped, parts=len(self._outboxes))

    async def Settle(self, request: events_pb2.SettleRequest, _: Any) -> events_pb2.SettleResponse:  # noqa: D102, N802
        await self._outbox(request.part).settle(request.number)
        return events_pb2.SettleResponse()

    def _outbox(self, part: int) -> Outbox:
        if not 0 <= part < len(self._outboxes):
            raise InvalidInput(f"There are {len(self._outboxes)} outboxes, from 0.")
        return self._outboxes[part]


def event_message(event: OutgoingEvent, number: int = 0) -> events_pb2.Event:
    """The event as a message."""
    message = events_pb2.Event(
        number=number,
        id=event.id,
        subject=event.subject,
        user=event.user,
        data=json.dumps(event.data),
        trace=event.trace,
    )
    message.at.FromDatetime(event.at)
    return message
