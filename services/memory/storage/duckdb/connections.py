"""The open database as readers see it: another file may replace it between two reads, but never during one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from services.kit.errors import Unavailable

Connection = duckdb.DuckDBPyConnection

wait_max_s = 10.0
"""How long a read waits for a replacement to be opened."""
revive_patience_s = 0.5
"""How long the recovery of an invalidated database waits for its interrupted reads to end."""
interrupt_every_s = 0.02


class Connections:
    """Hands out cursors; owns their connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._readers = 0
        self._interruptible: set[Connection] = set()
        self._replacing = False
        self._changed = threading.Condition()

    @contextmanager
    def cursor(self) -> Iterator[Connection]:
        """A cursor for one read; Unavailable while the database is not open."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._replacing, wait_max_s) or self._connection is None:
                raise Unavailable("The database is being reopened.", "Try again in a moment.")
            cursor = self._connection.cursor()
            self._readers += 1
            self._interruptible.add(cursor)
        try:
            yield cursor
        finally:
            with self._changed:
                self._interruptible.discard(cursor)  # so that no cursor is closed and interrupted at the same time
            cursor.close()
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def replace(self, open_other: Callable[[], Connection], timeout_s: float) -> bool:
        """Closes the database and opens another; False, without any change, if a read lasts too long.

        Errors of `open_other` are raised, and the database then stays closed until a later `replace`.
        """
        return self._replace(open_other, lambda: self._changed.wait_for(lambda: not self._readers, timeout_s))

    def _replace(self, open_other: Callable[[], Connection], have_readers_left: Callable[[], bool]) -> bool:
        with self._changed:
            self._replacing = True
            try:
                if not have_readers_left():
                    return False
                self._close()
                self._connection = open_other()
            finally:
                self._replacing = False
                self._changed.notify_all()
        return True

    def writing(self) -> Connection:
        """A cursor for the writer, which must close it before it replaces the database."""
        with self._changed:
            if self._connection is None:
                raise Unavailable("The database is closed.")
            return self._connection.cursor()

    def revive(self, open_again: Callable[[], Connection], writing: Connection) -> Connection:
        """For the writer: closes a database that DuckDB has invalidated, and reopens it.

        Its reads are interrupted; Unavailable, without any change, if one does not end soon.
        """
        writing.close()
        if not self._replace(open_again, self._end_reads):
            raise Unavailable("The database failed, and a read still holds it.", "Try again in a moment.")
        return self.writing()

    def _end_reads(self) -> bool:
        """Interrupts all reads, repeatedly as a read may be between two statements; returns whether all have ended."""
        until = time.monotonic() + revive_patience_s
        while self._readers and time.monotonic() < until:
            for cursor in self._interruptible:
                cursor.interrupt()
            self._changed.wait_for(lambda: not self._readers, interrupt_every_s)
        return not self._readers

    @property
    def is_open(self) -> bool:
        """Whether the database is open."""
        return self._connection is not None

    def close(self) -> None:
        """Closes the database."""
        with self._changed:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
