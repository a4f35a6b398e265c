"""The AsyncAPI 3 document of the events, made of their types: `docs/reference/asyncapi.json`."""

from __future__ import annotations

from typing import Any

from services.kit.events.event_types import TYPES, EventType

TOPIC = "session-events"


def asyncapi_document(version: str) -> dict[str, Any]:
    """The document; `version` is the program's."""
    messages = {each.type: {"$ref": f"#/components/messages/{each.type}"} for each in TYPES}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Segue's events",
            "version": version,
            "description": "What happens in Segue, as CloudEvents 1.0.2: ids and counts, no content. "
            "At least once, in order for each user; repetitions have the same id.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "kafka": {
                "address": TOPIC,
                "description": "In binary mode; the key is the user. SEGUE_INTEGRATION_KAFKA_TOPIC names another.",
                "messages": messages,
            },
            "webhook": {
                "address": None,
                "description": "In structured mode, signed as Standard Webhooks (standardwebhooks.com) say.",
                "messages": messages,
            },
            "stream": {
                "address": "/v1/events",
                "description": "In structured mode, by server-sent events: the caller's own events.",
                "messages": messages,
            },
        },
        "operations": {
            f"receive_{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}
            for name in ("kafka", "webhook", "stream")
        },
        "components": {
            "messages": {each.type: _message(each) for each in TYPES},
            "schemas": {each.type: _schema(each) for each in TYPES},
        },
    }


def _message(each: EventType) -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("ce_id", "ce_time", "ce_partitionkey", "traceparent")}
    fixed = {
        "ce_specversion": "1.0",
        "ce_type": each.type,
        "ce_source": f"/segue/{each.source}",
        "ce_subject": each.subject,
        "content-type": "application/json",
    }
    return {
        "name": each.type,
        "title": each.subject,
        "summary": each.description,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {**{name: {"const": value} for name, value in fixed.items()}, **texts},
            "required": [*fixed, "ce_id", "ce_time"],
        },
        "payload": {"$ref": f"#/components/schemas/{each.type}"},
    }


def _schema(each: EventType) -> dict[str, Any]:
    fields = {name: {**field.schema, "description": field.description} for name, field in each.fields.items()}
    return {"type": "object", "description": each.description, "properties": fields, "additionalProperties": False}
