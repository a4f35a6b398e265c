"""The only thread that writes to the database: a bounded queue, whose waiting jobs share a transaction.

A job is answered once its transaction is durable.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import duckdb

from services.kit.errors import RateLimited, ServiceError, Unavailable
from services.kit.observability import telemetry
from services.memory.storage.duckdb.kept_rows.rewrites import Rewrites, RewrittenBy, any_row, no_row

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Connection = duckdb.DuckDBPyConnection
Job = Callable[[Connection], Any]

group_max = 64
"""The maximum number of jobs that share one transaction."""


@dataclass(slots=True)
class _Waiting:
    job: Job
    answer: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    alone: bool = False
    rewritten: RewrittenBy = any_row
    outcome: Any = None
    context: Context = field(default_factory=copy_context)
    """The caller's, by which events know the trace that they happened in."""

    def run(self, connection: Connection) -> Any:
        return self.context.run(self.job, connection)

    def settle(self, error: BaseException | None) -> None:
        self.loop.call_soon_threadsafe(self._set, error)

    def _set(self, error: BaseException | None) -> None:
        if self.answer.done():  # the caller was cancelled
            return
        if error is None:
            self.answer.set_result(self.outcome)
        else:
            self.answer.set_exception(error)


class Writer:
    """Opened with `async with`; closing it finishes the queued jobs."""

    def __init__(
        self, connection: Connection, write_queue_max: int, revive: Callable[[Connection], Connection] | None = None
    ) -> None:
        self._connection = connection
        self._revive = revive
        self._revived = False
        self._is_given_up = False
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(write_queue_max)
        self._thread = threading.Thread(target=self._work, name="memory-writer", daemon=True)
        self.commits = 0
        """Grows with each transaction before it is answered: what was read at the same number is still so."""
        self.rewrites = Rewrites()

    async def __aenter__(self) -> Writer:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._queue.put, None)
        await asyncio.to_thread(self._thread.join)

    async def run(self, job: Callable[[Connection], Result], *, rewritten: RewrittenBy = any_row) -> Result:
        """The result of `job`, once its transaction is durable; RateLimited if the queue is full."""
        loop = asyncio.get_running_loop()
        result: Result = await self._put(_Waiting(job, loop.create_future(), loop, rewritten=rewritten))
        return result

    async def replace(self, job: Callable[[Connection], Connection]) -> None:
        """Runs `job` outside of transactions; the writer then uses the connection it returns.

        If it returns another connection, it must have closed the earlier one. If it fails after that, every write fails
        until another `replace`.
        """
        loop = asyncio.get_running_loop()
        await self._put(_Waiting(job, loop.create_future(), loop, alone=True))

    async def _put(self, waiting: _Waiting) -> Any:
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise RateLimited("Too many writes are waiting.", "Send less at a time, or try again later.") from None
        telemetry.waiting("write_queue").add(1)
        return await waiting.answer

    def _work(self) -> None:
        more = True
        while more:
            first = self._queue.get()
            if first is None:
                return
            group, more = self._group(first)
            telemetry.waiting("write_queue").add(-len(group))
            self._commit([each for each in group if not each.alone])
            for waiting in group:
                if waiting.alone:
                    self._replace(waiting)

    def _group(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """`first` and the jobs behind it, up to one that must run alone; and whether the queue is still open."""
        group = [first]
        while len(group) < group_max and not group[-1].alone:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, False
            group.append(following)
        return group, True

    def _replace(self, waiting: _Waiting) -> None:
        try:
            self._connection = waiting.job(self._connection)
        except Exception as error:  # the caller must get it
            waiting.settle(_as_service_error(error))
        else:
            self._is_given_up = False
            waiting.settle(None)

    def _commit(self, group: list[_Waiting]) -> None:
        if self._is_given_up and group:
            self._open_again()
        error = self._try(group) if group else None
        if error is None or self._is_given_up or (len(group) == 1 and not self._revived):
            for waiting in group:
                waiting.settle(error)
            return
        for waiting in group:  # run one by one, so that only the failing job fails
            waiting.settle(self._try([waiting]))

    def _try(self, group: list[_Waiting]) -> Exception | None:
        if self._is_given_up:
            return Unavailable("The database failed and is not open again yet.", "Try again in a moment.")
        self._revived, is_done = False, False
        began, labels = time.perf_counter(), dict[str, str]()
        try:
            self._connection.begin()
            for waiting in group:
                waiting.outcome = waiting.run(self._connection)
            self._connection.commit()
            is_done = True
        except Exception as error:  # any error: the transaction must end, and the caller must get it
            self._roll_back()
            if isinstance(error, _given_up):
                self._open_again()
            labels["error.type"] = type(error).__name__
            return _as_service_error(error)
        finally:
            self.commits += 1
            self._note_rewrites(group, is_done=is_done)
            took = telemetry.duration("segue.commit.duration", "Duration of transactions that write memories")
            took.record(time.perf_counter() - began, labels)
        return None

    def _note_rewrites(self, group: list[_Waiting], *, is_done: bool) -> None:
        if all(waiting.rewritten is no_row for waiting in group):
            return
        rows = [waiting.rewritten(waiting.outcome) if is_done else None for waiting in group]
        known = [each for each in rows if each is not None]
        self.rewrites.note(chain(*known) if len(known) == len(rows) else None)

    def _open_again(self) -> None:
        """Reopens the database, which DuckDB invalidates if a checkpoint fails (full disk); the log has all commits."""
        if self._revive is None:
            return
        try:
            self._connection = self._revive(self._connection)
        except Exception as error:  # the next write tries again
            if not self._is_given_up:
                reason = error.message if isinstance(error, ServiceError) else type(error).__name__
                logger.error("the database cannot be reopened: %s", reason)  # noqa: TRY400  # its text may tell
            self._is_given_up = True
        else:
            self._revived, self._is_given_up = True, False
            logger.warning("the database failed and has been reopened")

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except duckdb.Error:
            logger.info("nothing to roll back")


def _as_service_error(error: Exception) -> Exception:
    """Reports disk errors to the caller, but never the database's own text, which may hold content."""
    if isinstance(error, ServiceError) or not isinstance(error, duckdb.Error):
        return error
    logger.error("write failed: %s", type(error).__name__)
    if isinstance(error, _disk_errors) or any(sign in str(error) for sign in _disk_signs):
        return Unavailable("The database cannot be written: is the disk full or read-only?", "Fix that and try again.")
    return error


_disk_errors = (duckdb.IOException, duckdb.FatalException, duckdb.ConnectionException)
_given_up = (duckdb.FatalException, duckdb.ConnectionException)
_disk_signs = ("No space left", "Read-only file system", "Could not write")  # found in the text of a failed commit
