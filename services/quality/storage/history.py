"""The history: points per user and project, in a DuckDB file that only this process writes.

DuckDB allows one process per file. Of several replicas, one keeps the history and the others call it
(`remote_history.py`); a second process on the same file does not start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb

from services.kit.errors import InvalidInput, RateLimited, Unavailable
from services.kit.events import duckdb_outbox
from services.kit.events.outbox import OutgoingEvent, Taken, outgoing
from services.kit.observability import telemetry
from services.quality.domain.evidence import clock_skew_max
from services.quality.domain.trend import Crossing, Point, crossings
from services.quality.storage.schema import migrate

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
points_max = 1000
waiting_max = 1000
name_max_chars = 500
summary_max_chars = 1000
KINDS = frozenset({"check", "checkpoint"})
_columns = "timestamp, overall, health, permissions, tools, coverage, commit, kind, operation_id, rules, summary"
_insert = f"INSERT INTO points (user_id, project, {_columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_move = (
    """INSERT INTO points BY NAME SELECT * REPLACE (?3 AS project) FROM points p WHERE user_id = ?1 AND project = ?2
       AND operation_id NOT IN (SELECT operation_id FROM points WHERE user_id = ?1 AND project = ?3)""",
    "DELETE FROM points WHERE user_id = ?1 AND project = ?2 AND ?3 <> ''",
    *(
        statement.format(table)
        for table in ("handed_reports", "handed_evidence", "recommendations")
        for statement in (
            """INSERT OR IGNORE INTO {0} BY NAME
               SELECT * REPLACE (?3 AS project) FROM {0} WHERE user_id = ?1 AND project = ?2""",
            "DELETE FROM {0} WHERE user_id = ?1 AND project = ?2 AND ?3 <> ''",
        )
    ),
)
_mine = "FROM points WHERE user_id = ? AND project = ?"
_by_operation = f"SELECT {_columns} {_mine} AND operation_id = ?"
_newest = "ORDER BY timestamp DESC, operation_id DESC LIMIT"
_before = f"SELECT {_columns} {_mine} AND (timestamp, operation_id) < (?, ?) {_newest} 1"
_last = f"SELECT {_columns} {_mine} {_newest} ?"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of adding a point: `delta` to the point before it, None for the first."""

    duplicate: bool = False
    delta: float | None = None
    events: Sequence[Crossing] = field(default_factory=list)


class History(Protocol):
    """A history of scores. A point that `record` acknowledged survives a kill."""

    async def record(self, user: str, project: str, point: Point) -> Recorded:
        """Adds the point, once per operation id. Raises Unavailable if it cannot be stored."""
        ...

    async def points(self, user: str, project: str, limit: int) -> list[Point]:
        """The last `limit` points, oldest first."""
        ...

    async def move(self, user: str, source: str, target: str) -> int:
        """Files the points of one project under another; returns how many. May be repeated."""
        ...


