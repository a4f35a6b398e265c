"""Detects the speaker of a text, and whether it asks a question."""

from __future__ import annotations

import re

_named = re.compile(r"\s*([^\W\d_][\w.'-]*(?: [^\W\d_][\w.'-]*){0,2}):\s")
_asks = re.compile(r"[?？](?:[\s\"')\]]|$)")  # noqa: RUF001  # the full-width question mark is meant
_word = re.compile(r"\w+")


def speaker(content: str) -> str:
    """The speaker in lower case: the name before the first colon, as in a script; empty without one."""
    named = _named.match(content[:100])
    return named[1].casefold() if named else ""


def asks(content: str) -> bool:
    """Whether the text asks a question."""
    return bool(_asks.search(content))


def words_of(query: str) -> frozenset[str]:
    """The words of a query that may name a speaker."""
    return frozenset(_word.findall(query.casefold()))
