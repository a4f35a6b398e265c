"""The names of projects in a query: they say where to look, and not what for."""

from __future__ import annotations

import re
from collections.abc import Sequence

names_max = 16
_chars_read = 2_000
_name = re.compile(r"(?<![\w./-])[^\W_][\w.-]*\w(?![\w/])")
_distinctive = re.compile(r"[-_.\d]")
_around = r"(?:\bthe )?(?<![\w./-]){}(?![\w/-])(?: project)?"


def possible_names(query: str) -> Sequence[str]:
    """The words of a query that may be projects' names: with a hyphen, a dot or a digit, since "web" is a word."""
    words = (match[0] for match in _name.finditer(query[:_chars_read]))
    return list(dict.fromkeys(word for word in words if _distinctive.search(word)))[:names_max]


def without_names(query: str, names: Sequence[str]) -> str:
    """The query without these names."""
    for name in sorted(names, key=len, reverse=True):
        query = re.sub(_around.format(re.escape(name)), "", query)
    return query
