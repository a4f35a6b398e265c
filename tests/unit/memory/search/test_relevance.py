"""An exchange answers as one: the reply comes before what it answers, and nothing else changes its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import EVERYTHING
from services.memory.index.asked import Asked
from services.memory.index.entries import new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.search.relevance import FOLLOWING_SHARE, REPLY_SHARE, questions_followed, replies_first
from services.memory.text.terms import query_terms
from tests.unit.memory.search.test_scoring import alike, in_a_session

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def exchange(*scores: float, **given: Any) -> list[float]:
    """What the scores become of a user's turn, its reply and what the user says then."""
    signals = in_a_session(3, replies=np.asarray([False, True, False]), **given)
    changed: list[float] = replies_first(signals, np.asarray(scores)).tolist()
    return changed


def test_the_reply_comes_before_the_turn_that_it_answers() -> None:
    assert exchange(0.9, 0.6, 0.7) == [0.6, 0.9, 0.7]


def test_a_reply_that_is_first_stays_first() -> None:
    assert exchange(0.6, 0.9, 0.7) == [0.6, 0.9, 0.7]


def test_a_reply_about_something_else_stays_behind() -> None:
    assert exchange(0.9, 0.9 * REPLY_SHARE - 0.01, 0.2) == [0.9, 0.9 * REPLY_SHARE - 0.01, 0.2]


def test_a_reply_that_says_less_than_what_it_answers_stays_behind() -> None:
    assert exchange(0.9, 0.6, 0.7, length=np.asarray([20, 2, 20])) == [0.9, 0.6, 0.7]


def test_a_reply_that_asks_back_stays_behind() -> None:
    assert exchange(0.9, 0.6, 0.7, asks=np.asarray([True, True, False])) == [0.9, 0.6, 0.7]


def test_what_a_user_says_after_the_reply_changes_no_place() -> None:
    assert exchange(0.3, 0.9, 0.8) == [0.3, 0.9, 0.8]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans(), st.integers(0, 40)), min_size=1, max_size=12))
def test_scores_change_places_in_pairs_and_no_reply_falls_behind(turns: list[tuple[float, bool, bool, int]]) -> None:
    scores, by_user, asks, length = (np.asarray(each) for each in zip(*turns, strict=True))
    replies = ~by_user & np.concatenate(([False], by_user[:-1]))
    changed = replies_first(in_a_session(len(turns), replies=replies, asks=asks, length=length), scores)
    assert np.sort(changed).tolist() == np.sort(scores).tolist()
    assert (changed[replies] >= scores[replies]).all()
    assert (changed[~replies] <= scores[~replies]).all()


def followed(*scores: float, asks: tuple[bool, ...] = (True, False, False)) -> list[int]:
    """The order of a question, what is said then, and one turn more."""
    changed = questions_followed(in_a_session(3, asks=np.asarray(asks)), np.asarray(scores))
    order: list[int] = np.argsort(-changed, kind="stable").tolist()
    return order


def test_what_follows_a_question_comes_right_after_it_if_it_is_nearly_as_good() -> None:
    assert followed(0.9, 0.9 * FOLLOWING_SHARE + 0.01, 0.89) == [0, 1, 2]
    assert followed(0.9, 0.9 * FOLLOWING_SHARE - 0.01, 0.89) == [0, 2, 1]


def test_what_follows_no_question_and_a_question_back_stay_where_they_are() -> None:
    assert followed(0.9, 0.87, 0.89, asks=(False, False, False)) == [0, 2, 1]
    assert followed(0.9, 0.87, 0.89, asks=(True, True, False)) == [0, 2, 1]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=12))
def test_after_a_question_nothing_falls_and_nothing_passes_it(turns: list[tuple[float, bool]]) -> None:
    scores, asks = (np.asarray(each) for each in zip(*turns, strict=True))
    changed = questions_followed(in_a_session(len(turns), asks=asks), scores)
    assert (changed >= scores).all()
    assert changed.max() == scores.max()


@given(st.lists(st.floats(0, 1), max_size=12))
def test_where_nobody_says_who_spoke_every_score_stays(scores: list[float]) -> None:
    signals = alike(len(scores))
    assert replies_first(signals, np.asarray(scores)).tolist() == scores


async def test_the_index_knows_what_an_assistant_said_right_after_a_user() -> None:
    roles = ("assistant", "User", "assistant", "assistant", "user", "")
    turns = [
        Memory(f"of the parser, {n}", Kind.CONVERSATION, "p", BEGAN + timedelta(minutes=n), "a", role)
        for n, role in enumerate(roles)
    ]
    with MemoryIndex(8) as index:
        await index.add([new_entry(place, "ann", turn) for place, turn in enumerate(turns)])
        asked = Asked(query_terms("parser"), frozenset(), None)
        found = await index.candidates("ann", ["p"], asked, EVERYTHING)
    assert found.signals.replies.tolist() == [False, False, True, False, False, False]
