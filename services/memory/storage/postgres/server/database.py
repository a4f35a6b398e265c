"""The connections to a PostgreSQL database, and how what fails is repeated or reported.

A transaction that the server rolled back is repeated. If the connection is lost while one is committed, the server is
asked what became of it. No session state is used: a pooler may give every transaction another session.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncConnection, conninfo, errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from services.kit.errors import InvalidInput, NotReady, RateLimited, Unavailable
from services.kit.observability import telemetry
from services.memory.storage.postgres.server.adapters import adapt
from services.memory.storage.postgres.server.outgoing import write_events
from services.memory.storage.postgres.server.transaction import Evidence, Statements, Transaction

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Reading = Callable[[Statements], Awaitable[Result]]
Writing = Callable[[Transaction], Awaitable[Result]]

patience_s = 5.0
"""How long a call waits for a connection, and how long it repeats what failed."""
settle_s = 30.0
"""How long the server is asked what became of a transaction: longer than a failover."""
pause_s = 0.05
_begin = """
    BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s';
    SET LOCAL idle_in_transaction_session_timeout = '15s'
"""
_repeatable = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
_full = (errors.DiskFull, errors.OutOfMemory, errors.TooManyConnections, errors.QueryCanceled)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is: a URL or words of libpq, which may hold a password. `prepares`: whether statements are
    prepared, which not every pooler passes on."""

    url: str
    connections_max: int = 8
    waiting_max: int = 1_000
    prepares: bool = False

    @property
    def words(self) -> str:
        """The hosts and the database, without any secret."""
        given = conninfo.conninfo_to_dict(self.url)
        return f"{given.get('host') or given.get('hostaddr') or 'this machine'}/{given.get('dbname', '')}"

    @property
    def leader_only(self) -> Mapping[str, str]:
        """Has libpq refuse a standby, unless the URL says what to refuse: one that lags lacks what was acknowledged."""
        given = conninfo.conninfo_to_dict(self.url)
        return {} if "target_session_attrs" in given else {"target_session_attrs": "read-write"}


class _UnknownOutcome(Exception):
    """The connection was lost while this transaction was committed."""

    def __init__(self, evidence: Evidence, outcome: Any) -> None:
        super().__init__()
        self.evidence, self.outcome = evidence, outcome


class StatementRefused(Exception):
    """A statement failed for a reason that is nobody's input: a bug. Its own text may hold what users wrote."""


@asynccontextmanager
async def open_database(address: Address, *, reads_only: bool = False) -> AsyncIterator[Database]:
    """The database; InvalidInput if the URL is not one, Unavailable if no server answers."""
    try:
        words = address.words
    except psycopg.Error:
        raise InvalidInput("SEGUE_MEMORY_DATABASE_URL is not a URL of PostgreSQL.") from None
    pool = AsyncConnectionPool(
        address.url,
        kwargs={
            **address.leader_only,
            "autocommit": True,
            "prepare_threshold": 5 if address.prepares else None,
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "fallback_application_name": "segue-memory",
        },
        min_size=1,
        max_size=address.connections_max,
        max_waiting=address.waiting_max,
        timeout=patience_s,
        reconnect_timeout=patience_s,
        configure=adapt,
        name="memory",
        open=False,
    )
    try:
        try:
            await pool.open(wait=True, timeout=2 * patience_s)
        except PoolTimeout:
            raise Unavailable(
                f"PostgreSQL does not answer: {words}.", "See the warnings above for its reason."
            ) from None
        yield Database(pool, words, reads_only=reads_only)
    finally:
        await pool.close()


