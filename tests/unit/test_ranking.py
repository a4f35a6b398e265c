"""What order promises: more evidence never ranks lower, age decides near-ties, and no input leaves 0 to 1."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.memory.ranking import FLOOR, HALF_LIFE_DAYS, Signals, Spread, decay, rank

NOW_S = 1.7e9
DAY_S = 86_400.0
SPREAD = {
    "words": Spread(0.05, 0.1, 500),
    "session_words": Spread(0.3, 0.2, 500),
    "vector": Spread(0.2, 0.1, 500),
    "context_vector": Spread(0.2, 0.1, 500),
}
MEASURED = tuple(SPREAD)
shares = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def none(count: int) -> NDArray[np.int64]:
    return np.full(count, -1, np.int64)


def alike(count: int, **given: Any) -> Signals:
    """Candidates that nothing tells apart, but for what is given."""
    values: dict[str, Any] = {name: np.full(count, 0.2) for name in MEASURED}
    values |= {name: np.zeros(count, np.bool_) for name in ("by_named_speaker", "asks", "answers", "linked")}
    values |= {"before": none(count), "after": none(count), "spread": SPREAD, "timestamp_s": np.full(count, NOW_S)}
    return Signals(**values | given)


def in_a_session(count: int, **given: Any) -> Signals:
    before, after = np.arange(count) - 1, np.arange(count) + 1
    after[-1] = -1
    return alike(count, before=before, after=after, **given)


def test_age_takes_away_half_of_what_it_can_in_a_half_life() -> None:
    ages = np.asarray([-30.0, 0.0, HALF_LIFE_DAYS, 1e6]) * DAY_S
    assert decay(ages).tolist() == pytest.approx([1.0, 1.0, (1 + FLOOR) / 2, FLOOR])


@given(st.lists(st.floats(-1e4, 1e5), min_size=2, max_size=20))
def test_what_is_older_never_counts_for_more(days: list[float]) -> None:
    factors = decay(np.sort(np.asarray(days)) * DAY_S)
    assert (np.diff(factors) <= 0).all()
    assert ((factors >= FLOOR) & (factors <= 1)).all()


def test_of_two_alike_the_newer_comes_first() -> None:
    scores = rank(alike(2, timestamp_s=np.asarray([NOW_S - 60 * DAY_S, NOW_S])), NOW_S)
    assert scores[1] > scores[0]


def test_age_does_not_outweigh_evidence() -> None:
    old_and_right = alike(2, words=np.asarray([0.6, 0.2]), timestamp_s=np.asarray([NOW_S - 3650 * DAY_S, NOW_S]))
    scores = rank(old_and_right, NOW_S)
    assert scores[0] > scores[1]


@pytest.mark.parametrize("signal", MEASURED)
def test_more_of_a_signal_scores_higher(signal: str) -> None:
    scores = rank(alike(3, **{signal: np.asarray([0.1, 0.2, 0.3])}), NOW_S)
    assert scores[0] < scores[1] < scores[2]


@given(shares, st.data())
def test_more_of_a_signal_never_scores_lower(words: list[float], data: st.DataObject) -> None:
    raised = data.draw(st.integers(0, len(words) - 1))
    before = in_a_session(len(words), words=np.asarray(words))
    more = np.asarray(words)
    more[raised] += 0.1
    assert rank(replace(before, words=more), NOW_S)[raised] >= rank(before, NOW_S)[raised]


@given(shares)
def test_a_score_is_between_0_and_1(words: list[float]) -> None:
    count = len(words)
    scores = rank(in_a_session(count, words=np.asarray(words), vector=np.asarray(words) * 2 - 1), NOW_S)
    assert scores.shape == (count,)
    assert ((scores >= 0) & (scores <= 1)).all()


@given(shares, st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(words: list[float], random: Any) -> None:
    count = len(words)
    order = list(range(count))
    random.shuffle(order)
    moved = np.argsort(order)
    signals = in_a_session(count, words=np.asarray(words))
    shuffled = replace(signals, **{field.name: _moved(signals, field.name, order, moved) for field in fields(signals)})
    assert rank(shuffled, NOW_S) == pytest.approx(rank(signals, NOW_S)[order])


def _moved(signals: Signals, name: str, order: list[int], moved: NDArray[np.int64]) -> Any:
    value = getattr(signals, name)
    if name == "spread":
        return value
    shuffled = value[order]
    return np.where(shuffled >= 0, moved[shuffled], -1) if name.endswith(("before", "after")) else shuffled


def test_a_neighbour_of_the_right_turn_is_lifted() -> None:
    words = np.asarray([0.8, 0.2, 0.2, 0.2])
    apart, together = rank(alike(4, words=words), NOW_S), rank(in_a_session(4, words=words), NOW_S)
    assert together[1] > apart[1]
    assert together[0] > together[1] > together[3]


def test_an_answer_comes_before_a_question() -> None:
    asks, answers = np.asarray([True, False]), np.asarray([False, True])
    scores = rank(alike(2, asks=asks, answers=answers), NOW_S)
    assert scores[1] > scores[0]


def test_without_an_embedder_words_decide() -> None:
    words = np.asarray([0.1, 0.7, 0.3])
    scores = rank(alike(3, words=words, vector=None, context_vector=None), NOW_S)
    assert np.argsort(-scores).tolist() == [1, 2, 0]


def test_a_memory_without_a_vector_is_ranked_by_its_words() -> None:
    vectors = np.asarray([np.nan, 0.2])
    scores = rank(alike(2, words=np.asarray([0.8, 0.1]), vector=vectors, context_vector=vectors), NOW_S)
    assert scores[0] > scores[1]


def test_nothing_to_rank_is_no_error() -> None:
    assert rank(alike(0), NOW_S).shape == (0,)
