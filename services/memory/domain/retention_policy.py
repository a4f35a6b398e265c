"""Retention rules: a project's own, the default for projects without one, and when the clock can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import InvalidInput
from services.memory.domain.memories import at_most, name_max_chars

days_max = 36_500
size_mb_max = 1_000_000.0
grace = timedelta(days=1)
"""Memories stored within this time are never removed, however old they are: an import can be reconsidered."""
in_force_after = timedelta(hours=1)
"""A new or changed rule, a project's or the default, removes nothing before this time: it can be reverted."""
jump_max = timedelta(days=7)
"""A larger jump since the clock was last trusted may be an error."""
doubt_lasts = timedelta(days=1)
"""How long the clock must run evenly to be trusted again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A retention rule of one project, or the default if `project` is empty. None means no limit.

    Removes memories last said more than `days` ago, and the oldest ones beyond `size_mb` of text; reflections only if
    `reflections`.
    """

    project: str = ""
    days: int | None = None
    size_mb: float | None = None
    reflections: bool = False
    is_default: bool = False

    @property
    def keeps_all(self) -> bool:
        """Whether the rule never removes anything."""
        return self.days is None and self.size_mb is None

    @property
    def words(self) -> str:
        """The rule in words."""
        what = "conversations and reflections" if self.reflections else "conversations"
        limits = [f"for {self.days:,} days"] if self.days is not None else []
        limits += [f"up to {self.size_mb:g} MB, the newest"] if self.size_mb is not None else []
        return f"{what} kept {' and '.join(limits) or 'for ever'}"


def checked_rule(rule: Rule) -> Rule:
    """The rule; InvalidInput with the reason if it is invalid."""
    at_most(len(rule.project), name_max_chars, "project", "characters")
    if not rule.project.strip():
        raise InvalidInput("project is empty.", "The default for all is a setting: SEGUE_MEMORY_RETENTION_DAYS.")
    if rule.days is not None and not 1 <= rule.days <= days_max:
        raise InvalidInput(f"days is {rule.days}; it takes 1 to {days_max:,}.")
    if rule.size_mb is not None and not 0 < rule.size_mb <= size_mb_max:
        raise InvalidInput(f"size_mb is {rule.size_mb}; it takes more than 0, and at most {size_mb_max:,.0f}.")
    return replace(rule, project=rule.project.strip())


@dataclass(frozen=True, slots=True)
class Standing:
    """The default rule, and since when it is in force."""

    rule: Rule
    since: datetime


def standing(kept: Standing | None, rule: Rule, now: datetime) -> Standing:
    """The default rule to record now: a changed rule starts at `now`.

    So does one that starts in the future: the clock was wrong when it was recorded.
    """
    return kept if kept and kept.rule == rule and kept.since <= now else Standing(rule, now)


@dataclass(frozen=True, slots=True)
class Due:
    """Memories that the rules no longer keep, the oldest first: their sequences, and when each was last said
    (microseconds since 1970)."""

    sequences: NDArray[np.int64]
    said_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sequences)

    def batches(self, most: int) -> Iterator[Due]:
        """All of them, in batches of at most `most`."""
        for begin in range(0, len(self), most):
            end = begin + most
            yield Due(self.sequences[begin:end], self.said_us[begin:end])


@dataclass(frozen=True, slots=True)
class Clock:
    """The state of the clock: when it was last trusted, since when it is in doubt, and its last reading."""

    believed: datetime
    doubted_since: datetime | None = None
    seen: datetime | None = None

    @property
    def is_believed(self) -> bool:
        """Whether retention may act on it."""
        return self.doubted_since is None


def advance_clock(clock: Clock, now: datetime) -> Clock:
    """The state after a reading of `now`. A clock set back is trusted: it makes no memory older."""
    if now - clock.believed <= jump_max:
        return Clock(believed=now)
    since = clock.doubted_since
    if since is None or clock.seen is None or not timedelta(0) <= now - clock.seen <= jump_max:
        return replace(clock, doubted_since=now, seen=now)
    if now - since >= doubt_lasts:
        return Clock(believed=now)
    return replace(clock, seen=now)
