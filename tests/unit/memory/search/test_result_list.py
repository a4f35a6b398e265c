"""The order of results and what is folded under them, against the plain way of saying it."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.memory.domain.queries import Query
from services.memory.index.asked import Candidates
from services.memory.search.result_list import ranking
from tests.unit.memory.search.test_scoring import NOW_S, alike

found = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12
)  # of each candidate: its score, its wording (0 for none) and how many days ago it was said


@given(found, st.randoms(use_true_random=False))
def test_what_says_the_same_is_one_result_where_the_best_stands_and_the_latest_is_it(
    given_ones: list[tuple[int, int, int]], random: Any
) -> None:
    count = len(given_ones)
    sequence = random.sample(range(100), count)
    scores = [score / 5 for score, _, _ in given_ones]
    said_s = [NOW_S - 86_400 * days for _, _, days in given_ones]
    best = sorted(range(count), key=lambda place: (-scores[place], sequence[place]))
    groups: dict[int, list[int]] = {}
    for place in best:
        groups.setdefault(given_ones[place][1] or -1 - place, []).append(place)
    by_time = [sorted(each, key=lambda place: -said_s[place]) for each in groups.values()]
    made = ranking(
        Candidates(
            np.asarray(sequence),
            np.asarray([wording for _, wording, _ in given_ones], np.uint64),
            alike(count, timestamp_s=np.asarray(said_s)),
            np.ones(count, np.bool_),
            count,
            count,
            np.full(count, -1, np.int16),
        ),
        np.asarray(scores),
        Query("anything", min_score=0.0),
    )
    assert made.sequences[: len(made)] == [sequence[first] for first, *_ in by_time]
    for place, (_, *rest) in enumerate(by_time):
        assert sorted(made.folded_sequences(place)) == sorted(sequence[each] for each in rest)
