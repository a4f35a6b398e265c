"""Stored text is shown as text: every odd character is named, and nothing becomes HTML."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.page.display.text_display import blocks, highlight, one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb", "a\nb"),
        ("\x1b[31mred", "[ESC][31mred"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("\x00\x9b", "[U+0000][U+009B]"),
        ("\U000e0041", "[U+E0041]"),
        ("👩\u200d🚀 שלום", "👩\u200d🚀 שלום"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_nothing_that_turns_others_around_or_controls_is_left(text: str) -> None:
    shown = plain(text)
    assert not [each for each in shown if unicodedata.category(each) == "Cc" and each not in "\n\t"]
    assert not {unicodedata.bidirectional(each) for each in shown} & {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
    }


@given(st.text(), st.text())
def test_an_excerpt_is_never_html(text: str, query: str) -> None:
    html = str(highlight(text, query)).replace("<mark>", "").replace("</mark>", "")
    assert "<" not in html
    assert ">" not in html
    assert '"' not in html


@pytest.mark.parametrize(
    ("text", "query", "html"),
    [
        ("Retries of payments", "retry payment", "Retries of <mark>payments</mark>"),
        ("Idempotency keys & more", "key of a", "Idempotency <mark>keys</mark> &amp; more"),
        ("<b>bold</b>", "bold", "&lt;b&gt;<mark>bold</mark>&lt;/b&gt;"),
        ("nothing", "", "nothing"),
        ("before\n```python\ncode()\n```\nafter", "x", "before\ncode()\nafter"),
    ],
)
def test_the_words_of_a_question_are_marked(text: str, query: str, html: str) -> None:
    assert str(highlight(text, query)) == html


def test_code_is_told_from_prose() -> None:
    text = "One.\n\n```python\nx = 1\n\ny = 2\n```\nTwo.\n~~~\nopen"
    assert [(each.is_code, each.language, each.text) for each in blocks(text)] == [
        (False, "", "One."),
        (True, "python", "x = 1\n\ny = 2"),
        (False, "", "Two."),
        (True, "", "open"),
    ]


@given(st.text(alphabet="`~ab \n", max_size=60))
def test_no_word_is_lost_between_prose_and_code(text: str) -> None:
    kept = "".join(each.text for each in blocks(text))
    lines = [line for line in text.split("\n") if not line.strip().startswith(("```", "~~~"))]
    for line in lines:
        assert line.strip() in kept or "```" in line or "~~~" in line


def test_a_line_is_cut_at_its_length() -> None:
    assert one_line("a\n b  c", 10) == "a b c"
    assert one_line("x" * 300, 20) == "x" * 19 + "…"
    assert len(one_line("\u202e" * 500, 50)) == 50
