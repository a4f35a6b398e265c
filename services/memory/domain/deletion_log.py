"""The deletion log: when, by whom, why, how many and which ids. It never holds content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
    UNREADABLE = "unreadable"
    """To store the same again: the row could not be read."""
    MOVED = "moved"
    """To another database, with its project."""


def utc_now() -> datetime:
    """The current time by the system clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Removing:
    """Who deletes, and why."""

    actor: str
    reason: Reason = Reason.USER
    at: datetime = field(default_factory=utc_now)

    @property
    def is_final(self) -> bool:
        """Whether it cannot be undone, and does not keep out what is stored again."""
        return self.reason in {Reason.UNREADABLE, Reason.MOVED}


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
    restored: int = 0
    """How many of them were brought back."""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What to bring back of the user's deletions: these ids, or all that was deleted at one moment."""

    user: str
    ids: Sequence[str] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What was brought back. Not so: `there`, since the same is stored again; `late`, since it is erased."""

    sequences: Sequence[int] = ()
    restored: frozenset[str] = frozenset()
    there: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    late_count: int = 0
    """Of a moment's deletion, where the ids of what is erased are not known any more."""


def checked_page(limit: int) -> int:
    """The limit, or InvalidInput."""
    if not 1 <= limit <= page_max:
        raise InvalidInput(f"limit is {limit}; it takes 1 to {page_max}.")
    return limit
