"""Changes across several databases that succeeded only in some of them: what is done, and what to report."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

from services.kit.errors import ServiceError
from services.memory.domain.rows import Inserted, Restated


class DoneInPart(Exception):
    """Only part of a change is durable: `done` has the positions in the input, `error` the cause for the rest.

    For an insertion, `inserted` and `restated` have the results by position.
    """

    def __init__(
        self,
        done: Sequence[int],
        error: Exception,
        inserted: Mapping[int, Inserted] | None = None,
        restated: Mapping[int, Restated] | None = None,
    ) -> None:
        super().__init__(type(error).__name__)
        self.restated = restated or {}
        self.done = done
        self.error = error
        self.inserted = inserted or {}

    def missing(self, count: int) -> list[int]:
        """The positions, of `count`, that are not done."""
        return sorted(set(range(count)) - set(self.done))


def partial_store_error(error: Exception, missing: Sequence[int], count: int) -> Exception:
    """The error for a caller whose memories at positions `missing`, of `count`, are not stored; numbered from 1."""
    subject = "Memory" if len(missing) == 1 else "Memories"
    verb = "is" if len(missing) == 1 else "are"
    message = f"{subject} {_ranges(missing)} of {count} {verb} not stored, the others are"
    return _with_message(error, message, "Send the same again: nothing is stored twice.")


def partial_removal_error(error: Exception, removed: int, count: int) -> Exception:
    """The error for a caller whose memories were deleted only in part."""
    message = f"{removed} of {count} memories are removed, the others are not"
    return _with_message(error, message, "Delete again, without a confirmation first.")


def _with_message(error: Exception, message: str, suggestion: str) -> Exception:
    """The same kind of error with this text before its message; unexpected errors are returned unchanged."""
    if not isinstance(error, ServiceError):
        return error
    changed = copy.copy(error)
    changed.message = f"{message}: {error.message}"
    changed.args = (changed.message,)
    changed.suggestions = (*error.suggestions, suggestion)
    return changed


def _ranges(places: Sequence[int]) -> str:
    return ", ".join(f"{first + 1}" if first == last else f"{first + 1}-{last + 1}" for first, last in _runs(places))


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = places[0]
    for place in places[1:]:
        if place != last + 1:
            yield first, last
            first = place
        last = place
    yield first, last
