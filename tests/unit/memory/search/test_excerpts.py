"""An excerpt shows the part of a long memory in which what was asked for stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.search.excerpts import Sought, _hits, excerpt, sought_of
from services.memory.text.chunks import chunks

FILLER = "".join(f"2026-03-01 INFO line {number} of the pump log says all is well\n" for number in range(2_000))


def shown(text: str, chars_max: int, query: str, chunk: int = -1) -> str:
    span = excerpt(text, chars_max, sought_of(query), chunk)
    return text[span.begin : span.end]


def test_a_short_text_is_shown_whole() -> None:
    assert shown("We chose DuckDB.", 300, "which database") == "We chose DuckDB."


@pytest.mark.parametrize("place", [0.0, 0.4, 1.0])
def test_the_part_that_holds_the_words_is_shown_wherever_it_stands(place: float) -> None:
    lines = FILLER.splitlines(keepends=True)
    lines.insert(int(place * len(lines)), "FATAL the quokka allocator refused to hand out the zanzibar lease\n")
    found = shown("".join(lines), 300, "zanzibar leases of the quokka allocator")
    assert "quokka allocator refused to hand out the zanzibar lease" in found
    assert len(found) <= 300


def test_more_of_the_query_in_one_place_is_better_than_its_words_apart() -> None:
    text = f"The quokka is here. {FILLER} The zanzibar is there. {FILLER} A quokka in zanzibar. {FILLER}"
    assert "A quokka in zanzibar." in shown(text, 200, "quokka zanzibar")


def test_a_whole_name_is_better_than_its_parts() -> None:
    text = "".join(f"line about pump-{number} and its pressure\n" for number in range(1_000, 2_000))
    assert "pump-1700 " in shown(text, 200, "pump-1700")


def test_words_in_other_forms_count() -> None:
    assert "was rotated" in shown(f"{FILLER}The password was rotated.\n{FILLER}", 200, "rotating passwords")


def test_without_the_words_the_nearest_chunk_is_shown() -> None:
    parts = chunks(FILLER)
    span = excerpt(FILLER, 300, sought_of("something else entirely"), 7)
    assert parts[7].begin <= span.begin < parts[7].end


def test_without_either_the_beginning_is_shown() -> None:
    assert FILLER.startswith(shown(FILLER, 300, "something else entirely"))


def test_an_excerpt_begins_and_ends_with_whole_words() -> None:
    found = shown(f"{FILLER}the quokka sleeps\n{FILLER}", 150, "quokka")
    assert f" {found} ".replace("\n", " ") in f" {FILLER}the quokka sleeps\n{FILLER}".replace("\n", " ")


@pytest.mark.parametrize("query", ["密码轮换", "密码"])
def test_texts_without_spaces_have_excerpts_too(query: str) -> None:
    weather = "明天天气怎么样。" * 300
    assert "密码轮换每九十天一次" in shown(f"{weather}密码轮换每九十天一次。{weather}", 60, query)


@given(st.text(max_size=800), st.text(max_size=60), st.integers(1, 200), st.integers(-1, 20))
def test_any_text_has_an_excerpt_within_its_bound(text: str, query: str, chars_max: int, chunk: int) -> None:
    span = excerpt(text, chars_max, sought_of(query), chunk)
    assert 0 <= span.begin <= span.end <= len(text)
    assert span.end - span.begin <= chars_max
    assert span.end > span.begin or not text


DOTLESS = "\N{LATIN SMALL LETTER DOTLESS I}x"
"""Which the pattern finds in ix."""


@given(
    st.lists(st.sampled_from(["retry", "retries", "Ret", "_re", "9", "re-try", "_", " ", "\n", "ix", "RÉ", "é"])),
    st.lists(
        st.sampled_from(["retry", "retries", "re", "tries", "9", "re_try", "é", DOTLESS]),
        max_size=4,
    ),
)
def test_words_are_found_where_the_pattern_finds_them(text: list[str], words: list[str]) -> None:
    sought, joined = Sought(dict.fromkeys(words, 0.25)), "".join(text)
    by_pattern = [match.span() for match in sought.pattern.finditer(joined)] if words else []
    assert [(hit.begin, hit.end) for hit in _hits(joined, sought)] == by_pattern
