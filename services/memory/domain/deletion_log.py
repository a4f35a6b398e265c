"""The deletion log: when, by whom, why, how many and which ids. It never holds content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kit.errors import InvalidInput

entries_max = 10_000
"""Entries that a database keeps; older ones are dropped."""
ids_max = 1_000
"""Ids listed in one entry; its count covers all."""
page_max = 1_000


class Reason(StrEnum):
    """Why memories were deleted."""

    USER = "user"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Removing:
    """Who deletes, and why."""

    actor: str
    reason: Reason = Reason.USER


@dataclass(frozen=True, slots=True)
class Removal:
    """One deletion in one project of `user`; `erased`: the text has left the database file, too."""

    removed_at: datetime
    user: str
    actor: str
    reason: Reason
    project: str
    ids: Sequence[str]
    count: int
    erased: bool


def checked_page(limit: int) -> int:
    """The limit, or InvalidInput."""
    if not 1 <= limit <= page_max:
        raise InvalidInput(f"limit is {limit}; it takes 1 to {page_max}.")
    return limit
