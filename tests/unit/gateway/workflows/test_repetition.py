"""Nothing is told twice: by sentence, whatever its case, its line breaks, and where it was cut off."""

from __future__ import annotations

import pytest

from services.gateway.workflows.repetition import KnownSentences, without_sentences

TEXT = "The cache is bounded now. It was measured on Monday."


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (TEXT, ""),
        ("the CACHE is bounded, now!", ""),
        ("The cache is\nbounded now.", ""),
        ("The cache is bounded now. And the pool is.", "And the pool is."),
        ("The pool is bounded now.", "The pool is bounded now."),
        ("ok. ok.", "ok. ok."),
        ("if a:\n    return b", "if a:\n    return b"),
        ("Said once. Said once.", "Said once."),
    ],
)
def test_what_was_told_is_left_out(said: str, left: str) -> None:
    known = KnownSentences()
    known.add(TEXT)
    assert known.fresh(said) == left


def test_what_was_cut_off_is_known_by_its_beginning() -> None:
    known = KnownSentences()
    known.add("The migration of the orders table takes about twenty minu…")
    assert known.fresh("The migration of the orders table takes about twenty minutes on staging.") == ""
    assert known.fresh("The migration of the users table takes about twenty minutes on staging.") != ""


def test_lists_of_like_sentences_are_told_apart() -> None:
    known = KnownSentences()
    rules = [f"Decision: the lamp of the harbour gets decision number {number}, of the board" for number in range(20)]
    for rule in rules:
        assert known.fresh(rule) == rule
        known.add(rule)


def test_digests_are_enough_to_know_it_later() -> None:
    known = KnownSentences()
    known.add(TEXT)
    assert KnownSentences(known.digests).tells(TEXT)
    assert not KnownSentences().tells(TEXT)


def test_japanese_and_chinese_sentences_end_without_a_space() -> None:
    known = KnownSentences()
    known.add("パーサーのバグを直しました。テストは通りました。")
    assert known.fresh("テストは通りました。次はデプロイです。") == "次はデプロイです。"


def test_a_sentence_that_is_a_point_of_its_own_is_left_out() -> None:
    text = "I made it a left join. Still open: the backfill of March."
    assert without_sentences(text, ["the backfill of March."]) == "I made it a left join."
    assert without_sentences(text, []) == text
    assert without_sentences(text, ["a"]) == text
