"""Where numbers stand among others, in a table or by bisection, and which of them are different ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.memory.index.slots.places import Places, distinct, table_max

numbers = st.lists(st.integers(-1, 40), max_size=30)


@given(st.sets(st.integers(0, 40)), numbers)
def test_each_has_the_place_that_a_list_gives_it(among: set[int], sought: list[int]) -> None:
    ascending = sorted(among)
    expected = [ascending.index(each) if each in among else -1 for each in sought]
    for every in (41, table_max + 1):
        places = Places(np.asarray(ascending, np.int64), every)
        assert places.of(np.asarray(sought, np.int32)).tolist() == expected


@given(numbers)
def test_the_different_ones_are_those_of_numpy(given_numbers: list[int]) -> None:
    sought = np.asarray(given_numbers, np.int64)
    for found, expected in zip(distinct(sought, 41), np.unique(sought, return_inverse=True), strict=True):
        assert found.tolist() == expected.tolist()
