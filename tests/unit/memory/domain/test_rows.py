"""What passes between the operations and a store: rows that cannot be changed on the way."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.rows import Inserted, NewRow, Restated

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MEMORY = Memory("The pump leaks.", Kind.REFLECTION, "boat", NOW)


def test_a_row_has_no_embeddings_until_it_is_given_them() -> None:
    row = NewRow(MEMORY, "alice")
    assert (row.content_vector, row.context_vector) == (None, None)


def test_a_memory_that_was_said_again_is_no_new_row_unless_it_is_one() -> None:
    restated = Restated(7, MEMORY)
    assert (restated.row, restated.replaced) == (None, None)
    assert not Inserted(7, "id", NOW, duplicate=True, embedded=True).has_news


def test_a_row_is_not_changed_after_it_was_made() -> None:
    with pytest.raises(FrozenInstanceError):
        NewRow(MEMORY, "alice").user = "bob"  # type: ignore[misc]
