"""A late pattern does what a compiled one does, and is compiled once, when it is first used."""

from __future__ import annotations

import re

import pytest

from services.kit.late_pattern import late_pattern


def test_it_matches_as_the_compiled_one() -> None:
    late, compiled = late_pattern(r"(a+)(b)?", re.IGNORECASE), re.compile(r"(a+)(b)?", re.IGNORECASE)
    for text in ("xAAb", "b", ""):
        assert bool(late.search(text)) == bool(compiled.search(text))
        assert late.sub("-", text) == compiled.sub("-", text)
        assert late.findall(text) == compiled.findall(text)
    assert (late.pattern, late.flags, late.groups) == (compiled.pattern, compiled.flags, compiled.groups)
    assert late_pattern(rb"\d").sub(b"", b"a1") == b"a"


def test_a_mistake_shows_at_the_first_use() -> None:
    late = late_pattern("(")
    with pytest.raises(re.error):
        late.search("")


def test_what_was_used_once_is_found_at_once() -> None:
    late = late_pattern("a")
    assert late.search("a")
    assert "search" in vars(late)
    with pytest.raises(AttributeError):
        late.no_such_thing  # type: ignore[attr-defined]  # noqa: B018
