"""The history: points per user and project, in a DuckDB file that this process alone writes.

DuckDB lets one process have a file. So among replicas one keeps the history and the others have it from there
(`peer.py`); a second process on the same file does not start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import duckdb

from services.kit.errors import InvalidInput, RateLimited, Unavailable
from services.kit.observability import telemetry
from services.quality.domain.evidence import clock_skew_max
from services.quality.domain.trend import Crossing, Point, crossings
from services.quality.storage.schema import migrate

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
points_max = 1000
waiting_max = 1000
name_max_chars = 500
KINDS = frozenset({"check", "checkpoint"})
_columns = "timestamp, overall, health, permissions, tools, coverage, commit, kind, operation_id"
_insert = f"INSERT INTO points (user_id, project, {_columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_mine = "FROM points WHERE user_id = ? AND project = ?"
_by_operation = f"SELECT {_columns} {_mine} AND operation_id = ?"
_newest = "ORDER BY timestamp DESC, operation_id DESC LIMIT"
_before = f"SELECT {_columns} {_mine} AND (timestamp, operation_id) < (?, ?) {_newest} 1"
_last = f"SELECT {_columns} {_mine} {_newest} ?"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What adding a point meant: `delta` to the point before it, None for the first."""

    duplicate: bool = False
    delta: float | None = None
    events: Sequence[Crossing] = field(default_factory=list)


class History(Protocol):
    """What the service needs of a history. A point that `record` acknowledged survives a kill."""

    async def record(self, user: str, project: str, point: Point) -> Recorded:
        """Adds the point, once for each operation id. Raises Unavailable where it cannot be kept."""
        ...

    async def points(self, user: str, project: str, limit: int) -> list[Point]:
        """The last `limit` points, oldest first."""
        ...


class DuckHistory:
    """One connection, used by one thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._waiting = 0

    async def record(self, user: str, project: str, point: Point) -> Recorded:
        """As the Protocol says."""
        return await self._run("record", lambda: self._record(user, project, point))

    async def points(self, user: str, project: str, limit: int) -> list[Point]:
        """As the Protocol says."""
        rows = await self._run("points", lambda: self._rows(_last, [user, project, limit]))
        return rows[::-1]

    async def _run(self, name: str, job: Callable[[], Result]) -> Result:
        if self._waiting >= waiting_max:
            raise RateLimited("Too much is waiting for the history.", "Send less at a time, or try again later.")
        self._waiting += 1
        try:
            with telemetry.query("duckdb", name, "points"):
                return await asyncio.get_running_loop().run_in_executor(self._thread, job)
        except (duckdb.IOException, duckdb.FatalException) as error:
            logger.error("the history failed: %s", type(error).__name__)  # noqa: TRY400  # its text may hold content
            raise Unavailable("The history cannot be used: is the disk full or read-only?", "Mend it.") from error
        finally:
            self._waiting -= 1

    def _record(self, user: str, project: str, point: Point) -> Recorded:
        there = self._rows(_by_operation, [user, project, point.operation_id])
        kept = there[0] if there else point
        before = self._rows(_before, [user, project, kept.timestamp, kept.operation_id])
        if not there:
            values = (getattr(point, name.strip()) for name in _columns.split(","))
            self._connection.execute(_insert, [user, project, *values])
        delta = round(kept.overall - before[0].overall, 2) if before else None
        return Recorded(bool(there), delta, crossings([*before, kept]))

    def _rows(self, statement: str, values: Sequence[object]) -> list[Point]:
        rows = self._connection.execute(statement, list(values)).fetchall()
        return [Point(time.astimezone(UTC), *rest) for time, *rest in rows]  # DuckDB has them in local time


@asynccontextmanager
async def open_history(path: Path) -> AsyncIterator[DuckHistory]:
    """The history in the file at `path`, made when it is not there; Unavailable where another process has it."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quality-history")
    try:
        connection = await asyncio.get_running_loop().run_in_executor(thread, connect, path)
        try:
            yield DuckHistory(connection, thread)
        finally:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
    finally:
        thread.shutdown()


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to the history at `path`; those of one process share it. Unavailable where it cannot be opened."""
    try:
        connection = duckdb.connect(path, config={"memory_limit": "64MB", "threads": 1})
    except duckdb.IOException as error:
        raise Unavailable(
            f"{path} cannot be opened: another process has it, or it cannot be written.",
            "Where another quality service has it, name that one in SEGUE_QUALITY_HISTORY_TARGET.",
        ) from error
    migrate(connection)
    return connection


def check_point(project: str, point: Point, now: datetime) -> Point:
    """The point where it can be kept; InvalidInput where it cannot be."""
    if not project or len(project) > name_max_chars:
        raise InvalidInput(f"A project has a name, of at most {name_max_chars} characters.")
    if not point.operation_id or len(point.operation_id) > name_max_chars or len(point.commit) > 100:
        raise InvalidInput("A point needs the id of the operation that made it.")
    if point.kind not in KINDS:
        raise InvalidInput("kind is neither check nor checkpoint.")
    scores = (point.overall, point.health, point.permissions, point.tools)
    if not all(0 <= score <= 100 for score in scores) or not 0 <= point.coverage <= 1:
        raise InvalidInput("Scores lie between 0 and 100, coverage between 0 and 1.")
    if point.timestamp > now + clock_skew_max:
        raise InvalidInput("The point is from the future.")
    return point
