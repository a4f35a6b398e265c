"""The index as plain arrays and names: the contents of a snapshot, from which it can be restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Names

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Contents:
    """The arrays and names of all parts, each prefixed by its part's name and a dot."""

    arrays: Mapping[str, NDArray[Any]]
    names: Mapping[str, Names]


def under(prefix: str, kept: Mapping[str, Kept]) -> dict[str, Kept]:
    """The entries with `prefix` added to each name."""
    return {prefix + name: each for name, each in kept.items()}


def part(prefix: str, kept: Mapping[str, Kept]) -> dict[str, Kept]:
    """The entries that `under` made with `prefix`, without the prefix."""
    return {name.removeprefix(prefix): each for name, each in kept.items() if name.startswith(prefix)}
