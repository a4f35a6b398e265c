"""What hooks read and write as JSON is what the package `json` does."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.cli.hooks import plain_json

values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(values)
def test_it_writes_and_reads_as_json_does(value: object) -> None:
    text = plain_json.dumps(value)
    assert text == json.dumps(value)
    assert plain_json.loads(text) == plain_json.loads(text.encode()) == json.loads(text)
    assert plain_json.loads(f" \n{text}\t\r\n") == json.loads(text)


def test_it_sorts_keys_and_knows_numbers_beyond_json() -> None:
    assert plain_json.dumps({"b": 1, "a": [True, None]}, sort_keys=True) == '{"a": [true, null], "b": 1}'
    assert math.isnan(plain_json.loads("NaN"))
    assert plain_json.loads("[-Infinity, 1e999]") == [-math.inf, math.inf]
    assert plain_json.loads('"\\ud800"') == "\ud800"


@pytest.mark.parametrize("text", ["", " ", "{", "[1, 2", '{"a": 1} x', "{'a': 1}", '"\n"', "nul", "\ufeff{}", b"\xff"])
def test_what_is_no_json_is_refused_as_json_does(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        json.loads(text)
    with pytest.raises(ValueError, match=r"."):
        plain_json.loads(text)
    assert refused.value


def test_depth_is_refused_and_what_is_no_json_is_not_written() -> None:
    with pytest.raises(RecursionError):
        plain_json.loads("[" * 200_000)
    with pytest.raises(TypeError):
        plain_json.dumps({1, 2})
