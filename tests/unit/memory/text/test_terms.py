"""What is found by which words: identifiers, paths, versions and hashes by whole and part, prose by its stems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text.terms import (
    QUERY_TERMS_MAX,
    STOP_WORDS,
    TERM_CHARS_MAX,
    query_terms,
    terms,
)

MANY = 100_000


@pytest.mark.parametrize(
    ("document", "query"),
    [
        ("call getUserName here", "getUserName"),
        ("call getUserName here", "user name"),
        ("set max_retry_count", "max_retry_count"),
        ("set max_retry_count", "retries"),
        ("an HTTPServer started", "http server"),
        ("edit services/memory/ranking.py", "services/memory/ranking.py"),
        ("edit services/memory/ranking.py", "ranking.py"),
        ("edit services/memory/ranking.py:42", "memory"),
        (r"C:\Users\me\notes.txt", "notes.txt"),
        ("error E0308: mismatched", "e0308"),
        ("ERR_CONNECTION_REFUSED", "connection refused"),
        ("python 3.11.4", "3.11"),
        ("released v2.0.0-rc1", "2.0.0"),
        ("at 3f2a9c1b7d8e9f00112233445566778899aabbcc", "3f2a9c1"),
        ("uses sha256", "sha256"),
        ("Caroline's paintings", "caroline painted"),
        ("Caroline\u2019s paintings", "painting"),
        ("written in C++ and C#", "c++"),
        ("the caf\u00e9 is open", "cafe"),
        ("\ufb01le and \uff26\uff55\uff4c\uff4c", "file full"),
        ("she wrote it and he has broken it", "write, break"),
        ("the kids and their mom", "mother of a child"),
        ("repo config in src/db/index.js", "repository configuration database javascript"),
        ("機械学習のモデル", "学習"),
        ("हिन्दी भाषा", "हिन्दी"),
        ("한국어 문서", "한국어"),
    ],
)
def test_a_query_finds_what_it_names(document: str, query: str) -> None:
    assert set(query_terms(query)) <= set(terms(document))


def test_a_whole_hash_finds_its_short_form() -> None:
    assert set(query_terms("3f2a9c1b7d8e9f00112233445566778899aabbcc")) & set(terms("at 3f2a9c1b7"))


def test_words_differ_where_meaning_does() -> None:
    assert not set(query_terms("won")) & set(terms("won't"))
    assert terms("हिन्दी") == query_terms("हिन्दी") != terms("हन्द")


def test_a_document_keeps_repetitions_and_a_query_does_not() -> None:
    assert terms("fix the fix") == ["fix", "the", "fix"]
    assert query_terms("fix fix") == ["fix"]


def test_a_query_loses_its_stop_words_unless_nothing_else_is_left() -> None:
    assert query_terms("What did the parser do?") == ["parser"]
    assert query_terms("who am I") == ["who", "am", "i"]
    assert "who" in STOP_WORDS


@pytest.mark.parametrize("text", ["", "   ", "...!?", "'''", "\0", "\ud800"])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    assert terms(text) == query_terms(text) == []


@pytest.mark.parametrize(
    "unit", ["a", "A", "aB", "a/", "a.b-c_", "學", "'", "0123456789abcdef", "1.", "\u0300", "\u0903", "n'", "aB1", "-"]
)
def test_a_hostile_text_gives_bounded_terms(unit: str) -> None:
    text = (unit * MANY)[:MANY]
    found, asked = terms(text), query_terms(text)
    assert len(found) <= 2 * len(text)
    assert len(asked) <= QUERY_TERMS_MAX
    assert all(len(term) <= TERM_CHARS_MAX for term in found)


@pytest.mark.parametrize(
    "text",
    [
        "n't",
        "We do n't ship",
        '"n\'t"',
        "N'T",
        "is n\u2019t it",
        "(?:n't|'s)",
        "n't n't",
        "a.n't",
        "n't's",
        "re-n't",
        "1n't",
    ],
)
def test_a_suffix_that_stands_alone_is_a_word(text: str) -> None:
    assert terms(text)
    assert set(query_terms(text)) <= set(terms(text))
    assert terms("We do n't ship") == ["we", "do", "n't", "n", "t", "ship"]


def test_the_end_of_a_long_text_has_terms() -> None:
    assert terms("line of a log 4711\n" * 14_000 + "quokka")[-1] == "quokka"


_pieces = [
    "n't",
    "'s",
    "'",
    "-",
    ".",
    "/",
    "_",
    "+",
    "#",
    "C",
    "v1",
    "1",
    "a",
    "A",
    "é",
    "\u0301",
    "\u200d",
    "漢",
    " ",
    "\u2019",
]


@given(st.lists(st.sampled_from(_pieces), max_size=12).map("".join))
def test_any_name_has_terms_and_finds_itself(text: str) -> None:
    assert set(query_terms(text)) <= set(terms(text))


@given(st.text())
def test_any_text_has_terms_without_spaces_and_finds_itself(text: str) -> None:
    found = terms(text)
    assert all(term and not term.isspace() and len(term) <= TERM_CHARS_MAX for term in found)
    assert set(query_terms(text)) <= set(found)
