"""What a session is about: the direction of the sum of its vectors."""

from __future__ import annotations

import numpy as np
import pytest

from services.memory.index.vectors.session_vectors import SessionVectors

EAST, NORTH = np.asarray([1, 0], np.float32), np.asarray([0, 1], np.float32)


def sessions(*numbers: int) -> np.ndarray:
    return np.asarray(numbers, np.int64)


def test_a_session_lies_between_its_memories() -> None:
    vectors = SessionVectors(2)
    vectors.add(sessions(1, 1, 0), np.stack([EAST, NORTH, EAST]))
    assert vectors.scores(EAST, sessions(0, 1, 0)).tolist() == pytest.approx([1, 0.5**0.5, 1])


def test_what_was_taken_away_counts_no_more() -> None:
    vectors = SessionVectors(2)
    vectors.add(sessions(0, 0), np.stack([EAST, NORTH]))
    vectors.remove(sessions(0), NORTH[None])
    assert vectors.scores(EAST, sessions(0)).tolist() == pytest.approx([1])


def test_a_session_without_vectors_has_no_score() -> None:
    vectors = SessionVectors(2)
    vectors.add(sessions(0, 1, -1), np.stack([EAST, np.zeros(2, np.float32), EAST]))
    vectors.remove(sessions(0), EAST[None])
    assert np.isnan(vectors.scores(EAST, sessions(0, 1, -1))).all()


def test_nothing_was_said_yet() -> None:
    assert SessionVectors(2).scores(EAST, sessions()).tolist() == []


def test_lengths_are_those_of_the_sums_whatever_came_and_went() -> None:
    random = np.random.default_rng(2)
    vectors, given = SessionVectors(4), random.standard_normal((60, 4)).astype(np.float32)
    numbers = random.integers(-1, 9, 60)
    vectors.add(numbers, given)
    vectors.remove(numbers[:20], given[:20])
    restored = SessionVectors(4)
    restored.restore(vectors.sums.copy())
    query = np.asarray([0.5, 0.5, 0.5, 0.5], np.float32)
    expected = [float(vectors.sums[each] @ query / np.linalg.norm(vectors.sums[each])) for each in range(9)]
    for each in (vectors, restored):
        assert each.scores(query, np.arange(9)).tolist() == pytest.approx(expected, abs=1e-5)
