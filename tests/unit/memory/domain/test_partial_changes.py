"""What a caller is told of a change that was done in part: what is missing, and that repeating it is safe."""

from __future__ import annotations

import pytest

from services.kit.errors import Unavailable
from services.memory.domain.partial_changes import DoneInPart, partial_removal_error, partial_store_error


def test_what_is_missing_is_all_but_what_was_done() -> None:
    partial = DoneInPart([3, 0], OSError())
    assert partial.missing(5) == [1, 2, 4]
    assert DoneInPart([0, 1], OSError()).missing(2) == []


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ([0], "Memory 1 of 9 is not stored"),
        ([0, 1, 2], "Memories 1-3 of 9 are not stored"),
        ([0, 2, 3, 8], "Memories 1, 3-4, 9 of 9 are not stored"),
    ],
)
def test_the_missing_are_numbered_from_one_in_ranges(missing: list[int], told: str) -> None:
    error = partial_store_error(Unavailable("The disk is full.", "Free some."), missing, 9)
    assert str(error) == f"{told}, the others are: The disk is full."
    assert isinstance(error, Unavailable)
    assert error.suggestions == ("Free some.", "Send the same again: nothing is stored twice.")


def test_the_error_that_was_raised_stays_as_it_was() -> None:
    raised = Unavailable("The disk is full.")
    changed = partial_removal_error(raised, 2, 3)
    assert str(changed) == "2 of 3 memories are removed, the others are not: The disk is full."
    assert (raised.message, raised.suggestions) == ("The disk is full.", ())


def test_a_bug_stays_what_it_is() -> None:
    bug = ValueError("secret text")
    assert partial_store_error(bug, [0], 1) is bug
    assert "secret" not in str(DoneInPart([], bug))
