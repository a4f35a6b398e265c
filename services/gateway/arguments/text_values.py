"""Parses lists and objects that were sent as text: JSON, words separated by commas, or lines.

Clients without arrays send `a, b` or `["a", "b"]`; some models write a list as Python prints it.
"""

from __future__ import annotations

import json
import re
from typing import Any

_nothing = frozenset({"", "null", "none"})
_bullet = re.compile(r"(?:[-*•]|\d{1,3}[.)])\s+")
_between_words = re.compile(r"[,\n]")
_brackets = re.compile(r"\[(.*)\]", re.DOTALL)


def list_of(text: str, *, by_lines: bool = False) -> Any:
    """The list in a text; None if the text is empty.

    JSON is parsed as such. Otherwise items are separated by commas or line ends; with `by_lines`, by line ends only,
    and each loses its bullet or number.

    """
    plain = text.strip()
    if plain.casefold() in _nothing:
        return None
    if plain[0] in '["':
        value = _json(plain)
        if value is not None:
            return value if isinstance(value, list) else [value]
    if by_lines:
        lines = (_bullet.sub("", line.strip(), count=1) for line in plain.splitlines())
        return [line for line in lines if line]
    bracketed = _brackets.fullmatch(plain)
    parts = _between_words.split(bracketed[1] if bracketed else plain)
    return [word for part in parts if (word := part.strip().strip("'\"").strip())]


def object_of(text: str) -> Any:
    """The JSON object in a text; None if the text is empty, and the text itself if it is something else."""
    plain = text.strip()
    if plain.casefold() in _nothing:
        return None
    value = _json(plain)
    return value if isinstance(value, dict) else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
