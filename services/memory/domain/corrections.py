"""Corrections: what is changed in a memory, and what is in force of what was replaced or withdrawn.

A memory is in force unless it was withdrawn, or a memory that is still stored replaces it, since it was said last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.kit.errors import InvalidInput
from services.memory.domain.memories import Memory, id_key


@dataclass(frozen=True, slots=True)
class Edit:
    """What shall be different in a memory; None is as it was."""

    content: str | None = None
    project: str | None = None
    tags: Sequence[str] | None = None

    def apply(self, memory: Memory) -> Memory:
        """The memory as it shall be; InvalidInput if nothing is to be changed."""
        if self.content is None and self.project is None and self.tags is None:
            raise InvalidInput("Nothing is to be changed.", "Give content, tags or project.")
        return replace(
            memory,
            content=memory.content if self.content is None else self.content,
            project=memory.project if self.project is None else self.project,
            tags=memory.tags if self.tags is None else tuple(self.tags),
        )


@dataclass(frozen=True, slots=True)
class Replacement:
    """A memory of `user` is replaced by that of sequence `by`, if it was not said after `at`."""

    user: str
    id: str
    by: int
    at: datetime

    @property
    def key(self) -> str:
        """The key of the memory that is replaced."""
        return str(id_key(self.user, self.id))


@dataclass(frozen=True, slots=True)
class Void:
    """Until when what is said of a memory is not in force (seconds since 1970); and the sequences of what replaces it,
    the latest first, with until when each does."""

    until_s: float
    by: tuple[int, ...] = ()
    each_until_s: tuple[float, ...] = ()

    def since(self, said_s: float) -> Void:
        """Without what no longer counts, as the memory was said again since."""
        held = [(by, at) for by, at in zip(self.by, self.each_until_s, strict=True) if at >= said_s]
        return Void(self.until_s, tuple(by for by, _ in held), tuple(at for _, at in held))


@dataclass(frozen=True, slots=True)
class Corrections:
    """What replaces what, and what was withdrawn when, of all users."""

    replacements: Sequence[Replacement] = ()
    withdrawals: Mapping[int, datetime] = field(default_factory=dict)


def voids(corrections: Corrections, sequences: Mapping[str, int]) -> dict[int, Void]:
    """What is void until when, by sequence; `sequences` are those of the replaced memories, by key."""
    until = {each: at.timestamp() for each, at in corrections.withdrawals.items()}
    by: dict[int, list[Replacement]] = {}
    for each in corrections.replacements:
        sequence = sequences.get(each.key)
        if sequence is not None and sequence != each.by:
            by.setdefault(sequence, []).append(each)
            until[sequence] = max(until.get(sequence, 0.0), each.at.timestamp())
    return {sequence: _void(at_s, by.get(sequence, ())) for sequence, at_s in until.items()}


def _void(until_s: float, by: Sequence[Replacement]) -> Void:
    latest_first = sorted(by, key=lambda one: (one.at, one.by), reverse=True)
    return Void(until_s, tuple(each.by for each in latest_first), tuple(each.at.timestamp() for each in latest_first))
