"""Which decisions a later one reversed."""

from __future__ import annotations

import pytest

from services.gateway.workflows.reversals import reversed_places

POSTGRES = "Let's use Postgres for the orders table."


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("Actually, let's use MySQL for the orders table, operations only runs that.", POSTGRES),
        ("Let's use MySQL for the orders table after all; operations agreed.", POSTGRES),
        ("We will use MySQL for the orders table instead.", POSTGRES),
        ("No, go with MySQL for the  Orders table", POSTGRES),
        ("Let's go back to tabs in all makefiles", "From now on we use spaces in all makefiles, and tabs nowhere"),
    ],
)
def test_what_is_said_to_be_otherwise_is_reversed(later: str, earlier: str) -> None:
    assert reversed_places([later, "From now on, ship on Tuesdays.", earlier]) == {2}


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("Let's use Redis for the backend.", "Let's use Postgres for the backend."),
        ("Actually, let's use Postgres for the orders table.", POSTGRES),
        ("Actually, let's use MySQL for the carts table.", POSTGRES),
        ("Actually, ship on Fridays.", POSTGRES),
        (POSTGRES, "Actually, let's use MySQL for the orders table."),
    ],
)
def test_what_may_hold_beside_it_is_not(later: str, earlier: str) -> None:
    assert reversed_places([later, earlier]) == set()


def test_of_three_the_last_holds() -> None:
    there_and_back = [
        "Let's use Postgres for the orders table after all",
        "Actually, let's use MySQL for the orders table",
        POSTGRES,
    ]
    assert reversed_places(there_and_back) == {1}


@pytest.mark.parametrize("text", ["use " * 50_000, "use x for the " * 20_000, "actually " * 10_000, ""])
def test_any_text_is_looked_at_in_bounded_work(text: str) -> None:
    assert reversed_places([text, text]) in (set(), {1})
