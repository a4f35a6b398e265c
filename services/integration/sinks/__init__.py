"""Where events are delivered to: Kafka, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.kit.events.outbox import OutgoingEvent


@dataclass(frozen=True, slots=True)
class Outcome:
    """The first `delivered` of the events are delivered. Why not all, without content; and whether the sink refused the
    next event for itself, or is only away."""

    delivered: int
    trouble: str = ""
    is_refusal: bool = False
    answered: bool = False
    """Whether something answered at all: who does, and fails for days, has a trouble with this event."""


class Sink(Protocol):
    """One receiver of all events, in order."""

    @property
    def name(self) -> str:
        """Its name in the log and in the health; no address and no secret."""
        ...

    @property
    def batch_max(self) -> int:
        """How many events it takes at once."""
        ...

    async def send(self, events: Sequence[OutgoingEvent]) -> Outcome:
        """Delivers them in order; stops at the first one that it cannot deliver."""
        ...
