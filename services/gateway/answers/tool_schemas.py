"""Schemas as clients are shown them: short, because a model reads each tool's input schema in every conversation.

An input schema says nothing of null, nor of defaults that are null: an argument that is null counts as left out at the
gateway anyway. What is only decoration (titles) is left out of all. Calls are still checked by the whole schemas, and
clients check answers by the brief ones: what may be null in an answer stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_null = {"type": "null"}
_names = frozenset({"properties", "$defs"})


def brief_input(schema: Schema) -> dict[str, Any]:
    """A tool's input schema without what no caller needs."""
    return {name: value for name, value in _brief(schema, _not_null).items() if name != "additionalProperties"}


def brief_output(schema: Schema, *, whole: bool) -> dict[str, Any]:
    """A tool's output schema: the names and types of its fields, and, if `whole`, what its items consist of."""
    brief: dict[str, Any] = _brief(schema, _one_type)
    brief.pop("description", None)
    if whole:
        return brief
    properties = {name: _shallow(value) for name, value in brief["properties"].items()}
    return {name: value for name, value in brief.items() if name != "$defs"} | {"properties": properties}


def _brief(value: Any, choose: Callable[[dict[str, Any]], dict[str, Any]], *, of_names: bool = False) -> Any:
    """The schema without titles and defaults that are null, its choices by `choose`; `of_names`: the keys are the names
    of properties."""
    if isinstance(value, list):
        return [_brief(each, choose) for each in value]
    if not isinstance(value, Mapping):
        return value
    if of_names:
        return {name: _brief(each, choose) for name, each in value.items()}
    kept = {
        name: _brief(each, choose, of_names=name in _names)
        for name, each in value.items()
        if name != "title" and not (name == "default" and each is None)
    }
    return choose(kept)


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A choice without null; what is left, where that is one."""
    if "anyOf" not in schema:
        return schema
    plain = [each for each in schema["anyOf"] if each != _null]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**plain[0], **rest} if len(plain) == 1 else {**rest, "anyOf": plain}


def _one_type(schema: dict[str, Any]) -> dict[str, Any]:
    """A choice between a plain type and null as one list of types, which is shorter."""
    choices = schema.get("anyOf", ())
    plain = [each for each in choices if each != _null]
    if len(choices) != 2 or len(plain) != 1 or "type" not in plain[0] or "enum" in plain[0]:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**plain[0], **rest, "type": [plain[0]["type"], "null"]}


def _shallow(value: Mapping[str, Any]) -> dict[str, Any]:
    """A field's type alone."""
    if "$ref" in value:
        return {"type": "object"}
    if "anyOf" in value:
        may_be_null = _null in value["anyOf"] and any("$ref" in each for each in value["anyOf"])
        return {"type": ["object", "null"]} if may_be_null and len(value["anyOf"]) == 2 else {}
    if value.get("type") == "array":
        items = value.get("items", {})
        return {"type": "array", "items": {"type": items["type"]} if "type" in items else {"type": "object"}}
    return {"type": value["type"]} if "type" in value else {}
