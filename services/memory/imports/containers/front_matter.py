"""The front matter of a Markdown file: the lines between two `---`, of which plain values and lists are understood."""

from __future__ import annotations

import re
from typing import NamedTuple

FENCE = "---"
lines_max = 400
value_max_chars = 2000
items_max = 200

_pair = re.compile(r"(?P<key>[A-Za-z_][\w .-]{0,80}?)\s*:(?:\s+(?P<value>.*))?")
_item = re.compile(r"\s*-\s+(?P<value>.+)")
_comment = re.compile(r"\s+#.*$")

Value = str | list[str]


class Note(NamedTuple):
    """A Markdown file: its front matter, and the text after it."""

    fields: dict[str, Value]
    body: str

    def text(self, *names: str) -> str:
        """The first of these fields that is a plain value."""
        return next((value for name in names if isinstance(value := self.fields.get(name), str) and value), "")

    def list(self, *names: str) -> list[str]:
        """The values of these fields; of a plain one, its parts between commas."""
        found: list[str] = []
        for name in names:
            value = self.fields.get(name, [])
            found += value if isinstance(value, list) else [part.strip() for part in value.split(",")]
        return [each for each in found if each]


def note_of(text: str) -> Note | None:
    """The note in a text; None without front matter."""
    lines = text.removeprefix("\ufeff").split("\n", lines_max)
    if lines[0].rstrip() != FENCE:
        return None
    end = next((number for number, line in enumerate(lines[:lines_max]) if number and line.rstrip() == FENCE), 0)
    if not end or not (fields := _fields(lines[1:end])):
        return None
    return Note(fields, "\n".join(lines[end + 1 :]).strip())


def _fields(lines: list[str]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    key = ""
    for line in (line.rstrip() for line in lines):
        if (item := _item.fullmatch(line)) and key:
            values = fields[key] if isinstance(fields[key], list) else []
            fields[key] = [*values, _plain(item["value"])][:items_max]
        elif pair := _pair.fullmatch(line):
            key = pair["key"].strip().lower()
            fields[key] = _value((pair["value"] or "").strip())
        elif line.strip() and not line.startswith((" ", "\t", "#")):
            key = ""
    return fields


def _value(text: str) -> Value:
    if text.startswith("[") and text.endswith("]"):
        return [_plain(part) for part in text[1:-1].split(",")][:items_max]
    return _plain(text)


def _plain(text: str) -> str:
    text = text.strip()
    for quote in ('"', "'"):
        if len(text) > 1 and text.startswith(quote) and text.endswith(quote):
            return text[1:-1][:value_max_chars]
    return _comment.sub("", text)[:value_max_chars]
