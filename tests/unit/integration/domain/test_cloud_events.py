"""The form of CloudEvents 1.0.2, structured and for Kafka."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from services.integration.domain.cloud_events import data_bytes, kafka_headers, structured_text
from services.kit.events.outbox import outgoing

AT = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
EVENT = outgoing("session.quality.threshold", "ädä", AT, {"quality": 61.5, "direction": "fell"}, "e1")


def test_an_event_in_structured_mode() -> None:
    assert json.loads(structured_text(EVENT)) == {
        "specversion": "1.0",
        "id": "e1",
        "source": "/segue/session",
        "type": "dev.segue.session.quality.threshold.crossed.v1",
        "subject": "session.quality.threshold",
        "time": "2026-03-01T10:00:00.000Z",
        "partitionkey": "ädä",
        "datacontenttype": "application/json",
        "data": {"quality": 61.5, "direction": "fell"},
    }


def test_an_event_in_kafkas_binary_mode_says_the_same() -> None:
    headers = dict(kafka_headers(EVENT))
    whole = json.loads(structured_text(EVENT))
    assert json.loads(data_bytes(EVENT)) == whole.pop("data")
    assert headers.pop("content-type").decode() == whole.pop("datacontenttype")
    assert {name.removeprefix("ce_"): value.decode() for name, value in headers.items()} == whole


def test_the_trace_is_an_attribute_and_a_header_of_its_own() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event = outgoing("session.ended", "ada", AT, {}, "e1", trace)
    assert json.loads(structured_text(event))["traceparent"] == trace
    assert dict(kafka_headers(event))["traceparent"] == trace.encode()
    assert not {"traceparent", "ce_traceparent"} & dict(kafka_headers(EVENT)).keys()


def test_what_is_no_trace_is_left_out() -> None:
    nearly = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
    for text in ("the otter swims", "00-zz-1-01", " " * 55, nearly):
        assert outgoing("session.ended", "ada", AT, {}, "e1", text).trace == ""


def test_what_belongs_to_nobody_has_no_key() -> None:
    event = outgoing("events.dropped", "", datetime(2026, 3, 1, tzinfo=UTC), {"from": "log", "count": 3})
    assert "partitionkey" not in json.loads(structured_text(event))
