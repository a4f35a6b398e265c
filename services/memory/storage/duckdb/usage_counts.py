"""How many memories are a user's, and how large: counted once, and from then on only what came since."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import duckdb

users_max = 1_000
"""Users whose counts are kept, those that were asked for last."""
_since = """
    SELECT (SELECT coalesce(max(number), 0) FROM removals WHERE user_id = ?),
           count(*), coalesce(sum(size), 0)::BIGINT, coalesce(max(sequence), 0)
    FROM memories WHERE user_id = ? AND sequence > ?
"""


@dataclass(frozen=True, slots=True)
class _Counted:
    """As it was at the removal of that number, up to that sequence; rows come in the order of their sequences."""

    last_removal: int = 0
    memories: int = 0
    content_bytes: int = 0
    last_sequence: int = 0


class UsageCounts:
    """Of one database. Reads at once may overwrite each other's counts: each is right as far as it goes."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, _Counted] = OrderedDict()
        self._rewrites = 0

    def forget(self) -> None:
        """After rows were written anew under other sequences: what is known of them counts them twice."""
        self._rewrites += 1
        self._counted.clear()

    def read(self, cursor: duckdb.DuckDBPyConnection, user: str) -> tuple[int, int]:
        """How many memories are the user's, and the bytes of their contents."""
        before, rewrites = self._counted.get(user, _Counted()), self._rewrites
        counted = _count(cursor, user, before)
        if counted.last_removal != before.last_removal and before.last_sequence:
            counted = _count(cursor, user, _Counted())  # something that was counted has gone
        if rewrites != self._rewrites:
            return counted.memories, counted.content_bytes
        self._counted[user] = counted
        self._counted.move_to_end(user)
        if len(self._counted) > users_max:
            self._counted.popitem(last=False)
        return counted.memories, counted.content_bytes


def _count(cursor: duckdb.DuckDBPyConnection, user: str, before: _Counted) -> _Counted:
    """In one statement, so that removals and rows are those of one moment."""
    rows = cursor.execute(_since, [user, user, before.last_sequence]).fetchall()
    last_removal, memories, content_bytes, last = rows[0]
    return _Counted(
        last_removal, before.memories + memories, before.content_bytes + content_bytes, max(before.last_sequence, last)
    )
