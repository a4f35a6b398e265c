"""What order promises: more evidence never ranks lower, age decides near-ties, and no input leaves 0 to 1."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.memory.search.scoring import (
    DATE_REACH_DAYS,
    FLOOR,
    HALF_LIFE_DAYS,
    LINKED,
    PASSAGE_REACH,
    UNMET_USUAL,
    WEIGHTS,
    Signals,
    contributions,
    decay,
    evidence,
    rank,
    telling_share,
    unmet,
)
from services.memory.text.named_dates import DateSpan, date_spans

NOW_S = 1.7e9
DAY_S = 86_400.0
MEASURED = ("words", "session_words", "vector", "context_vector", "session_vector")
shares = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def none(count: int) -> NDArray[np.int64]:
    return np.full(count, -1, np.int64)


def alike(count: int, **given: Any) -> Signals:
    """Candidates in one session that nothing tells apart, but for what is given."""
    values: dict[str, Any] = {name: np.full(count, 0.2) for name in MEASURED}
    values |= {
        name: np.zeros(count, np.bool_)
        for name in ("by_named_speaker", "asks", "answers", "replies", "linked", "in_named_project")
    }
    values |= {"in_session": np.ones(count, np.bool_), "length": np.full(count, 20), "dates": ()}
    values |= {"holds": np.zeros((0, count), np.bool_), "term_shares": np.zeros(0)}
    values |= {"before": none(count), "after": none(count), "timestamp_s": np.full(count, NOW_S)}
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
    holds, answers = np.asarray([words]) > 0.5, np.asarray(words) > 0.3
    signals = in_a_session(
        count,
        words=np.asarray(words),
        holds=holds,
        term_shares=np.ones(1),
        answers=answers,
        dates=date_spans("in May"),
        period=(NOW_S - DAY_S, NOW_S),
    )
    shuffled = replace(signals, **{field.name: _moved(signals, field.name, order, moved) for field in fields(signals)})
    assert rank(shuffled, NOW_S) == pytest.approx(rank(signals, NOW_S)[order])


def _moved(signals: Signals, name: str, order: list[int], moved: NDArray[np.int64]) -> Any:
    value = getattr(signals, name)
    if name in {"term_shares", "dates", "period", "unmet", "is_question"}:
        return value
    shuffled = value[..., order]
    return np.where(shuffled >= 0, moved[shuffled], -1) if name.endswith(("before", "after")) else shuffled


@given(shares, st.lists(st.floats(0, 400), min_size=12, max_size=12))
def test_where_the_query_says_when_age_decides_nothing_besides(words: list[float], days: list[float]) -> None:
    count = len(words)
    said_s = NOW_S - np.resize(days, count) * DAY_S
    signals = in_a_session(count, words=np.asarray(words), timestamp_s=said_s, period=(NOW_S - 3 * DAY_S, NOW_S))
    of_evidence = np.argsort(evidence(signals), kind="stable")
    assert (np.diff(rank(signals, NOW_S)[of_evidence]) >= 0).all()


def held(*places: int, count: int) -> dict[str, Any]:
    """One term, that stands in these candidates."""
    holds = np.zeros((1, count), np.bool_)
    holds[0, list(places)] = True
    return {"holds": holds, "term_shares": np.ones(1)}


def test_what_stands_around_the_querys_words_is_lifted_as_far_as_a_passage_reaches() -> None:
    scores = rank(in_a_session(7, **held(3, count=7)), NOW_S)
    assert min(scores[1:6]) > max(scores[0], scores[6])


def test_a_passage_ends_with_its_session() -> None:
    scores = rank(alike(2, **held(0, count=2)), NOW_S)
    assert scores[0] > scores[1]


def test_of_two_that_hold_a_frequent_word_the_one_that_is_not_merely_long_comes_first() -> None:
    length = np.full(40, 20)
    length[1] = 800
    assert rank(alike(40, length=length), NOW_S).argmax() == 1  # it says more
    scores = rank(alike(40, length=length, **held(*range(20), count=40)), NOW_S)
    assert scores[0] > scores[1]


def test_a_long_memory_that_has_the_querys_rare_word_comes_before_short_ones_that_have_it_not() -> None:
    length = np.full(40, 20)
    length[1] = 800
    assert rank(alike(40, length=length, **held(1, count=40)), NOW_S).argmax() == 1


def test_a_passage_that_holds_two_terms_comes_before_one_that_holds_one() -> None:
    holds = np.asarray([[True, False, True, False], [False, True, False, False]])
    before, after = np.asarray([-1, 0, -1, 2]), np.asarray([1, -1, 3, -1])
    scores = rank(alike(4, holds=holds, term_shares=np.asarray([0.5, 0.5]), before=before, after=after), NOW_S)
    assert scores[0] == scores[1] > scores[2] == scores[3]


def test_what_follows_the_question_that_was_meant_comes_before_what_follows_another() -> None:
    words, answers = np.asarray([0.8, 0.1, 0.1, 0.1]), np.asarray([False, True, False, True])
    before = np.asarray([-1, 0, -1, 2])
    scores = rank(alike(4, words=words, answers=answers, before=before), NOW_S)
    assert scores[1] > scores[3]
    unanswered = rank(alike(4, words=words, before=before), NOW_S)
    assert scores[1] > unanswered[1]


def test_a_question_comes_after_what_says_as_much() -> None:
    scores = rank(alike(2, asks=np.asarray([True, False])), NOW_S)
    assert scores[1] > scores[0]


def test_who_was_named_comes_before_who_was_not() -> None:
    scores = rank(alike(2, by_named_speaker=np.asarray([True, False])), NOW_S)
    assert scores[0] > scores[1]


def test_of_two_alike_the_one_that_says_more_comes_first() -> None:
    scores = rank(alike(3, length=np.asarray([0, 5, 50])), NOW_S)
    assert scores[0] < scores[1] < scores[2]


def test_a_linked_projects_memory_comes_after_one_of_the_project() -> None:
    scores = rank(alike(2, linked=np.asarray([True, False])), NOW_S)
    assert scores[0] == pytest.approx(LINKED * scores[1])


def test_a_memory_of_no_session_is_a_session_by_itself() -> None:
    none_of_it = np.zeros(2)
    alone = alike(
        2,
        words=np.asarray([0.5, 0.5]),
        in_session=np.asarray([False, True]),
        session_words=none_of_it,
        session_vector=none_of_it,
    )
    scores = rank(alone, NOW_S)
    assert scores[0] > scores[1]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("on 14 November 2023", [0, 10, DATE_REACH_DAYS + 2]),
        ("in November", [0, 26, 26 + DATE_REACH_DAYS]),
        ("in 2023", [0, 60, 60 + DATE_REACH_DAYS]),
    ],
)
def test_what_is_nearer_to_the_date_that_a_query_names_comes_first(query: str, days: list[int]) -> None:
    said = NOW_S + np.asarray(days) * DAY_S  # NOW_S is on 14 November 2023
    scores = rank(alike(3, timestamp_s=said, dates=date_spans(query)), NOW_S)
    assert scores[0] > scores[1] > scores[2]
    assert scores[2] == rank(alike(3, timestamp_s=said), NOW_S)[2]


@given(st.lists(st.floats(-6.2e10, 2.5e11), min_size=1, max_size=8))
def test_dates_can_be_looked_for_among_memories_of_any_time(timestamps: list[float]) -> None:
    spans = [DateSpan(None, 2, 29), DateSpan(2023), DateSpan(1, 1, 1)]
    scores = rank(alike(len(timestamps), timestamp_s=np.asarray(timestamps), dates=spans), NOW_S)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_good_answer_scores_near_1_and_what_has_nothing_to_do_with_the_query_near_0() -> None:
    good = {name: np.asarray([value]) for name, value in zip(MEASURED, (0.6, 0.6, 0.5, 0.5, 0.4), strict=True)}
    assert rank(alike(1, **good, **held(0, count=1)), NOW_S)[0] > 0.9
    unrelated = {name: np.asarray([value]) for name, value in zip(MEASURED, (0.0, 0.0, 0.1, 0.1, 0.1), strict=True)}
    assert rank(alike(1, **unrelated), NOW_S)[0] < 0.1


def test_what_is_asked_for_in_words_that_occur_nowhere_lowers_all_scores_and_changes_no_order() -> None:
    signals = alike(4, words=np.asarray([0.4, 0.9, 0.1, 0.6]))
    scores = [rank(replace(signals, unmet=each), NOW_S) for each in (0.0, UNMET_USUAL, 0.3, 0.9)]
    assert (scores[0] == scores[1]).all()
    assert (scores[1] > scores[2]).all()
    assert (scores[2] > scores[3]).all()
    assert len({tuple(np.argsort(each)) for each in scores}) == 1


def test_absent_words_tell_less_of_what_is_no_question() -> None:
    signals = alike(4, words=np.asarray([0.4, 0.9, 0.1, 0.6]), unmet=0.6)
    assert (rank(replace(signals, is_question=False), NOW_S) > rank(signals, NOW_S)).all()
    met = replace(signals, unmet=0.0)
    assert (rank(replace(met, is_question=False), NOW_S) == rank(met, NOW_S)).all()


def test_of_a_few_memories_absent_words_tell_little() -> None:
    assert telling_share(0) == 0
    assert telling_share(3) < 0.3
    assert 0.9 < telling_share(200) < 1


def test_a_word_is_unmet_as_far_as_it_is_the_meaning_and_brings_nothing_nearer() -> None:
    near, as_near, far = np.asarray([0.2, 0.5]), np.asarray([0.1, 0.55]), np.asarray([0.2, 0.3])
    assert unmet(0.8, 0.5, near, as_near) == pytest.approx(0.8 * 0.5**0.5)
    assert unmet(0.8, 0.9, near, as_near) > unmet(0.8, 0.5, near, as_near) > unmet(0.2, 0.5, near, as_near)
    assert unmet(0.8, 0.5, near, far) == 0.0  # without it nothing is as near: others mean the same
    assert unmet(0.8, 1.0, np.asarray([0.5]), None) == 0.0
    assert unmet(0.8, 1.0, np.asarray([0.16]), None) > 0.5
    assert unmet(-0.1, 0.5, near, as_near) == 0.0


@given(st.floats(-1, 1), st.floats(0, 1), st.lists(st.floats(-1, 1), max_size=4))
def test_what_is_unmet_is_between_0_and_1(cosine: float, share: float, cosines: list[float]) -> None:
    assert 0.0 <= unmet(cosine, share, np.asarray(cosines), np.asarray(cosines) / 2) <= 1.0
    assert 0.0 <= unmet(cosine, share, np.asarray(cosines), None) <= 1.0


def test_without_an_embedder_words_decide() -> None:
    words = np.asarray([0.1, 0.7, 0.3])
    scores = rank(alike(3, words=words, vector=None, context_vector=None, session_vector=None), NOW_S)
    assert np.argsort(-scores).tolist() == [1, 2, 0]


def test_a_memory_without_a_vector_is_ranked_by_its_words() -> None:
    vectors = np.asarray([np.nan, 0.2])
    scores = rank(alike(2, words=np.asarray([0.8, 0.1]), vector=vectors, context_vector=vectors), NOW_S)
    assert scores[0] > scores[1]


def test_nothing_to_rank_is_no_error() -> None:
    assert rank(alike(0), NOW_S).shape == (0,)


def test_what_is_outside_of_the_period_that_is_asked_for_loses_more_the_farther_it_is() -> None:
    away_s = np.asarray([0.0, 0.5, 1.0, 1.5, 3.0, 400.0]) * DAY_S
    period = (NOW_S - DAY_S, NOW_S)
    before = rank(alike(6, timestamp_s=NOW_S - away_s, period=period), NOW_S)
    assert before[0] == before[1] == before[2] > before[3] > before[4] == before[5]
    without = rank(alike(6, timestamp_s=NOW_S - away_s), NOW_S)
    assert before[0] == without[0]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_a_passage_is_a_memory_and_what_is_reached_from_it_step_by_step(turns: list[tuple[bool, bool, bool]]) -> None:
    count = len(turns)
    holds = np.asarray(turns).T[:2]
    breaks = [turn[2] for turn in turns]  # where a session ends
    before = np.asarray([place - 1 if place and not breaks[place - 1] else -1 for place in range(count)])
    after = np.asarray([place + 1 if place + 1 < count and not breaks[place] else -1 for place in range(count)])
    shares_of_terms = np.asarray([0.7, 0.3])
    signals = alike(count, holds=holds, term_shares=shares_of_terms, before=before, after=after)
    expected = []
    for place in range(count):
        reached = {place}
        for beside in (before, after):
            at = place
            for _ in range(PASSAGE_REACH):
                at = int(beside[at]) if at >= 0 else -1
                reached |= {at} - {-1}
        expected.append(WEIGHTS["passage"] * float(shares_of_terms @ holds[:, sorted(reached)].any(axis=1)))
    assert contributions(signals)["passage"].tolist() == pytest.approx(expected)
