"""The index's columns: selection, neighbourhood in a session, and growth."""

from __future__ import annotations

import numpy as np

from services.memory.index.catalogue import Catalogue, Entry
from tests.growth import GROWTH_MAX, growth


def entry(sequence: int, session: str = "s", at: float = 0.0, user: str = "ann", project: str = "p") -> Entry:
    return Entry(sequence, user, project, session, at)


def test_select_finds_one_users_living_memories() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(1), entry(2, user="bob"), entry(3, project="q")])
    assert catalogue.select("ann").tolist() == [0, 2]
    assert catalogue.select("ann", ["q"]).tolist() == [2]
    assert catalogue.select("ann", ["nowhere"]).tolist() == []
    catalogue.remove([1])
    assert catalogue.select("ann").tolist() == [2]


def test_the_same_project_name_of_two_users_is_two_projects() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(1, user="ann"), entry(2, user="bob")])
    assert catalogue.select("bob", ["p"]).tolist() == [1]


def test_neighbours_come_in_the_order_of_time_whatever_the_order_of_storing() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(1, at=30), entry(2, at=10), entry(3, at=20), entry(4, session="t", at=15)])
    assert catalogue.around(2, 5) == ([1], [0])


def test_memories_of_the_same_moment_keep_the_order_of_storing() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(number, at=5) for number in range(4)])
    assert catalogue.around(1, 1) == ([0], [2])


def test_a_memory_without_a_session_has_no_neighbours() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(1, session=""), entry(2, session="")])
    assert catalogue.around(0, 2) == ([], [])


def test_a_removed_memory_is_nobodys_neighbour() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(number, at=number) for number in range(3)])
    assert catalogue.remove([1, 99]).tolist() == [1]
    assert catalogue.around(0, 2) == ([], [2])


def test_latest_is_the_last_not_later() -> None:
    catalogue = Catalogue()
    catalogue.add([entry(1, at=10), entry(2, at=20)])
    assert catalogue.latest("ann", "p", "s", 15) == 0
    assert catalogue.latest("ann", "p", "s", 20) == 1
    assert catalogue.latest("ann", "p", "s", 5) is None
    assert catalogue.latest("ann", "p", "other", 50) is None


def backwards(count: int) -> Catalogue:
    catalogue = Catalogue()
    catalogue.add([entry(number, at=count - number) for number in range(count)])
    return catalogue


def test_a_session_stored_backwards_is_in_the_order_of_time() -> None:
    catalogue = backwards(1_000)
    assert catalogue.around(500, 2) == ([502, 501], [499, 498])
    assert catalogue.latest("ann", "p", "s", 100.5) == 900
    catalogue.remove(range(490, 500))
    assert catalogue.around(500, 1) == ([501], [489])
    assert catalogue.latest("ann", "p", "s", 505) == 500


def test_a_session_stored_backwards_costs_in_proportion() -> None:
    assert growth(backwards, 8_000) < GROWTH_MAX


def test_columns_survive_growth() -> None:
    catalogue = Catalogue()
    for number in range(3000):
        catalogue.add([entry(number, session=str(number % 7), at=number)])
    assert np.array_equal(catalogue.column("sequence"), np.arange(3000))
