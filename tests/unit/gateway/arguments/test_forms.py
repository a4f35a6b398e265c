"""What clients send for a tool's arguments, and what the tool is given."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.arguments.forms import prepare_arguments
from services.gateway.arguments.text_values import list_of, object_of

SCHEMA: dict[str, Any] = {
    "properties": {
        "query": {"type": "string"},
        "limit": {"default": 10, "type": "integer"},
        "tags": {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}], "default": None},
        "next_steps": {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}], "default": None},
        "metadata": {"anyOf": [{"additionalProperties": True, "type": "object"}, {"type": "null"}], "default": None},
        "min_score": {"default": 0.0, "type": "number"},
    },
    "required": ["query"],
}
SESSION: dict[str, Any] = {"properties": {"session_id": {"type": "string"}, "note": {"type": "string"}}}


def given(**sent: Any) -> dict[str, Any]:
    return prepare_arguments(SCHEMA, sent)


def test_null_for_what_may_be_left_out_is_left_out() -> None:
    assert given(query="x", limit=None, tags=None, metadata=None) == {"query": "x"}


def test_null_for_what_must_be_there_is_left_to_be_refused() -> None:
    assert given(query=None) == {"query": None}


def test_false_nothing_and_nought_are_values() -> None:
    assert given(query="", limit=0, tags=[], metadata={}) == {"query": "", "limit": 0, "tags": [], "metadata": {}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", ["a"]),
        ("a, b", ["a", "b"]),
        ("a,b,,  c ,", ["a", "b", "c"]),
        ("a b, c", ["a b", "c"]),
        ("a\nb", ["a", "b"]),
        ('["a","b"]', ["a", "b"]),
        (' [ "a, b" , "c" ] ', ["a, b", "c"]),
        ('"a"', ["a"]),
        ("['a', 'b']", ["a", "b"]),
        ("[a, b]", ["a", "b"]),
        ("[]", []),
        ("[1, 2]", [1, 2]),
        (",", []),
        ("", None),
        ("  ", None),
        ("null", None),
        ("None", None),
        ("日本語, größer", ["日本語", "größer"]),
        ('["a"', ['["a']),
        ("C++, #482, a/b", ["C++", "#482", "a/b"]),
    ],
)
def test_a_list_of_words_comes_as_json_or_between_commas(text: str, words: list[Any] | None) -> None:
    assert list_of(text) == words
    assert given(query="x", tags=text) == (
        {"query": "x"} if words is None else {"query": "x", "tags": list(map(str, words))}
    )


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("do a; do b", ["do a; do b"]),
        ("do a, then b", ["do a, then b"]),
        ("do a\ndo b, c\n", ["do a", "do b, c"]),
        ("- do a\n- do b", ["do a", "do b"]),
        ("1. do a\n2) do b\n\n• do c", ["do a", "do b", "do c"]),
        ('["do a, b", "do c"]', ["do a, b", "do c"]),
        ("-do not", ["-do not"]),
        ("[WIP] do a, b", ["[WIP] do a, b"]),
        ('"Print" two', ['"Print" two']),
    ],
)
def test_a_list_of_sentences_comes_as_json_or_in_lines(text: str, steps: list[str]) -> None:
    assert given(query="x", next_steps=text)["next_steps"] == steps


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        (" {} ", {}),
        ("", None),
        ("null", None),
        ("[1]", "[1]"),
        ("no object", "no object"),
        ('{"a":' * 100_000, '{"a":' * 100_000),
    ],
)
def test_an_object_comes_as_json(text: str, fields: Any) -> None:
    assert object_of(text) == fields


def test_lists_and_objects_and_texts_stay_what_they_are() -> None:
    sent = {"query": '["a"]', "tags": ["a, b"], "metadata": {"a": '["b"]'}, "limit": "5"}
    assert given(**sent) == sent


@pytest.mark.parametrize("tags", ["[2026, 1.5]", [2026, 1.5], "2026, 1.5"])
def test_a_number_in_a_list_of_words_is_a_word(tags: Any) -> None:
    assert given(query="x", tags=tags)["tags"] == ["2026", "1.5"]


@pytest.mark.parametrize("tags", [[True], [["a"]], [None], {"a": 1}, 5])
def test_what_is_no_list_of_words_is_left_to_be_refused(tags: Any) -> None:
    assert given(query="x", tags=tags)["tags"] == tags


def test_a_list_that_never_ends_is_a_text() -> None:
    assert list_of("[" * 100_000) == ["[" * 100_000]


@pytest.mark.parametrize(
    "name", ["toolCallId", "tool_call_id", "requestId", "sessionId", "_meta", "_anything", "chatInput"]
)
def test_what_clients_add_by_themselves_is_passed_over(name: str) -> None:
    assert given(query="x", **{name: "y"}) == {"query": "x"}


def test_the_id_of_a_clients_own_session_is_told_from_a_misspelt_one() -> None:
    assert prepare_arguments(SESSION, {"sessionId": "n8n", "action": "sendMessage", "toolCallId": "call_1"}) == {}
    assert prepare_arguments(SESSION, {"sessionId": "5"}) == {"sessionId": "5"}


@pytest.mark.parametrize("name", ["limt", "minScore", "Query", "", "a b", "x" * 5000, "日本語", "session_id", "action"])
def test_any_other_name_is_left_to_be_refused(name: str) -> None:
    assert given(query="x", **{name: "y"}) == {"query": "x", name: "y"}
