"""All of the index as plain arrays and names: what a snapshot keeps, and what the index is built from again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from services.memory.index.slots.growable_arrays import Names

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Contents:
    """The arrays and names of each part, under the part's name and a dot."""

    arrays: Mapping[str, NDArray[Any]]
    names: Mapping[str, Names]


def under(prefix: str, kept: Mapping[str, Kept]) -> dict[str, Kept]:
    """The same with `prefix` before each name."""
    return {prefix + name: each for name, each in kept.items()}


def part(prefix: str, kept: Mapping[str, Kept]) -> dict[str, Kept]:
    """What `under` was given for `prefix`."""
    return {name.removeprefix(prefix): each for name, each in kept.items() if name.startswith(prefix)}
