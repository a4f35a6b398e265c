"""What may leave: ids, counts and words of closed lists. Content gets into no event, by whatever way."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.events.event_types import BY_SUBJECT, TYPES, ids_max
from services.kit.events.outbox import outgoing, stored_event
from services.session.operations.events import NAMES
from tests.fuzz.budget import examples

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "the otter\n swims at midnight"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = sorted({name for each in TYPES for name in each.fields} | {"content", "project", "summary"})


@pytest.mark.parametrize("event", TYPES, ids=lambda each: each.subject)
def test_a_type_is_named_by_what_has_happened_and_its_version(event: object) -> None:
    assert re.fullmatch(r"dev\.segue(\.[a-z]+)+\.v1", event.type)  # type: ignore[attr-defined]
    assert event.source in {"session", "memory", "quality", "integration"}  # type: ignore[attr-defined]


def test_every_event_of_the_session_service_has_a_type() -> None:
    assert set(BY_SUBJECT) >= NAMES
    assert len({each.type for each in TYPES}) == len(TYPES)


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(BY_SUBJECT)), st.fixed_dictionaries({}, optional=dict.fromkeys(names, anything)))
def test_whatever_is_given_an_event_holds_what_its_schema_says(subject: str, data: dict[str, object]) -> None:
    event = outgoing(subject, "ada", NOW, data)
    fields = BY_SUBJECT[subject].fields
    assert set(event.data) <= set(fields)
    for name, value in event.data.items():
        schema = fields[name].schema
        words = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        assert len(words) <= ids_max
        for word in words:
            assert word in schema.get("enum", ()) or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", word)
        if isinstance(value, float | int):
            json.dumps(value, allow_nan=False)
    assert "otter" not in event.text()
    assert stored_event(event.text()) == event


def test_an_id_that_is_a_sentence_stays_out_and_is_counted() -> None:
    event = outgoing("memory.stored", "ada", NOW, {"ids": ["m1", SECRET, "x" * 101, 7], "count": 4})
    assert event.data == {"ids": ["m1"], "count": 4}
