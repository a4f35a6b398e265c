"""The number and size of each user's memories: counted once, then updated with new rows only."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import duckdb

users_max = 1_000
"""The number of users whose counts are cached, by most recent use."""
_since = """
    SELECT (SELECT coalesce(max(number), 0) FROM removals WHERE user_id = ?),
           count(*), coalesce(sum(size), 0)::BIGINT, coalesce(max(sequence), 0)
    FROM memories WHERE user_id = ? AND sequence > ?
"""
_versions = "SELECT coalesce(sum(size), 0)::BIGINT FROM versions WHERE user_id = ? AND removal IS NULL"


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts as of a deletion number and a sequence; rows are added in the order of sequences."""

    last_removal: int = 0
    memories: int = 0
    content_bytes: int = 0
    last_sequence: int = 0


class UsageCounts:
    """Counts for one database. Concurrent reads may overwrite each other's counts, all of which are correct."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, _Counted] = OrderedDict()
        self._rewrites = 0

    def forget(self) -> None:
        """Drops all counts, after rows were rewritten under new sequences and would be counted twice."""
        self._rewrites += 1
        self._counted.clear()

    def read(self, cursor: duckdb.DuckDBPyConnection, user: str) -> tuple[int, int]:
        """The number of the user's memories, and the bytes of their text and of what it was before."""
        memories, content_bytes = self._count_memories(cursor, user)
        return memories, content_bytes + int(cursor.execute(_versions, [user]).fetchall()[0][0])

    def _count_memories(self, cursor: duckdb.DuckDBPyConnection, user: str) -> tuple[int, int]:
        before, rewrites = self._counted.get(user, _Counted()), self._rewrites
        counted = _count(cursor, user, before)
        if counted.last_removal != before.last_removal and before.last_sequence:
            counted = _count(cursor, user, _Counted())  # counted memories were deleted
        if rewrites != self._rewrites:
            return counted.memories, counted.content_bytes
        self._counted[user] = counted
        self._counted.move_to_end(user)
        if len(self._counted) > users_max:
            self._counted.popitem(last=False)
        return counted.memories, counted.content_bytes


def _count(cursor: duckdb.DuckDBPyConnection, user: str, before: _Counted) -> _Counted:
    """One statement, so that deletions and rows are of the same moment."""
    rows = cursor.execute(_since, [user, user, before.last_sequence]).fetchall()
    last_removal, memories, content_bytes, last = rows[0]
    return _Counted(
        last_removal, before.memories + memories, before.content_bytes + content_bytes, max(before.last_sequence, last)
    )
