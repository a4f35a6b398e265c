"""Schemas as clients are shown them."""

from __future__ import annotations

from typing import Any

from services.gateway.answers.tool_schemas import brief_input, brief_output

ITEM: dict[str, Any] = {
    "type": "object",
    "title": "Item",
    "properties": {"title": {"title": "Title", "type": "string"}},
}


def test_nulls_titles_and_defaults_that_are_null_go_and_all_else_stays() -> None:
    maybe = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None, "description": "How many"}
    schema = {"type": "object", "additionalProperties": False, "properties": {"n": maybe}, "required": []}
    brief = {"type": "integer", "minimum": 1, "description": "How many"}
    assert brief_input(schema) == {"type": "object", "properties": {"n": brief}, "required": []}


def test_what_may_be_null_in_an_answer_stays_so() -> None:
    maybe = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    item = {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}], "default": None, "title": "Item"}
    word = {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}
    schema = {"$defs": {"Item": ITEM}, "type": "object", "properties": {"text": maybe, "item": item, "word": word}}
    short = {"text": {"type": ["string", "null"]}, "item": {"type": ["object", "null"]}, "word": {}}
    assert brief_output(schema, whole=False)["properties"] == short
    whole = brief_output(schema, whole=True)["properties"]
    assert whole["item"] == {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}]}
    assert whole["text"] == short["text"]
    assert whole["word"] == word


def test_a_property_that_is_called_as_a_word_of_schemas_is_a_property() -> None:
    named = {"type": "string", "default": ""}
    schema = {"type": "object", "properties": {"title": named, "default": named, "anyOf": named}}
    assert brief_input(schema) == schema


def test_several_choices_stay_choices() -> None:
    schema = {
        "type": "object",
        "properties": {"v": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}},
    }
    assert brief_input(schema)["properties"]["v"] == {"anyOf": [{"type": "string"}, {"type": "number"}]}


def test_an_output_schema_is_whole_or_has_the_names_and_types_of_its_fields() -> None:
    fields = {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}}, "one": {"$ref": "#/$defs/Item"}}
    words = {"type": "array", "items": {"type": "string", "description": "A word"}}
    schema = {"$defs": {"Item": ITEM}, "type": "object", "properties": {**fields, "words": words}, "required": []}
    whole = brief_output(schema, whole=True)
    assert whole["$defs"]["Item"] == {"type": "object", "properties": {"title": {"type": "string"}}}
    listed = {"type": "array", "items": {"type": "object"}}
    short = {"items": listed, "one": {"type": "object"}, "words": {"type": "array", "items": {"type": "string"}}}
    assert brief_output(schema, whole=False) == {"type": "object", "properties": short, "required": []}