class DuckHistory:
    """One connection, used by one thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, thread: ThreadPoolExecutor, events_max: int = 0) -> None:
        self._connection = connection
        self._events_max = events_max
        self._thread = thread
        self._waiting = 0

    async def record(self, user: str, project: str, point: Point) -> Recorded:
        return await self.run("record", lambda: self._record(user, project, point))

    async def points(self, user: str, project: str, limit: int) -> list[Point]:
        rows = await self.run("points", lambda: self._rows(_last, [user, project, limit]))
        return rows[::-1]

    async def move(self, user: str, source: str, target: str) -> int:
        return await self.run("move", lambda: self._move(user, source, target))

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """For jobs that `run` runs."""
        return self._connection

    async def run(self, name: str, job: Callable[[], Result]) -> Result:
        """The job's result, in the one thread that may use the connection. RateLimited, Unavailable."""
        if self._waiting >= waiting_max:
            raise RateLimited("Too many calls wait for the history.", "Send less at a time, or try again later.")
        self._waiting += 1
        try:
            with telemetry.query("duckdb", name, "points"):
                run = copy_context().run  # events know the trace that they happened in
                return await asyncio.get_running_loop().run_in_executor(self._thread, run, job)
        except (duckdb.IOException, duckdb.FatalException) as error:
            logger.error("the history failed: %s", type(error).__name__)  # noqa: TRY400  # its text may hold content
            raise Unavailable("The history cannot be used: is the disk full or read-only?", "Fix that.") from error
        finally:
            self._waiting -= 1

    def _record(self, user: str, project: str, point: Point) -> Recorded:
        there = self._rows(_by_operation, [user, project, point.operation_id])
        kept = there[0] if there else point
        before = self._rows(_before, [user, project, kept.timestamp, kept.operation_id])
        before = [each for each in before if each.rules == kept.rules]
        delta = round(kept.overall - before[0].overall, 2) if before else None
        if not there:
            self._add(user, project, point, delta)
        return Recorded(bool(there), delta, crossings([*before, kept]))

    def _add(self, user: str, project: str, point: Point, delta: float | None) -> None:
        values = (getattr(point, name.strip()) for name in _columns.split(","))
        with self.transaction():
            self._connection.execute(_insert, [user, project, *values])
            duckdb_outbox.write(self._connection, [_event(user, point, delta)], self._events_max)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits at its end; nothing is changed if anything fails."""
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    async def take(self, most: int) -> Taken:
        return await self.run("take events", lambda: duckdb_outbox.take(self._connection, most))

    async def settle(self, number: int) -> None:
        def settle() -> None:
            with self.transaction():
                duckdb_outbox.settle(self._connection, number)

        await self.run("settle events", settle)

    def _move(self, user: str, source: str, target: str) -> int:
        """A point that the other has by the same operation is one and the same."""
        names = [user, source, target]
        with self.transaction():
            count = self._connection.execute("SELECT count(*) FROM points WHERE user_id = ? AND project = ?", names[:2])
            moved = int((count.fetchone() or (0,))[0])
            for statement in _move:
                self._connection.execute(statement, names)
        return moved

    def _rows(self, statement: str, values: Sequence[object]) -> list[Point]:
        rows = self._connection.execute(statement, list(values)).fetchall()
        return [Point(time.astimezone(UTC), *rest) for time, *rest in rows]  # DuckDB returns local time


def _event(user: str, point: Point, delta: float | None) -> OutgoingEvent:
    return outgoing(
        "quality.recorded",
        user,
        point.timestamp,
        {
            "quality": point.overall,
            "delta": delta,
            "coverage": point.coverage,
            "kind": point.kind,
            "operation_id": point.operation_id,
            "git_commit": point.commit,
        },
    )


@asynccontextmanager
async def open_history(path: Path, events_max: int = 0) -> AsyncIterator[DuckHistory]:
    """The history in the file at `path`, created if missing; Unavailable if another process has it open."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quality-history")
    try:
        connection = await asyncio.get_running_loop().run_in_executor(thread, connect, path)
        try:
            yield DuckHistory(connection, thread, events_max)
        finally:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
    finally:
        thread.shutdown()


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to the history at `path`, shared within the process. Unavailable if it cannot be opened."""
    try:
        connection = duckdb.connect(path, config={"memory_limit": "64MB", "threads": 1})
    except duckdb.IOException as error:
        raise Unavailable(
            f"{path} cannot be opened: another process has it open, or it is not writable.",
            "If another quality service has it open, set SEGUE_QUALITY_HISTORY_TARGET to its address.",
        ) from error
    migrate(connection)
    return connection


def check_point(project: str, point: Point, now: datetime) -> Point:
    """The point if it is valid; InvalidInput if it is not."""
    if not project or len(project) > name_max_chars:
        raise InvalidInput(f"project must have 1 to {name_max_chars} characters.")
    if not point.operation_id or len(point.operation_id) > name_max_chars or len(point.commit) > 100:
        raise InvalidInput("A point needs the id of the operation that made it.")
    if len(point.summary) > summary_max_chars:
        raise InvalidInput(f"summary has at most {summary_max_chars} characters.")
    if point.kind not in KINDS:
        raise InvalidInput("kind must be check or checkpoint.")
    scores = (point.overall, point.health, point.permissions, point.tools)
    if not all(0 <= score <= 100 for score in scores) or not 0 <= point.coverage <= 1:
        raise InvalidInput("Scores must be from 0 to 100, coverage from 0 to 1.")
    if point.timestamp > now + clock_skew_max:
        raise InvalidInput("timestamp is in the future.")
    return point
