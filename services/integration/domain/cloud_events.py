"""Events in the form of CloudEvents 1.0.2: structured as one JSON object, or in binary mode for Kafka."""

from __future__ import annotations

import json
from datetime import UTC

from services.kit.events.event_types import BY_SUBJECT
from services.kit.events.outbox import OutgoingEvent

CONTENT_TYPE = "application/cloudevents+json"
DATA_TYPE = "application/json"
TRACE = "traceparent"


def attributes(event: OutgoingEvent) -> dict[str, str]:
    """The context attributes; `partitionkey` is whose event it is, and absent where it is nobody's;
    `traceparent` (the extension for tracing) is absent outside a trace."""
    kind = BY_SUBJECT[event.subject]
    found = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/segue/{kind.source}",
        "type": kind.type,
        "subject": event.subject,
        "time": event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    found |= {"partitionkey": event.user} if event.user else {}
    return {**found, TRACE: event.trace} if event.trace else found


def data_bytes(event: OutgoingEvent) -> bytes:
    """The data as JSON."""
    return json.dumps(event.data, ensure_ascii=False, separators=(",", ":")).encode()


def structured_text(event: OutgoingEvent) -> str:
    """The whole event as one JSON object."""
    whole = {**attributes(event), "datacontenttype": DATA_TYPE, "data": event.data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def kafka_headers(event: OutgoingEvent) -> list[tuple[str, bytes]]:
    """The headers of Kafka's binary mode; `traceparent` under its own name, where programs look for it."""
    named = [(name if name == TRACE else f"ce_{name}", value.encode()) for name, value in attributes(event).items()]
    return [*named, ("content-type", DATA_TYPE.encode())]
