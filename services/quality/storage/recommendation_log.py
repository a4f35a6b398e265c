"""What a person answered to recommendations and which of them they followed, beside the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import duckdb

from services.quality.domain.recommendations import Answer, Known, Standing, summary_begins, with_answer
from services.quality.storage.history import DuckHistory

_names = [each.name for each in fields(Standing)]
_columns = ", ".join(_names)
_mine = "FROM recommendations WHERE user_id = ? AND project = ?"
_select = f"SELECT {_columns} {_mine} ORDER BY id"
_one = f"SELECT {_columns} {_mine} AND id = ?"
_write = f"INSERT OR REPLACE INTO recommendations (user_id, project, {_columns}) VALUES (?, ?, {', '.join('?' * len(_names))})"  # noqa: S608, E501
_totals = "SELECT id, sum(followed), sum(refused) FROM recommendations WHERE user_id = ? GROUP BY id"
_helped = """SELECT id, count(DISTINCT user_id) FROM recommendations
    WHERE project = ? AND user_id <> ? AND shared AND followed > 0 GROUP BY id"""
_next = ". Next: "
_drop_next = """UPDATE points SET summary = left(summary, strpos(summary, ?3) - 1) || '.'
    WHERE user_id = ?1 AND project = ?2 AND contains(summary, ?3 || ?4)"""
_count = "SELECT count(*) FROM recommendations WHERE user_id = ?1 AND (?2 = '' OR project = ?2)"
_erase = "DELETE FROM recommendations WHERE user_id = ?1 AND (?2 = '' OR project = ?2)"


class RecommendationLog(Protocol):
    """A log of recommendations. What `answer` acknowledged survives a kill. All raise Unavailable."""

    async def of(self, user: str, project: str, *, shared: bool) -> Known:
        """What is known; of others only where the user shares memories in the project."""
        ...

    async def note(self, user: str, project: str, standings: Sequence[Standing]) -> None:
        """Keeps what a check has changed; leaves what was changed since the check read it."""
        ...

    async def answer(self, user: str, project: str, id: str, answer: Answer, days: int | None) -> Standing:
        """Keeps the answer, and drops the recommendation from recorded summaries; where it stands then."""
        ...

    async def erase(self, user: str, project: str) -> int:
        """Forgets all of the user's in the project, of all projects if it is empty; returns how many."""
        ...


class DuckRecommendationLog:
    """In the history's database, by its one thread."""

    def __init__(self, history: DuckHistory) -> None:
        self._history = history

    async def of(self, user: str, project: str, *, shared: bool) -> Known:
        """See RecommendationLog."""

        def read() -> Known:
            helped = self._connection.execute(_helped, [project, user]).fetchall() if shared else []
            totals = self._connection.execute(_totals, [user]).fetchall()
            return Known(
                {each.id: each for each in self._standings(_select, [user, project])},
                {name: (int(followed), int(refused)) for name, followed, refused in totals},
                {name: int(count) for name, count in helped},
            )

        return await self._history.run("recommendations", read)

    async def note(self, user: str, project: str, standings: Sequence[Standing]) -> None:
        """See RecommendationLog."""

        def write() -> None:
            with self._history.transaction():
                for each in standings:
                    before = self._standings(_one, [user, project, each.id])
                    if (before[0].version if before else 0) == each.version:
                        self._write(user, project, each)

        await self._history.run("note recommendations", write)

    async def answer(self, user: str, project: str, id: str, answer: Answer, days: int | None) -> Standing:
        """See RecommendationLog."""

        def write() -> Standing:
            with self._history.transaction():
                before = self._standings(_one, [user, project, id])
                standing = with_answer(before[0] if before else Standing(id), answer, days, datetime.now(UTC))
                written = self._write(user, project, standing)
                if answer != Answer.UNDO:
                    for begin in summary_begins(id):
                        self._connection.execute(_drop_next, [user, project, _next, begin])
            return written

        return await self._history.run("answer a recommendation", write)

    async def erase(self, user: str, project: str) -> int:
        """See RecommendationLog."""

        def erase() -> int:
            with self._history.transaction():
                count = self._connection.execute(_count, [user, project]).fetchall()[0][0]
                self._connection.execute(_erase, [user, project])
            return int(count)

        return await self._history.run("erase recommendations", erase)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return self._history.connection

    def _write(self, user: str, project: str, standing: Standing) -> Standing:
        written = replace(standing, version=standing.version + 1)
        self._connection.execute(_write, [user, project, *(getattr(written, name) for name in _names)])
        return written

    def _standings(self, statement: str, values: Sequence[object]) -> list[Standing]:
        rows = self._connection.execute(statement, list(values)).fetchall()
        return [Standing(*map(_in_utc, row)) for row in rows]


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value  # DuckDB returns local time
