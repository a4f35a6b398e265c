"""Changes JSON in its own text: unchanged parts keep their place, order and format to the byte.

Only strict JSON is accepted: text with comments, or with a duplicate name in an object, raises ValueError.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from json.decoder import scanstring  # type: ignore[attr-defined]  # the decoder's own; it is in no stub
from typing import Any

Path = tuple[str | int, ...]

NESTING_MAX = 100
_space = re.compile(r"[ \t\n\r]*")
_scalar = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")


@dataclass(slots=True)
class Node:
    """A value: its position; the members of an object by name, the items of a list by index."""

    start: int
    end: int = 0
    parts: dict[str | int, Part] = field(default_factory=dict)
    is_object: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A member of an object or an item of a list: its start, including any name, and its value."""

    start: int
    value: Node


def replace_value(text: str, path: Path, value: Any) -> str:
    """The text with `value` at `path`: replaces an existing value, else follows its siblings; parents are created.

    Raises ValueError if an existing value on the path cannot have such a part.
    """
    node, rest = _deepest_node(text, path)
    if not rest:
        indent, depth = _indent(text), len(path)
        return (
            text[: node.start]
            + _formatted_json(value, indent, _margin(text, node.start, indent * depth))
            + text[node.end :]
        )
    if node.is_object != isinstance(rest[0], str) or text[node.start] not in "{[":
        raise ValueError(f"{' in '.join(map(str, reversed(path[: len(path) - len(rest)]))) or 'it'} is of another kind")
    for name in reversed(rest[1:]):
        value = {name: value} if isinstance(name, str) else [value]
    return _insert(text, node, len(path) - len(rest), rest[0], value)


def without(text: str, path: Path) -> str:
    """The text without the value at `path`, and without parents that become empty."""
    node, rest = _deepest_node(text, path)
    if rest:
        return text
    parent = _deepest_node(text, path[:-1])[0]
    if len(parent.parts) == 1:
        return text[: parent.start + 1] + text[parent.end - 1 :] if len(path) == 1 else without(text, path[:-1])
    parts = list(parent.parts.values())
    place = list(parent.parts).index(path[-1])
    if place + 1 < len(parts):
        return text[: parts[place].start] + text[parts[place + 1].start :]
    return text[: parts[place - 1].value.end] + text[node.end :]


def _deepest_node(text: str, path: Path) -> tuple[Node, Path]:
    """The deepest existing value along `path`, and the rest of the path."""
    node = parse(text)
    for depth, name in enumerate(path):
        if name not in node.parts:
            return node, path[depth:]
        node = node.parts[name].value
    return node, ()


def _insert(text: str, node: Node, depth: int, name: str | int, value: Any) -> str:
    indent = _indent(text)
    margin = _margin(text, node.start, indent * depth)
    inner = margin + indent
    prefix = f"{json.dumps(name, ensure_ascii=False)}: " if node.is_object else ""
    new = prefix + _formatted_json(value, indent, inner)
    if not node.parts:
        return f"{text[: node.start + 1]}\n{inner}{new}\n{margin}{text[node.end - 1 :]}"
    last = list(node.parts.values())[-1]
    line = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    gap = f"\n{line}" if not line.strip() and "\n" in text[node.start : last.start] else " "
    return f"{text[: last.value.end]},{gap}{new}{text[last.value.end :]}"


def _formatted_json(value: Any, indent: str, margin: str) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False).replace("\n", f"\n{margin}")


def _indent(text: str) -> str:
    """The indentation of the text: that of its first indented line."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _margin(text: str, at: int, otherwise: str) -> str:
    """The white space before the line in which a value begins."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    found = re.match(r"[ \t]*", line)
    return found[0] if found and "\n" in text[:at] else otherwise if "\n" in text[:at] else ""


def parse(text: str) -> Node:
    """The root. Raises ValueError if the text is not a JSON object."""
    start = _end_of_space(text, 0)
    root = _value(text, start, 0)
    if _end_of_space(text, root.end) != len(text) or not root.is_object:
        raise ValueError("not one JSON object")
    return root


def _value(text: str, at: int, depth: int) -> Node:
    opening = text[at : at + 1]
    if depth > NESTING_MAX:
        raise ValueError("nested too deeply")
    if opening and opening in "{[":
        return _container(text, at, depth, is_object=opening == "{")
    if opening == '"':
        return Node(at, scanstring(text, at + 1)[1])
    if found := _scalar.match(text, at):
        return Node(at, found.end())
    raise ValueError(f"no JSON at character {at}")


def _container(text: str, at: int, depth: int, *, is_object: bool) -> Node:
    node, closing = Node(at, is_object=is_object), "}" if is_object else "]"
    at = _end_of_space(text, at + 1)
    if text[at : at + 1] == closing:
        node.end = at + 1
        return node
    while True:
        start: int = at
        name: str | int = len(node.parts)
        if is_object:
            name, at = _name(text, at)
        if name in node.parts:
            raise ValueError(f"{name!r} is there twice")
        value = _value(text, at, depth + 1)
        node.parts[name] = Part(start, value)
        at = _end_of_space(text, value.end)
        if text[at : at + 1] == closing:
            node.end = at + 1
            return node
        at = _end_of_space(text, _past(text, at, ","))


def _name(text: str, at: int) -> tuple[str, int]:
    name, at = scanstring(text, _past(text, at, '"'))
    return name, _end_of_space(text, _past(text, _end_of_space(text, at), ":"))


def _past(text: str, at: int, wanted: str) -> int:
    if text[at : at + 1] != wanted:
        raise ValueError(f"no {wanted} at character {at}")
    return at + 1


def _end_of_space(text: str, at: int) -> int:
    found = _space.match(text, at)
    return found.end() if found else at