class Database:
    """Reads, and writes in transactions. `holder` is who writes: see `Lease`."""

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[Any]], words: str, *, reads_only: bool = False
    ) -> None:
        self._pool = pool
        self._reads_only = reads_only
        self._running: set[asyncio.Task[Any]] = set()
        self._writing = asyncio.Semaphore(max(pool.max_size // 2, 1))
        """Writers of one user wait for each other with a connection in hand: the other half is the readers'."""
        self.words = words
        self.holder: UUID = uuid4()
        self.events_max = 0
        """How many events for other programs are kept; 0 writes none."""
        self.refusal = ""
        """Why nothing is read and written any more; empty if all is well."""

    async def read(self, name: str, work: Reading[Result]) -> Result:
        """The result of `work`, which reads and may run more than once."""

        async def attempt() -> Result:
            async with self._connection() as connection:
                return await work(Statements(connection.cursor(binary=True)))

        with telemetry.query("postgresql", name, "memories"):
            return await self._repeat(attempt)

    async def write(self, name: str, work: Writing[Result]) -> Result:
        """The result of `work`, once its transaction is durable. It may run more than once, and goes on if the caller
        is cancelled. NotReady if the database was opened for reading alone."""
        if self._reads_only:
            raise NotReady("A search replica only reads the database.")

        async def attempt() -> Result:
            try:
                return await self._transaction(work)
            except _UnknownOutcome as unknown:
                if await self._is_committed(unknown.evidence):
                    result: Result = unknown.outcome
                    return result
                raise errors.SerializationFailure from None  # it is not, and may be repeated

        with telemetry.query("postgresql", name, "memories"):
            return await self._finish(self._repeat(attempt))

    async def use(self, work: Callable[[AsyncConnection[Any]], Awaitable[Result]]) -> Result:
        """The result of work on a connection of its own."""
        async with self._connection() as connection:
            return await work(connection)

    async def _finish(self, work: Coroutine[Any, Any, Result]) -> Result:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._drop)
        return await asyncio.shield(task)

    def _drop(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it with its text

    async def finish(self) -> None:
        """Waits for the transactions that are under way."""
        if self._running:
            await asyncio.wait(set(self._running))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        if self.refusal:
            raise Unavailable(self.refusal, "Restart this memory service.")
        async with self._pool.connection() as connection:
            try:
                yield connection
            except errors.ReadOnlySqlTransaction:
                await connection.close()  # no longer the leader: the next one looks for it
                raise

    async def _transaction(self, work: Writing[Result]) -> Result:
        async with self._writing, self._connection() as connection:
            await connection.execute(_begin, prepare=False)
            transaction = Transaction(connection.cursor(binary=True), self.holder)
            outcome = await work(transaction)
            if self.events_max:
                await write_events(transaction, transaction.events, self.events_max)
            if not await transaction.seal():
                self.refusal = "Another memory service has taken the database over."
                raise Unavailable(self.refusal, "Restart this memory service.")
            try:
                await connection.execute("COMMIT")
            except psycopg.Error as error:
                if transaction.evidence is None or not _is_lost(error):
                    raise
                raise _UnknownOutcome(transaction.evidence, outcome) from None
            return outcome

    async def _is_committed(self, evidence: Evidence) -> bool:
        """Whether the transaction was; Unavailable if that cannot be known in time."""
        until = time.monotonic() + settle_s
        while time.monotonic() < until:
            with suppress(psycopg.Error, PoolTimeout):
                async with self._connection() as connection:
                    await connection.execute(_begin, prepare=False)
                    is_committed = await Transaction(connection.cursor(binary=True), self.holder).has_left(evidence)
                    await connection.execute("ROLLBACK")
                    return is_committed
            await self._pause()
        raise Unavailable("PostgreSQL failed while it stored this.", "Send the same again: nothing is stored twice.")

    async def _repeat(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Repeats what the server rolled back, or what no server took."""
        until = time.monotonic() + patience_s
        while True:
            try:
                return await attempt()
            except TooManyRequests:
                raise RateLimited("Too many calls are waiting.", "Send less at a time, or try again later.") from None
            except PoolTimeout:
                raise Unavailable("PostgreSQL does not answer.", "Try again in a moment.") from None
            except _repeatable as error:
                if time.monotonic() > until:
                    raise Unavailable(f"PostgreSQL is too busy: {type(error).__name__}.", "Try again later.") from None
            except psycopg.Error as error:
                if isinstance(error, _full):
                    logger.error("the database refuses: %s", type(error).__name__)  # noqa: TRY400  # its text may tell
                    raise Unavailable(
                        f"PostgreSQL cannot take this: {type(error).__name__}.", "Fix that and try again."
                    ) from None
                if not _is_lost(error):
                    raise StatementRefused(error.sqlstate or type(error).__name__) from None
                if time.monotonic() > until:
                    raise Unavailable("PostgreSQL does not answer.", "Try again in a moment.") from None
                await self._pool.check()  # replaces the other connections that are lost
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(pause_s * (0.5 + random.random()))  # noqa: S311  # no secret


def _is_lost(error: psycopg.Error) -> bool:
    """Whether the connection or its server is gone, or is not the one that may be written to."""
    if isinstance(error, errors.ReadOnlySqlTransaction | errors.IdleInTransactionSessionTimeout):
        return True
    state = error.sqlstate
    is_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return is_connection and (state is None or state.startswith(("08", "57P")))
