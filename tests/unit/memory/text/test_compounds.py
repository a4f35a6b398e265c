"""German compounds are found by their parts; English texts are left alone."""

from __future__ import annotations

import pytest

from services.memory.text.compounds import is_german
from services.memory.text.terms import query_terms, terms


@pytest.mark.parametrize(
    "text",
    [
        "Die Datenbankverbindung bricht nach zehn Minuten ab.",
        "Größe der Warteschlange",
        "Wir haben uns für PostgreSQL entschieden, weil es schneller ist.",
        "Kennwörter ändern",
    ],
)
def test_german_is_recognized(text: str) -> None:
    assert is_german(text)


@pytest.mark.parametrize(
    "text",
    [
        "The MIT license is in the den, and the hat is on um the table.",
        "Retry the whole transaction, not the single statement.",
        "naïve café",
        "SELECT id FROM users WHERE name = 'war'",
        "",
    ],
)
def test_english_and_code_are_not_german(text: str) -> None:
    assert not is_german(text)


@pytest.mark.parametrize("query", ["Datenbank", "Datenbanken der Kunden", "Verbindung", "die Verbindungen nach außen"])
def test_a_compound_is_found_by_its_parts_in_any_form(query: str) -> None:
    assert set(query_terms(query)) & set(terms("Die Datenbankverbindung bricht nach zehn Minuten ab."))


def test_an_english_text_has_no_parts_of_words() -> None:
    assert len(terms("The authentication configuration was changed without notification.")) == 7


def test_german_words_without_a_meaning_are_not_looked_for() -> None:
    assert query_terms("Rezept für den Sauerteig") == ["rezept", "den", "sauerteig"]


def test_numbers_and_days_are_found_as_people_ask_for_them() -> None:
    found = terms("On 2026-03-04 we paid $12,400.50 for 1,250,000 rows; the list is 1,2,3.")
    assert set(query_terms("12400")) <= set(found)
    assert set(query_terms("1250000")) <= set(found)
    assert set(query_terms("March 4")) <= set(found)
    assert "123" not in found
    assert "1250000" in query_terms("1,250,000 rows")
