"""An outbox: events written in the transaction of the change that they tell, until the integration service has them.

Numbers are dense, so that a gap behind what was settled is what was dropped, when there were more than the bound.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from services.kit.events.event_types import BY_SUBJECT, Data
from services.kit.observability import telemetry

_traceparent = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
taken_max = 500
trimmed_every = 100
"""After how many events an outbox looks whether it has more than its bound."""


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """One event: its subject, whose it is, and when. `id` recognises repetitions; `data` is made by `outgoing`."""

    subject: str
    user: str
    at: datetime
    data: Data
    id: str = field(default_factory=lambda: str(uuid4()))
    trace: str = ""
    """The `traceparent` (W3C) of the call that it happened in; empty outside a trace."""

    def text(self) -> str:
        """As it is stored."""
        kept = {"subject": self.subject, "user": self.user, "at": self.at.astimezone(UTC).isoformat(), "id": self.id}
        kept |= {"trace": self.trace} if self.trace else {}
        return json.dumps({**kept, "data": self.data}, ensure_ascii=False, separators=(",", ":"))


def outgoing(
    subject: str, user: str, at: datetime, data: Mapping[str, object], id: str = "", trace: str | None = None
) -> OutgoingEvent:
    """An event with what may leave of `data`. Without a `trace` it has that of the call which this runs in."""
    leaving = BY_SUBJECT[subject].leaving_data(data)
    trace = telemetry.traceparent() if trace is None else trace
    trace = trace if _traceparent.fullmatch(trace) else ""
    return OutgoingEvent(subject, user, at, leaving, id or str(uuid4()), trace)


def stored_event(text: str) -> OutgoingEvent:
    """The event that `text()` made."""
    kept = json.loads(text)
    at, trace = datetime.fromisoformat(kept["at"]), kept.get("trace", "")
    return OutgoingEvent(kept["subject"], kept["user"], at, kept["data"], kept["id"], trace)


@dataclass(frozen=True, slots=True)
class Taken:
    """The oldest unsettled events with their numbers, and how many before them were dropped."""

    events: Sequence[tuple[int, OutgoingEvent]] = ()
    dropped: int = 0


class Outbox(Protocol):
    """The events of one store. Both methods raise Unavailable while it is down."""

    async def take(self, most: int) -> Taken:
        """The oldest unsettled events; the same ones again until they are settled."""
        ...

    async def settle(self, number: int) -> None:
        """Whoever took the events up to this number keeps them: they go."""
        ...
