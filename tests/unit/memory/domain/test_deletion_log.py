"""The log of removals is read in pages of a size that is checked."""

from __future__ import annotations

import pytest

from services.kit.errors import InvalidInput
from services.memory.domain.deletion_log import Reason, Removing, checked_page, page_max


@pytest.mark.parametrize("limit", [1, page_max])
def test_a_page_has_from_one_entry_to_the_most(limit: int) -> None:
    assert checked_page(limit) == limit


@pytest.mark.parametrize("limit", [0, -1, page_max + 1])
def test_another_size_is_refused_with_what_is_taken(limit: int) -> None:
    with pytest.raises(InvalidInput, match=f"{limit}; it takes 1 to {page_max}"):
        checked_page(limit)


def test_whoever_removes_is_taken_for_a_user_unless_a_rule_does() -> None:
    assert Removing("alice").reason is Reason.USER
    assert Removing("retention", Reason.RETENTION).reason == "retention"
