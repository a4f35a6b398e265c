"""Exact vector search in half precision."""

from __future__ import annotations

import numpy as np

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
