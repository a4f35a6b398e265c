"""Mutations of small valid samples: of their bytes, and of the JSON in them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.nasty import numbers, texts

size_max = 200_000
nested_deep = 90
SHORT = tuple(text for text in texts() if len(text) < 20_000)
Mutation = Callable[[st.DataObject, bytes], bytes]
Json = Any


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[bytes], most: int = 4) -> bytes:
    """One of the samples after up to `most` mutations of its bytes."""
    content = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, most))):
        content = draw(st.sampled_from(MUTATIONS))(draw, content)[:size_max]
    return content


@st.composite
def mutated_json(draw: st.DrawFn, samples: Sequence[Json], most: int = 4) -> Json:
    """One of the samples after up to `most` changes of its values, names and nesting."""
    value = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, most))):
        value = _changed_json(draw, value)
    return value


@st.composite
def mutated_json_lines(draw: st.DrawFn, samples: Sequence[Sequence[Json]], most: int = 4) -> bytes:
    """One of the samples as JSON Lines, with lines changed, lost, repeated and out of order, then as bytes."""
    lines = list(draw(st.sampled_from(samples)))
    lines = [draw(mutated_json([line], 2)) if draw(st.booleans()) else line for line in lines]
    if draw(st.booleans()):
        lines = draw(st.permutations(lines))
    if draw(st.booleans()):
        lines = draw(st.lists(st.sampled_from(lines), min_size=1, max_size=2 * len(lines)))
    ends = draw(st.sampled_from(("\n", "\r\n", "\n\n")))
    content = "".join(encoded(line).decode() + ends for line in lines).encode()
    return draw(mutated([content], most - 2)) if draw(st.booleans()) else content


def encoded(value: Json) -> bytes:
    """JSON as a careless program writes it: NaN and halves of surrogates are in it."""
    return json.dumps(value, allow_nan=True).encode()


@cache
def values() -> st.SearchStrategy[Json]:
    """Any JSON, most of it odd."""
    scalars = st.none() | st.booleans() | st.sampled_from(numbers()) | st.sampled_from(SHORT)
    containers = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(SHORT), inner, max_size=4),
        max_leaves=8,
    )
    deep = st.sampled_from(((nested_deep, list), (60, dict))).map(lambda form: nested(*form))
    return containers | deep


def nested(depth: int, kind: type) -> Json:
    """Lists in lists, or objects in objects."""
    value: Json = 1
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


def _changed_json(draw: st.DrawFn, value: Json) -> Json:
    places = list(_places(value))
    if not places or draw(st.integers(0, 9)) == 0:
        return draw(values())
    holder, name = draw(st.sampled_from(places))
    what = draw(st.sampled_from(("value", "remove", "wrap", "type", "more", "swap")))
    if what == "remove":
        del holder[name]
    elif what == "wrap":
        holder[name] = draw(st.sampled_from(([holder[name]], {"value": holder[name]}, [[[[holder[name]]]]])))
    elif what == "type":
        holder[name] = str(holder[name])
    elif what == "more" and isinstance(holder, dict):
        holder[draw(st.sampled_from(SHORT))] = draw(values())
    elif what == "swap":
        other, key = draw(st.sampled_from(places))
        if name in _names(holder) and key in _names(other):
            holder[name], other[key] = copy.deepcopy((other[key], holder[name]))
    else:
        holder[name] = draw(values())
    return value


def _names(holder: Json) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def _places(value: Json) -> Any:
    """Whatever can be changed, as what holds it and its name or place there."""
    waiting, count = [value], 0
    while waiting and count < 400:
        holder = waiting.pop()
        for name in _names(holder) if isinstance(holder, dict | list) else ():
            count += 1
            yield holder, name
            waiting.append(holder[name])


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    start, end = _span(draw, content)
    return content[:start] + content[end:]


def _end_early(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _repeat(draw: st.DrawFn, content: bytes) -> bytes:
    start, end = _span(draw, content)
    return content[:end] + content[start:end] * draw(st.sampled_from((1, 2, 50))) + content[end:]


def _swap(draw: st.DrawFn, content: bytes) -> bytes:
    start, end = _span(draw, content)
    return content[start:end] + content[:start] + content[end:]


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    if not content:
        return content
    place = draw(st.integers(0, len(content) - 1))
    return content[:place] + bytes([content[place] ^ 1 << draw(st.integers(0, 7))]) + content[place + 1 :]


def _insert(draw: st.DrawFn, content: bytes) -> bytes:
    place = draw(st.integers(0, len(content)))
    return content[:place] + draw(st.sampled_from(INSERTED)) + content[place:]


def _replace_number(draw: st.DrawFn, content: bytes) -> bytes:
    found = list(re.finditer(rb"\d+", content))
    if not found:
        return content
    number = draw(st.sampled_from(found))
    return content[: number.start()] + draw(st.sampled_from(DIGITS)) + content[number.end() :]


def _replace_line(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    lines[draw(st.integers(0, len(lines) - 1))] = draw(st.sampled_from((b"", b"\n", b"{}\n", b"null\n", b"[" * 2000)))
    return b"".join(lines)


def _span(draw: st.DrawFn, content: bytes) -> tuple[int, int]:
    start = draw(st.integers(0, len(content)))
    return start, min(len(content), start + draw(st.integers(1, 40)))


MUTATIONS: tuple[Any, ...] = (_cut, _end_early, _repeat, _swap, _flip, _insert, _replace_number, _replace_line)
DIGITS = (b"0", b"-1", b"00", b"2147483648", b"18446744073709551616", b"9" * 400, b"9" * 5000, b"1e999", b"\xc2\xb2")
INSERTED = (
    *(b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\x1b[0m", b"\r", b"\n", b"\\", b'"', b"'"),
    *(b"<", b">", b"&#0;", b"<!DOCTYPE x [", b"{", b"}", b"[", b"]", b",", b":", b"\\ud83d", b"\\u0000", b"[" * 2000),
    *("\u2028".encode(), "\x85".encode(), "\u202e".encode(), "ﬀ".encode() * 100, b" " * 1000, b"NaN", b"../../", b"/"),
)
