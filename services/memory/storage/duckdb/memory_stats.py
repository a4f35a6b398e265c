"""The counts of what a user may read: a scan of all rows, kept until something is written to the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import duckdb

from services.memory.storage.duckdb.writer import Writer

kept_max = 200
"""Answers of different questions, by most recent use."""
_scan = """
    SELECT count(*) FILTER (kind = 'conversation'), count(*) FILTER (kind = 'reflection'),
           count(DISTINCT project), count(e.sequence), min(first_said), max(timestamp),
           count(*) FILTER (shared AND user_id = ?), count(*) FILTER (user_id <> ?),
           count(*) FILTER (stored_at >= ?), max(stored_at)
    FROM memories m LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ?
    WHERE (user_id = ? OR shared) AND (? = '' OR project = ?)
"""
Counts: TypeAlias = Sequence[Any]


class Question(NamedTuple):
    """Whose memories, of which project (as it is stored; all if empty), with embeddings of which model; and since when
    those count that were stored last."""

    user: str
    project: str
    model: str
    since: datetime | None


class MemoryStats:
    """Of one database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._kept: OrderedDict[Question, tuple[int, Counts]] = OrderedDict()

    def counts(self, asked: Question) -> Counts | None:
        """The counts, if nothing was written since they were read."""
        commits, counts = self._kept.get(asked, (-1, ()))
        return counts if commits == self._writer.commits else None

    def read(self, cursor: duckdb.DuckDBPyConnection, asked: Question) -> Counts:
        """The counts as they are now: conversations, reflections, projects, embedded, first and last said, shared by
        the user, shared by others, stored since, last stored."""
        commits = self._writer.commits  # a transaction that ends during the scan has another number
        user, project, model, since = asked
        parameters = [user, user, since, model, user, project, project]
        counts: Counts = cursor.execute(_scan, parameters).fetchall()[0]
        self._kept[asked] = (commits, counts)
        self._kept.move_to_end(asked)
        while len(self._kept) > kept_max:
            self._kept.popitem(last=False)
        return counts
