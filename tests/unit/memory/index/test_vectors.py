"""Exact vector search in half precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.index.vectors.slot_vectors import Signs, Vectors, best


def unit(count: int, seed: int = 1) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, 384)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def stored(rows: np.ndarray) -> Vectors:
    vectors = Vectors(384)
    vectors.append([row.astype(np.float16).tobytes() for row in rows])
    return vectors


def test_scores_agree_with_full_precision() -> None:
    rows = unit(500)
    slots = np.arange(50, 450)
    assert np.allclose(stored(rows).scores(rows[7], slots), rows[50:450] @ rows[7], atol=2e-3)
    assert np.allclose(stored(rows).scores(rows[7], np.arange(500)), rows @ rows[7], atol=2e-3)


def test_the_nearest_are_among_those_that_the_signs_choose() -> None:
    rows = unit(4_000).astype(np.float16)
    signs = Signs(384)
    signs.append(rows, rows)
    for query in unit(20, seed=2):
        near = query + 0.05 * rows[7].astype(np.float32) * 20
        chosen = signs.nearest(near, np.arange(4_000), 400)
        assert 7 in chosen
        assert np.all(np.diff(chosen) > 0)
        among = signs.nearest(near, np.arange(0, 4_000, 2), 100)
        assert 100 <= len(among) < 150  # those that differ as little as the last come along
        assert not (among % 2).any()


def test_a_memory_without_a_vector_scores_nothing() -> None:
    vectors = stored(unit(1))
    vectors.append([b""])
    assert vectors.scores(unit(1)[0], np.asarray([1])).tolist() == [0.0]
    assert vectors.present(np.asarray([0, 1])).tolist() == [True, False]


def test_equal_scores_keep_the_order_of_slots() -> None:
    slots, _ = best(np.arange(5), np.asarray([1, 2, 2, 1, 2], np.float32), 5)
    assert slots.tolist() == [1, 2, 4, 0, 3]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(1, 45))
def test_the_best_are_the_first_of_all_in_their_order(scores: list[int], most: int) -> None:
    found, theirs = best(np.arange(len(scores)), np.asarray(scores, np.float32), most)
    assert theirs.tolist() == sorted(scores, reverse=True)[:most]
    assert [scores[slot] for slot in found.tolist()] == theirs.tolist()
    ties = [slot for slot in range(len(scores)) if scores[slot] > theirs[-1]]
    assert sorted(ties) == sorted(slot for slot in found.tolist() if scores[slot] > theirs[-1])


@pytest.mark.parametrize("slots", [np.arange(20_000), np.arange(0, 20_000, 3), np.arange(1, 19_999)])
def test_the_signs_that_differ_are_counted_one_by_one(slots: np.ndarray) -> None:
    rows = np.random.default_rng(5).standard_normal((20_000, 200)).astype(np.float16)
    signs = Signs(200)
    signs.append(rows, rows)
    query = rows[3].astype(np.float32)
    differing = ((rows > 0) != (query > 0)).sum(axis=1)[slots]
    expected = slots[differing <= np.sort(differing)[99]]
    assert signs.nearest(query, slots, 100).tolist() == expected.tolist()


def test_a_cosine_is_the_same_however_many_are_asked_for() -> None:
    vectors = stored(unit(1_200))
    vectors.append([b"", bytes(768)])
    query, slots = unit(1, seed=3)[0], np.arange(1_202)
    together = vectors.cosines(query, slots)
    assert np.isnan(together).tolist() == [False] * 1_200 + [True, False]
    for some in (slots[1:], slots[::7], slots[1_199:]):
        assert np.array_equal(vectors.cosines(query, some), together[some], equal_nan=True)
