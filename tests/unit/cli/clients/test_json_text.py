"""JSON is changed where it is to be changed, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.clients.json_text import parse, replace_value, without
from tests.fuzz.budget import examples

HAND_MADE = """{
    "model": "opus",   "list": [1,2,  3],
    "hooks": {
        "Stop": [ { "hooks": [{"type": "command", "command": "mine"}] } ]
    },
    "ünïcode": "é\\u00e9"
}
"""


def test_what_is_added_comes_after_its_siblings_and_the_rest_stays_as_it_is() -> None:
    text = replace_value(HAND_MADE, ("hooks", "Start"), [{"hooks": []}])
    assert (
        text.replace(',\n        "Start": [\n            {\n                "hooks": []\n            }\n        ]', "")
        == HAND_MADE
    )
    assert replace_value(HAND_MADE, ("mcpServers", "segue"), {"command": "x"}).startswith(HAND_MADE[:-3])


def test_an_item_is_added_to_a_list_in_the_form_of_the_list() -> None:
    assert '"list": [1,2,  3, 4],' in replace_value(HAND_MADE, ("list", 3), 4)


def test_what_is_taken_away_leaves_no_empty_parents() -> None:
    text = without(HAND_MADE, ("hooks", "Stop", 0))
    assert json.loads(text) == {key: value for key, value in json.loads(HAND_MADE).items() if key != "hooks"}
    assert '"model": "opus",   "list": [1,2,  3],\n    "ünïcode"' in text
    assert without(HAND_MADE, ("nothing", "there")) == HAND_MADE


@pytest.mark.parametrize(
    "text",
    ["", "[]", "1", "{", '{"a": 1,}', '{"a": 1} x', '{"a": 1, "a": 2}', "{'a': 1}", '{"a": 1} // why', '{"a": "\n"}'],
)
def test_what_is_no_strict_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


names = st.text(max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=examples(60), deadline=None)
@given(st.dictionaries(names, values), names, names, values, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_a_change_is_what_it_would_be_in_the_value_and_taking_it_back_gives_the_same_bytes(
    whole: dict[str, Any], parent: str, name: str, value: Any, indent: int | str | None, ascii_only: bool
) -> None:
    whole.pop(parent, None)
    text = json.dumps(whole, indent=indent, ensure_ascii=ascii_only)
    more = replace_value(text, (parent, name), value)
    assert json.loads(more) == {**whole, parent: {name: value}}
    assert list(json.loads(more)) == [*whole, parent]
    assert without(more, (parent, name)) == text
    assert json.loads(replace_value(more, (parent, name), 5)) == {**whole, parent: {name: 5}}
