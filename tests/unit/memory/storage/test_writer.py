"""The writer and a database that DuckDB gives up: reads make way, writes fail at once until it is open again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from services.kit.errors import Unavailable
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.writer import Writer

Connection = duckdb.DuckDBPyConnection
ENDLESS = "SELECT sum(a.range * b.range) FROM range(200000) a, range(200000) b"


class Database:
    """Its writer, and how often it was opened again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.connections = Connections(duckdb.connect(path))
        self.opened = 0
        self.revived = 0
        self.error: Exception | None = None

    def open_again(self) -> Connection:
        self.opened += 1
        if self.error:
            raise self.error
        return duckdb.connect(self._path)

    def revive(self, writing: Connection) -> Connection:
        self.revived += 1
        return self.connections.revive(self.open_again, writing)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "memory.duckdb")
    yield made
    made.connections.close()


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[Writer]:
    async with Writer(database.connections.writing(), 100, database.revive) as opened:
        await opened.run(lambda writing: writing.execute("CREATE TABLE t (x INTEGER)"))
        yield opened


def give_up(_: Connection) -> None:
    raise duckdb.FatalException("FATAL Error: database has been invalidated")


def given_up_once() -> Callable[[Connection], None]:
    """A job that finds the database given up at its first try."""
    tries: list[int] = []

    def job(writing: Connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            give_up(writing)
        writing.execute("INSERT INTO t VALUES (1)")

    return job


def insert(writing: Connection) -> None:
    writing.execute("INSERT INTO t VALUES (2)")


def rows(database: Database) -> int:
    with database.connections.cursor() as cursor:
        return int(cursor.execute("SELECT count(*) FROM t").fetchall()[0][0])


@contextmanager
def reading(database: Database, sql: str, ended: threading.Event | None = None) -> Iterator[list[Exception]]:
    """A read in a thread of its own: one statement, and then, if so wished, nothing until `ended`."""
    began, errors = threading.Event(), list[Exception]()

    def read() -> None:
        with database.connections.cursor() as cursor:
            began.set()
            try:
                cursor.execute(sql).fetchall()
            except duckdb.Error as error:
                errors.append(error)
            if ended:
                ended.wait()

    thread = threading.Thread(target=read)
    thread.start()
    began.wait()
    try:
        yield errors
    finally:
        if ended:
            ended.set()
        thread.join()


async def test_a_long_read_is_interrupted_for_a_database_that_must_be_opened_again(
    database: Database, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(database, ENDLESS) as errors:
        await writer.run(given_up_once())
    assert [type(error) for error in errors] == [duckdb.InterruptException]
    assert (database.opened, rows(database)) == (1, 1)
    assert "has been reopened" in caplog.text


async def test_while_a_read_holds_it_writes_fail_together_and_the_log_does_not_say_it_is_open(
    database: Database, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Event()
    with reading(database, "SELECT 1", ended):
        with pytest.raises(Unavailable):
            await writer.run(give_up)
        before = database.revived
        failed = await asyncio.gather(*(writer.run(insert) for _ in range(20)), return_exceptions=True)
        assert {type(each) for each in failed} == {Unavailable}
        assert database.revived - before <= 2  # once for all that wait, not once for each
        assert database.opened == 0
        assert "has been reopened" not in caplog.text
        assert caplog.text.count("cannot be reopened") == 1
    await writer.run(insert)
    assert (database.opened, rows(database)) == (1, 1)
    assert caplog.text.count("has been reopened") == 1


async def test_a_database_that_cannot_be_opened_is_tried_again_with_each_write(
    database: Database, writer: Writer
) -> None:
    database.error = Unavailable("Too many open files.")
    for tries in (1, 2):
        with pytest.raises(Unavailable):
            await writer.run(give_up)
        assert database.opened == tries
    with pytest.raises(Unavailable), database.connections.cursor():
        pass
    database.error = None
    await writer.run(insert)
    assert rows(database) == 1


async def test_one_at_fault_does_not_cost_the_others_their_writes(database: Database, writer: Writer) -> None:
    blocked = threading.Event()
    waiting = asyncio.create_task(writer.run(lambda _: blocked.wait()))
    await asyncio.sleep(0)
    jobs = [asyncio.create_task(writer.run(job)) for job in (insert, fail, insert)]
    await asyncio.sleep(0)
    blocked.set()
    outcomes = await asyncio.gather(waiting, *jobs, return_exceptions=True)
    assert [isinstance(each, Exception) for each in outcomes] == [False, False, True, False]
    assert rows(database) == 2


def fail(_: Connection) -> None:
    raise ValueError("a bug")
