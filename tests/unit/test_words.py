"""BM25 over slots, in the whole or in a part."""

from __future__ import annotations

import math

import numpy as np
import pytest

from services.memory.index.words import MEMORY, Words


def words(*documents: str) -> Words:
    index = Words()
    index.append([document.split() for document in documents])
    return index


def test_a_score_is_bm25_by_hand_as_a_share_of_the_most() -> None:
    index = words("cat sat", "dog sat down there", "cat cat")
    norm = MEMORY.k1 * (1 - MEMORY.b + MEMORY.b * 2 / (8 / 3))
    expected = [1 / (1 + norm), 0, 2 / (2 + norm)]
    assert index.scores(["cat"], np.arange(3)).tolist() == pytest.approx(expected)


def test_a_rare_term_counts_for_more_than_a_common_one() -> None:
    index = words("common", "common", "common", "rare")
    scores = index.scores(["common", "rare"], np.arange(4))
    idf = [math.log(1 + 1.5 / 3.5), math.log(1 + 3.5 / 1.5)]
    assert scores[3] / scores[0] == pytest.approx(idf[1] / idf[0])


def test_rarity_is_counted_in_the_part_that_is_searched() -> None:
    index = words("cat", "cat", "cat", "dog", "cat")
    everywhere = index.scores(["cat", "dog"], np.arange(5))
    among_two = index.scores(["cat", "dog"], np.asarray([3, 4]))
    assert everywhere[3] > everywhere[4]
    assert among_two[0] == among_two[1]


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
    scores = index.session_scores(["cat", "sat"], np.arange(4), np.asarray([0, 0, 1, -1]))
    assert scores[0] == scores[1] > scores[2]
    assert scores[3] == 0


def test_scores_stay_between_0_and_1_however_often_a_term_stands() -> None:
    index = words("cat " * 1000, "cat")
    scores = index.scores(["cat", "cat"], np.arange(2))
    assert ((scores > 0) & (scores <= 1)).all()


def test_a_memory_holds_a_term_or_not_and_a_rare_term_has_the_larger_share() -> None:
    index = words("cat sat", "cat", "dog", "cat cat")
    holds, term_shares = index.held(["cat", "sat", "cat", "cow"], np.arange(4), np.asarray([0, 2, 3]))
    assert holds.tolist() == [[True, False, True], [True, False, False], [False, False, False]]
    assert term_shares.sum() == pytest.approx(1)
    assert term_shares[0] < term_shares[1] < term_shares[2]


def test_without_terms_nothing_is_held() -> None:
    holds, term_shares = words("a").held([], np.arange(1), np.arange(1))
    assert holds.shape == (0, 1)
    assert term_shares.tolist() == []
