"""What the embedding model is given of long texts: all of them in parts, and of what was said before its end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text.chunks import (
    before_tokens_max,
    chunk_tokens_max,
    chunks,
    chunks_max,
    end_of,
    estimated_tokens,
    in_context,
    text_tokens_max,
)

SENTENCE = "The pump lost pressure again at half past three. "
LINE = "2026-03-01T12:00:01Z ERROR [pump-17] pressure low at 0x00b4c4a8 code=E4012\n"


def test_a_short_text_has_no_chunks() -> None:
    assert chunks("") == chunks("We chose DuckDB.") == chunks(SENTENCE * 10) == []


@pytest.mark.parametrize("text", [SENTENCE * 60, LINE * 60, "密码轮换每九十天一次。" * 60, "word " * 900, "x" * 9_000])
def test_a_long_text_is_covered_from_its_beginning_to_its_end(text: str) -> None:
    found = chunks(text)
    assert found[-1].end == len(text)
    assert all(0 < estimated_tokens(text[each.begin : each.end]) <= chunk_tokens_max for each in found)
    assert estimated_tokens(text[: found[0].begin]) <= text_tokens_max
    if len(found) < chunks_max:
        assert all(after.begin <= before.end for before, after in itertools.pairwise(found))


def test_of_a_very_long_text_a_bounded_number_is_spread_to_its_end() -> None:
    text = "".join(f"Line {number} of the log says that all is well.\n" for number in range(5_000))
    found = chunks(text)
    assert len(found) == chunks_max
    assert found[-1].end == len(text)
    gaps = [after.begin - before.begin for before, after in itertools.pairwise(found)]
    assert max(gaps) < 2 * min(gaps)


def test_a_chunk_ends_where_a_sentence_does() -> None:
    assert all((SENTENCE * 60)[each.begin : each.end].rstrip().endswith(".") for each in chunks(SENTENCE * 60))


@given(st.text(max_size=3_000))
def test_any_text_has_chunks_in_order_and_within_it(text: str) -> None:
    found = chunks(text)
    assert all(0 <= each.begin < each.end <= len(text) for each in found)
    assert found == sorted(found, key=lambda each: each.begin)


def test_what_was_said_before_comes_first_where_both_are_short() -> None:
    assert in_context("Which database?", "DuckDB.") == "Which database?\nDuckDB."
    assert in_context("", "DuckDB.") == "DuckDB."


def test_a_memory_after_a_long_one_keeps_its_own_meaning_first() -> None:
    said = in_context(SENTENCE * 50, "We chose DuckDB.")
    assert said.startswith("We chose DuckDB.\n")
    assert estimated_tokens(said) <= before_tokens_max + 10
    assert said.endswith("three. ")


def test_a_memory_that_fills_the_model_has_nothing_before_it() -> None:
    assert in_context("Which database?", SENTENCE * 50) == SENTENCE * 50


def test_the_end_of_a_text_is_in_whole_words() -> None:
    assert end_of("one two three four", 2) == "three four"
    assert end_of("one", 5) == "one"
    assert end_of("", 5) == ""
