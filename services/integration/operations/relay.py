"""Takes events from the services' outboxes into the log: kept here first, settled there after that."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from services.integration.storage.event_log import EventLog
from services.kit.background_task import report_success
from services.kit.errors import DeadlineExceeded, NotReady, Unavailable
from services.kit.events.event_types import BY_SUBJECT
from services.kit.events.outbox import OutgoingEvent, outgoing, taken_max
from services.kit.transport import rpc
from services.pb import events_pb2
from services.pb.events_pb2_grpc import OutboxStub

logger = logging.getLogger(__name__)
CALLER = "integration"
call_timeout_s = 10.0
away_s = 1.0


@dataclass(slots=True)
class Relay:
    """Of one service, by its name. `trouble` says why nothing comes from it; empty if all is well."""

    source: str
    stub: OutboxStub
    log: EventLog
    poll_s: float
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    trouble: str = ""

    async def run(self) -> None:
        """Until cancelled. A service that is away is asked again."""
        while True:
            try:
                moved = await self.once()
                self.trouble = ""
                report_success()
            except (Unavailable, DeadlineExceeded, NotReady) as error:
                if not self.trouble:
                    logger.warning("no events come from %s: %s", self.source, error.message)
                self.trouble = error.message
                await self.pause(away_s)
                continue
            if not moved:
                await self.pause(self.poll_s)

    async def once(self) -> int:
        """Takes what waits in each of the service's databases, up to a limit; returns how many events that were."""
        moved, part, parts = 0, 0, 1
        while part < parts:
            request = events_pb2.TakeRequest(most=taken_max, part=part)
            answer = await rpc.call(self.stub.Take, request, user=CALLER, timeout_s=call_timeout_s)
            parts = answer.parts
            if answer.events:
                await self.log.add(self._events(answer))
                settled = events_pb2.SettleRequest(number=answer.events[-1].number, part=part)
                await rpc.call(self.stub.Settle, settled, user=CALLER, timeout_s=call_timeout_s)
            moved += len(answer.events)
            part += 1
        return moved

    def _events(self, answer: events_pb2.TakeResponse) -> list[OutgoingEvent]:
        """What was taken, and before it how many were dropped."""
        found = [event_of(each) for each in answer.events if each.subject in BY_SUBJECT]
        if not answer.dropped:
            return found
        logger.warning("%s dropped %d events before they were taken", self.source, answer.dropped)
        first = answer.events[0]
        return [dropped_event(self.source, answer.dropped, f"{self.source} {first.number} {first.id}"), *found]


def event_of(message: events_pb2.Event) -> OutgoingEvent:
    """The event of a message, again with only what may leave."""
    at, sent = message.at.ToDatetime(UTC), json.loads(message.data)
    return outgoing(message.subject, message.user, at, sent, message.id, message.trace)


def dropped_event(source: str, count: int, place: str) -> OutgoingEvent:
    """That events are missing; `place` makes its id, so that it is told once."""
    event_id = str(uuid5(NAMESPACE_URL, f"segue dropped {place}"))
    return outgoing("events.dropped", "", datetime.now(UTC), {"from": source, "count": count}, event_id, "")
