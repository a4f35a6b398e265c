"""French and Spanish words are found in other forms; English texts are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text.romance import romance_language
from services.memory.text.terms import parted_words, query_terms, terms


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Les fichiers sont sauvegardés chaque nuit.", "french"),
        ("pourquoi l'index est lent", "french"),
        ("accélération de l'interface", "french"),
        ("lección de la pérdida", "spanish"),
        ("Los informes se guardan cada noche.", "spanish"),
        ("¿por qué falla la prueba?", "spanish"),
    ],
)
def test_french_and_spanish_are_recognized(text: str, language: str) -> None:
    assert romance_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "The la Marzocco is on, and the DES cipher is not: comment it out.",
        "Run `du -sh /var/log` on the server.",
        "BLE: le advertising interval",
        "EST is five hours behind UTC",
        "See ya!",
        "a naïve façade",
        "Let's see: it's the user's choice, isn't it?",
        "O'Reilly's book",
        "Die Datenbankverbindung bricht nach zehn Minuten ab.",
        "",
    ],
)
def test_english_and_other_texts_are_neither(text: str) -> None:
    assert romance_language(text) == ""


@pytest.mark.parametrize(
    ("note", "query"),
    [
        ("Les rapports mensuels sont archivés dans un autre centre", "quel rapport mensuel"),
        ("Les fichiers sont supprimés après trente jours", "quand supprimer des données"),
        ("Los archivos se guardan cada noche", "cuando guardar"),
        ("Los mensajes se validan en el servidor", "la validación del texto"),
    ],
)
def test_another_form_of_a_word_is_found(note: str, query: str) -> None:
    assert set(query_terms(query)) & set(terms(note))


def test_articles_are_not_looked_for_also_where_they_are_a_part_of_a_word() -> None:
    assert query_terms("quelle est la couleur de l'index d'un client") == ["couleur", "index", "client"]


def test_identifiers_are_found_in_every_language() -> None:
    assert {"retry_max", "3.11"} <= set(query_terms("pourquoi retry_max est limité dans la version 3.11"))


def test_a_word_without_a_meaning_is_not_missing() -> None:
    absent = frozenset(["navig", "dans", "le"])
    assert parted_words("pourquoi dans le navigateur", absent) == (["navigateur"], [])


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert romance_language(text) in {"", "french", "spanish"}
    assert query_terms(f"pourquoi {text} est") is not None
