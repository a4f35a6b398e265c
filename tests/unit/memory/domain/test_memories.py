"""What is accepted as a memory, what counts as the same one, and what one is after it was said again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit.errors import InvalidInput, TooLarge
from services.memory.domain import memories
from services.memory.domain.memories import Kind, Memory, accept, deeper_than, id_key, joint_memory

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAID = Memory("The pump leaks.", Kind.REFLECTION, "boat", NOW)


def test_a_memory_is_stored_under_plain_names_each_tag_once() -> None:
    accepted = accept(replace(SAID, project=" boat ", tags=("e\u0301t\u00e9", "\u00e9te\u0301", " ", "x")), NOW)
    assert (accepted.project, accepted.tags) == ("boat", ("\u00e9t\u00e9", "x"))
    assert accepted.id
    assert accept(replace(SAID, project=""), NOW).project == memories.DEFAULT_PROJECT


@pytest.mark.parametrize(
    "changes",
    [
        {"content": " \n"},
        {"timestamp": NOW.replace(tzinfo=None)},
        {"timestamp": datetime(1969, 12, 31, tzinfo=UTC)},
        {"timestamp": NOW + memories.clock_skew_max + timedelta(seconds=1)},
        {"first_said": datetime(1969, 12, 31, tzinfo=UTC)},
    ],
)
def test_what_cannot_be_a_memory_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        accept(replace(SAID, **changes), NOW)


@pytest.mark.parametrize(
    ("fits", "over"),
    [
        ({"content": "x" * memories.content_max_bytes}, {"content": "é" * (memories.content_max_bytes // 2 + 1)}),
        ({"project": "p" * 200}, {"project": "p" * 201}),
        ({"tags": tuple(map(str, range(50)))}, {"tags": tuple(map(str, range(51)))}),
        ({"tags": ("t" * 200,)}, {"tags": ("t" * 201,)}),
    ],
)
def test_a_memory_may_have_the_most_of_everything_and_no_more(fits: dict[str, Any], over: dict[str, Any]) -> None:
    accept(replace(SAID, **fits), NOW)
    with pytest.raises(TooLarge):
        accept(replace(SAID, **over), NOW)


def test_spacing_makes_no_other_memory_and_everything_else_does() -> None:
    same = SAID.fingerprint("alice")
    assert replace(SAID, content=" The  pump\nleaks. ", timestamp=NOW - timedelta(1)).fingerprint("alice") == same
    others = [replace(SAID, content="The pump leaks!"), replace(SAID, kind=Kind.CONVERSATION)]
    others += [replace(SAID, project="car"), replace(SAID, session_id="s1")]
    assert len({same, SAID.fingerprint("bob"), *(each.fingerprint("alice") for each in others)}) == 6


def test_an_id_is_known_to_its_user_alone() -> None:
    assert id_key("alice", "1") == id_key("alice", "1")
    assert id_key("alice", "1") != id_key("bob", "1")


def test_what_is_said_again_has_the_first_and_the_last_time_and_loses_nothing() -> None:
    known = replace(SAID, tags=("a",), metadata={"k": 1})
    again = replace(SAID, tags=("b", "a"), metadata={"k": 2, "n": 3}, timestamp=NOW - timedelta(days=2))
    joint = joint_memory(known, again)
    assert (joint.first_said, joint.timestamp) == (again.timestamp, NOW)
    assert (joint.tags, joint.metadata) == (("a", "b"), {"k": 1, "n": 3})
    assert joint_memory(joint, again) == joint


def test_saying_it_again_never_makes_more_than_a_memory_may_have() -> None:
    known = replace(SAID, tags=tuple(map(str, range(50))), metadata={"k": "x" * (memories.metadata_max_bytes - 50)})
    joint = joint_memory(known, replace(SAID, tags=("more",), metadata={"long": "y" * 100, "n": 1}))
    assert joint.tags == known.tags
    assert set(joint.metadata) == {"k", "n"}
    assert len(json.dumps(dict(joint.metadata))) <= memories.metadata_max_bytes


@pytest.mark.parametrize(("value", "depth"), [(1, 0), ([], 1), ({"a": 1}, 1), ([{"a": []}], 3)])
def test_depth_counts_lists_and_objects(value: Any, depth: int) -> None:
    assert not deeper_than(value, depth)
    assert depth == 0 or deeper_than(value, depth - 1)


def test_text_is_measured_as_utf_8_and_no_metadata_is_nothing() -> None:
    assert replace(SAID, content="é").size == 2
    assert replace(SAID, content="é", metadata={"k": 1}).size == 2 + len('{"k": 1}')
