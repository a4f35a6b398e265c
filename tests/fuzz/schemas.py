"""Arguments for a tool, from what it says of itself in `tools/list`: valid ones, odd ones, too few and too many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import known, mutations
from tests.fuzz.known import is_known
from tests.fuzz.nasty import numbers, tool_texts

Schema = Mapping[str, Any]
WORDS = ("lantern", "orchard", "the retry of the queue", "src/cart.py", "2026-03-01", "user", "project-of-nobody")


def valid(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    if "enum" in schema:
        return st.sampled_from(list(schema["enum"]))
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        some = [each for each in schema["anyOf"] if each.get("type") != "null" or not is_known(known.NULLS)]
        return st.one_of([valid(each) for each in some])
    return _of_type(schema)


def _of_type(schema: Schema) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    if kind in {"integer", "number"}:
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        return st.integers(int(least), int(schema.get("maximum", least + 100)))
    if kind == "array":
        return st.lists(valid(schema.get("items", {"type": "string"})), max_size=3)
    if kind == "object":
        return st.dictionaries(st.sampled_from(WORDS), st.sampled_from(WORDS), max_size=3)
    return st.sampled_from(WORDS)


def odd(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that fit the schema by their kind perhaps, and that nobody thinks of."""
    texts, figures = st.sampled_from(tool_texts()), st.sampled_from(numbers())
    listed = st.lists(texts, max_size=3) | st.just(["x"] * 5000) | st.sampled_from(("a, b", '["a", "b"]', "[", ""))
    shaped = st.dictionaries(texts, texts | figures, max_size=3) | st.just(mutations.nested(60, dict))
    anything = st.booleans() | texts | figures | listed | shaped
    described = str(schema)
    fitting = [
        choice
        for word, choice in (
            ("string", texts),
            ("integer", figures),
            ("number", figures),
            ("array", listed),
            ("object", shaped),
        )
        if word in described
    ]
    return st.one_of(*(fitting * 3), anything)


@st.composite
def arguments(draw: st.DrawFn, schema: Schema, places: Mapping[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """Arguments for a tool with this input schema; those named in `places` are taken from there, mostly."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    needed = set(schema.get("required", ()))
    oddness = draw(st.sampled_from((0, 1, 1, 3)))
    given: dict[str, Any] = {}
    for name, described in properties.items():
        if draw(st.integers(0, 19 if name in needed else 1)):
            is_odd = draw(st.integers(0, 3)) < oddness
            given[name] = draw(places[name] if name in places else odd(described) if is_odd else valid(described))
    if not is_known(known.NULLS) and (left_out := sorted(set(properties) - needed - set(given))):
        given[draw(st.sampled_from(left_out))] = None
    if draw(st.integers(0, 19)) == 0:
        given[draw(st.sampled_from(tool_texts()))] = draw(odd({}))
    return given
