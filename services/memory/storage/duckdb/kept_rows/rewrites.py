"""Which rows transactions changed or removed: whoever keeps rows forgets these."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

RewrittenBy: TypeAlias = Callable[[Any], Iterable[int] | None]
"""Of a job's outcome: the sequences of the rows that it changed or removed; None: it may have been any."""


def any_row(_: Any) -> None:
    """Of a job that does not say."""
    return


def no_row(_: Any) -> Iterable[int]:
    """Of a job that only adds to what is there."""
    return ()


class Rewrites:
    """Noted by the writer before a transaction is answered; read by any thread."""

    def __init__(self, noted_max: int = 256) -> None:
        self._lock = threading.Lock()
        self._noted: deque[frozenset[int] | None] = deque(maxlen=noted_max)
        self.number = 0
        """Of the transactions so far that changed or removed rows: what was read at the same number is still so."""

    def note(self, rows: Iterable[int] | None) -> None:
        """Notes one transaction's; None: any row may be another now."""
        with self._lock:
            self._noted.append(None if rows is None else frozenset(rows))
            self.number += 1

    def since(self, number: int) -> tuple[int, frozenset[int] | None]:
        """The number now, and the rows rewritten since; None if that may be any row."""
        with self._lock:
            missed = self.number - number
            noted = list(self._noted)[len(self._noted) - missed :] if missed <= len(self._noted) else [None]
            known = [rows for rows in noted if rows is not None]
            return self.number, frozenset().union(*known) if len(known) == len(noted) else None
