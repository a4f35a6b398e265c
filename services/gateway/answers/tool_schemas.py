"""Schemas as clients are shown them: short, because a model reads each tool's input schema in every conversation.

What a schema says of null and of defaults that are null is left out: an argument that is null counts as left out at the
gateway anyway. What is only decoration (titles) is left out, too. Calls are still checked by the whole schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_null = {"type": "null"}


def brief_input(schema: Schema) -> dict[str, Any]:
    """A tool's input schema without what no caller needs."""
    return {name: value for name, value in _brief(schema).items() if name != "additionalProperties"}


def brief_output(schema: Schema, *, whole: bool) -> dict[str, Any]:
    """A tool's output schema: the names and types of its fields, and, if `whole`, what its items consist of."""
    brief = _brief(schema)
    brief.pop("description", None)
    if whole:
        return brief
    properties = {name: _shallow(value) for name, value in brief["properties"].items()}
    return {name: value for name, value in brief.items() if name != "$defs"} | {"properties": properties}


def _brief(value: Any, *, of_names: bool = False) -> Any:
    """The schema without titles, nulls and their defaults; `of_names`: the keys are the names of properties."""
    if isinstance(value, list):
        return [_brief(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if of_names:
        return {name: _brief(each) for name, each in value.items()}
    kept = {
        name: _brief(each, of_names=name in {"properties", "$defs"})
        for name, each in value.items()
        if name != "title" and not (name == "default" and each is None)
    }
    choices = [each for each in kept.pop("anyOf", ()) if each != _null]
    if len(choices) == 1:
        return {**choices[0], **kept}
    return {**kept, **({"anyOf": choices} if choices else {})}


def _shallow(value: Mapping[str, Any]) -> dict[str, Any]:
    """A field's type alone."""
    if "$ref" in value or "anyOf" in value:
        return {"type": "object"} if "$ref" in value else {}
    if value.get("type") == "array":
        items = value.get("items", {})
        return {"type": "array", "items": {"type": items["type"]} if "type" in items else {"type": "object"}}
    return {"type": value["type"]} if "type" in value else {}
