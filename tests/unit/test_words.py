"""BM25 over slots, in the whole or in a part."""

from __future__ import annotations

import math

import numpy as np
import pytest

from services.memory.index.words import B, K1, Words


def words(*documents: str) -> Words:
    index = Words()
    index.append([document.split() for document in documents])
    return index


def test_a_score_is_bm25_by_hand() -> None:
    index = words("cat sat", "dog sat down there", "cat cat")
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    norm = K1 * (1 - B + B * 2 / (8 / 3))
    expected = [idf * 1 * (K1 + 1) / (1 + norm), 0, idf * 2 * (K1 + 1) / (2 + norm)]
    assert index.scores(["cat"], np.arange(3)).tolist() == pytest.approx(expected)


def test_rarity_is_counted_in_the_part_that_is_searched() -> None:
    index = words("cat", "cat", "cat", "dog cat", "dog")
    everywhere = index.scores(["cat"], np.arange(5))[3]
    among_dogs = index.scores(["cat"], np.asarray([3, 4]))[0]
    assert among_dogs > everywhere


def test_search_returns_only_what_holds_a_term_best_first() -> None:
    index = words("a b", "b", "c", "a a")
    slots, scores = index.search(["a"], np.arange(4), 10)
    assert slots.tolist() == [3, 0]
    assert scores[0] > scores[1] > 0


def test_an_unknown_term_finds_nothing() -> None:
    slots, _ = words("a").search(["z"], np.arange(1), 10)
    assert slots.tolist() == []


def test_an_empty_part_has_no_scores() -> None:
    assert words("a").scores(["a"], np.zeros(0, np.int64)).tolist() == []


def test_a_session_is_scored_as_one_document() -> None:
    index = words("cat", "sat", "dog", "cat")
    scores = index.group_scores(["cat", "sat"], np.arange(4), np.asarray([0, 0, 1, -1]))
    assert scores[0] == scores[1] > scores[2]
    assert scores[3] == 0
