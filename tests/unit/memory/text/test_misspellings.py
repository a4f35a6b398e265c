"""A word that is one slip of the fingers away from another is meant to be that one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text.misspellings import meant_terms, stem_min_chars
from services.memory.text.terms import terms


@pytest.mark.parametrize("slip", ["databse", "databasse", "datanase", "dtaabase", "Databse", "atabase", "databasex"])
def test_a_slip_is_meant_to_be_the_word(slip: str) -> None:
    assert set(terms("database")) & meant_terms(slip)


@pytest.mark.parametrize("word", ["cloud", "use", "CI/CD", "x" * 30, "база", "naïveté", "node18", ""])
def test_a_short_word_data_and_other_letters_are_what_they_are(word: str) -> None:
    assert not meant_terms(word)


@pytest.mark.parametrize(("word", "other"), [("kubernetes", "containers"), ("backup", "back"), ("username", "user")])
def test_another_word_is_another(word: str, other: str) -> None:
    assert not set(terms(other)) & meant_terms(word)


@given(st.text(max_size=40))
def test_any_word_has_bounded_spellings(word: str) -> None:
    meant = meant_terms(word)
    assert len(meant) <= 54 * 20 + 25
    assert all(len(each) >= stem_min_chars for each in meant)
