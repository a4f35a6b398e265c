"""Exact vector search in half precision."""

from __future__ import annotations

import numpy as np

from services.memory.index.vectors import Vectors, best


def unit(count: int, seed: int = 1) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, 384)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def stored(rows: np.ndarray) -> Vectors:
    vectors = Vectors(384)
    vectors.append([row.astype(np.float16).tobytes() for row in rows])
    return vectors


def test_search_agrees_with_full_precision() -> None:
    rows = unit(500)
    slots, scores = stored(rows).search(rows[7], np.arange(500), 10)
    exact = rows @ rows[7]
    assert slots[0] == 7
    assert set(slots.tolist()) == set(np.argsort(-exact)[:10].tolist())
    assert np.allclose(scores, exact[slots], atol=2e-3)


def test_only_the_allowed_slots_are_searched() -> None:
    rows = unit(100)
    allowed = np.arange(50, 100)
    slots, _ = stored(rows).search(rows[7], allowed, 5)
    assert set(slots.tolist()) <= set(allowed.tolist())


def test_a_memory_without_a_vector_scores_nothing() -> None:
    vectors = stored(unit(1))
    vectors.append([b""])
    assert vectors.scores(unit(1)[0], np.asarray([1])).tolist() == [0.0]
    assert vectors.present(np.asarray([0, 1])).tolist() == [True, False]


def test_equal_scores_keep_the_order_of_slots() -> None:
    slots, _ = best(np.arange(5), np.asarray([1, 2, 2, 1, 2], np.float32), 5)
    assert slots.tolist() == [1, 2, 4, 0, 3]
