"""Deleted memories as they are compared with what is to be brought back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.memory.domain.deletion_log import Undoing, Undone


class Deleted(NamedTuple):
    """A deleted memory; `is_there`: the same is stored again."""

    sequence: int
    id: str
    key: str
    removal: int
    is_there: bool


def restorable(found: Iterable[Deleted]) -> list[Deleted]:
    """Those that are not stored again."""
    return [each for each in found if not each.is_there]


def outcome(found: Sequence[Deleted], stored: set[str]) -> Undone:
    """The outcome for what was found, once it is restored; `stored` are those of the ids that are there now."""
    back = restorable(found)
    ids = frozenset(each.id for each in back)
    there = frozenset({each.id for each in found if each.is_there} | stored) - ids
    return Undone(sequences=tuple(each.sequence for each in back), restored=ids, there=there)


def ids_left(undoing: Undoing, done: Undone) -> list[str]:
    """Those of the ids of which nothing is known yet."""
    return [each for each in undoing.ids if each not in done.there and each not in done.restored]
