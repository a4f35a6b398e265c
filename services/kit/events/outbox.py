"""An outbox: events written in the transaction of the change that they tell, until the integration service has them.

Numbers are dense, so that a gap behind what was settled is what was dropped, when there were more than the bound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from services.kit.events.event_types import BY_SUBJECT, Data

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

    def text(self) -> str:
        """As it is stored."""
        kept = {"subject": self.subject, "user": self.user, "at": self.at.astimezone(UTC).isoformat(), "id": self.id}
        return json.dumps({**kept, "data": self.data}, ensure_ascii=False, separators=(",", ":"))


def outgoing(subject: str, user: str, at: datetime, data: Mapping[str, object], id: str = "") -> OutgoingEvent:
    """An event with what may leave of `data`."""
    leaving = BY_SUBJECT[subject].leaving_data(data)
    return OutgoingEvent(subject, user, at, leaving, id) if id else OutgoingEvent(subject, user, at, leaving)


def stored_event(text: str) -> OutgoingEvent:
    """The event that `text()` made."""
    kept = json.loads(text)
    return OutgoingEvent(kept["subject"], kept["user"], datetime.fromisoformat(kept["at"]), kept["data"], kept["id"])


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


class EmptyOutbox:
    """Of a store that tells no events."""

    async def take(self, most: int) -> Taken:  # noqa: ARG002
        """Nothing."""
        return Taken()

    async def settle(self, number: int) -> None:
        """Nothing is there to go."""
