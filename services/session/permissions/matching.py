"""Patterns in which `*` stands for anything."""

from __future__ import annotations

import re
from collections.abc import Sequence

CONTROL = re.compile(r"[;&|`$<>(){}\n\r\\!#]")
"""What lets a command line do more than its first words say."""


def pieces(command: str) -> Sequence[str]:
    """The command between the characters that mean something to a shell."""
    return CONTROL.split(command)


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern` with something for each `*`; in time linear to both, whatever they hold."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
