"""Who speaks, and whether they ask."""

from __future__ import annotations

import pytest

from services.memory.text.dialogue import asks, speaker, words_of


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Maria: hello", "maria"),
        ("Dr. Jane Doe: hello", "dr. jane doe"),
        ("Ольга: привет", "ольга"),
        ("hello", ""),
        ("see https://example.org", ""),
        ("12:30 lunch", ""),
    ],
)
def test_the_name_before_the_first_colon_speaks(content: str, name: str) -> None:
    assert speaker(content) == name


@pytest.mark.parametrize("content", ["Why?", "Is it? I think so.", "(really?)", "なぜ？"])  # noqa: RUF001
def test_a_question_mark_asks(content: str) -> None:
    assert asks(content)


@pytest.mark.parametrize("content", ["No.", "https://example.org/?q=1", "a?.b"])
def test_a_question_mark_within_a_word_does_not(content: str) -> None:
    assert not asks(content)


def test_a_speaker_is_named_by_any_word_of_a_query() -> None:
    assert words_of("What did Maria's mother say?") >= {"maria", "mother"}
