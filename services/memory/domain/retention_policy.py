"""How long memories are kept: a project's rule, the settings' for those without one, and when the clock is believed."""

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
"""What was stored since is not removed, however long ago it was said: an import can be thought over."""
in_force_after = timedelta(hours=1)
"""After it was set or changed a rule removes something, be it a project's or the settings': it can be taken back."""
jump_max = timedelta(days=7)
"""A clock that went on by more since it was last believed may be wrong."""
doubt_lasts = timedelta(days=1)
"""So long it must go on evenly to be believed again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Of one project, or of all without one where `project` is empty. None keeps for ever, and whatever the size.

    Memories go that were said last more than `days` ago, and the oldest beyond `size_mb` of text; reflections stay
    unless `reflections`.
    """

    project: str = ""
    days: int | None = None
    size_mb: float | None = None
    reflections: bool = False
    is_default: bool = False

    @property
    def keeps_all(self) -> bool:
        """Whether nothing ever goes by it."""
        return self.days is None and self.size_mb is None

    @property
    def words(self) -> str:
        """What is kept."""
        what = "conversations and reflections" if self.reflections else "conversations"
        limits = [f"for {self.days:,} days"] if self.days is not None else []
        limits += [f"up to {self.size_mb:g} MB, the newest"] if self.size_mb is not None else []
        return f"{what} kept {' and '.join(limits) or 'for ever'}"


def checked_rule(rule: Rule) -> Rule:
    """The rule, or InvalidInput with what is wrong with it."""
    at_most(len(rule.project), name_max_chars, "project", "characters")
    if not rule.project.strip():
        raise InvalidInput("A rule is for a project.", "What holds for all is a setting: SEGUE_MEMORY_RETENTION_DAYS.")
    if rule.days is not None and not 1 <= rule.days <= days_max:
        raise InvalidInput(f"days is {rule.days}; it takes 1 to {days_max:,}.")
    if rule.size_mb is not None and not 0 < rule.size_mb <= size_mb_max:
        raise InvalidInput(f"size_mb is {rule.size_mb}; it takes more than 0, and at most {size_mb_max:,.0f}.")
    return replace(rule, project=rule.project.strip())


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when the settings' rule is what it is."""

    rule: Rule
    since: datetime


def standing(kept: Standing | None, rule: Rule, now: datetime) -> Standing:
    """What is to be kept of the settings' rule at this moment: one that is another than before begins now.

    So does one whose beginning lies in the future: the clock was wrong then.
    """
    return kept if kept and kept.rule == rule and kept.since <= now else Standing(rule, now)


@dataclass(frozen=True, slots=True)
class Due:
    """Memories that are kept too long, the earliest said first: their sequences, and when each was said (microseconds
    since 1970)."""

    sequences: NDArray[np.int64]
    said_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sequences)

    def batches(self, most: int) -> Iterator[Due]:
        """All of them, so many at a time."""
        for begin in range(0, len(self), most):
            end = begin + most
            yield Due(self.sequences[begin:end], self.said_us[begin:end])


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of the clock: when it was last believed, since when it is doubted, and its last reading."""

    believed: datetime
    doubted_since: datetime | None = None
    seen: datetime | None = None

    @property
    def is_believed(self) -> bool:
        """Whether memories may be removed by it."""
        return self.doubted_since is None


def advance_clock(clock: Clock, now: datetime) -> Clock:
    """What is known after it shows `now`. A clock set back makes nothing old: it is believed."""
    if now - clock.believed <= jump_max:
        return Clock(believed=now)
    since = clock.doubted_since
    if since is None or clock.seen is None or not timedelta(0) <= now - clock.seen <= jump_max:
        return replace(clock, doubted_since=now, seen=now)
    if now - since >= doubt_lasts:
        return Clock(believed=now)
    return replace(clock, seen=now)
