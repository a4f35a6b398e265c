"""A webhook: each event is posted as a CloudEvent in structured mode, signed, one after the other."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

from services.integration.domain.cloud_events import CONTENT_TYPE, structured_text
from services.integration.domain.signatures import webhook_headers
from services.integration.sinks import Outcome
from services.integration.sinks.pinned_http import NotReached, Poster
from services.kit.events.outbox import OutgoingEvent

passing = frozenset({408, 409, 423, 425, 429})
"""Answers below 500 after which the same may be taken later."""


class Webhook:
    """`Sink` at `url`."""

    batch_max = 50

    def __init__(self, url: str, secret: str, poster: Poster, now_s: Callable[[], float] = time.time) -> None:
        self.name = f"webhook-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self._url = url
        self._secret = secret
        self._poster = poster
        self._now_s = now_s

    async def send(self, events: Sequence[OutgoingEvent]) -> Outcome:
        """See Sink."""
        for delivered, event in enumerate(events):
            body = structured_text(event).encode()
            signed = webhook_headers(self._secret, event.id, int(self._now_s()), body)
            try:
                status = await self._poster.post(self._url, {"Content-Type": CONTENT_TYPE, **signed}, body)
            except NotReached as trouble:
                return Outcome(delivered, str(trouble))
            if not 200 <= status < 300:
                is_refusal = status < 500 and status not in passing
                return Outcome(delivered, f"it answers {status}", is_refusal, answered=True)
        return Outcome(len(events))
