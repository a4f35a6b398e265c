"""The open database as its readers have it: it may be replaced by another file between two reads, never within one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from services.kit.errors import Unavailable

Connection = duckdb.DuckDBPyConnection

wait_max_s = 10.0
"""How long a read waits for a replacement to be open."""


class Connections:
    """Hands out cursors; owns the connection that they come from."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._readers = 0
        self._replacing = False
        self._changed = threading.Condition()

    @contextmanager
    def cursor(self) -> Iterator[Connection]:
        """A cursor for one read; Unavailable while there is no database to read."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._replacing, wait_max_s) or self._connection is None:
                raise Unavailable("The database is being opened again.", "Try again in a moment.")
            cursor = self._connection.cursor()
            self._readers += 1
        try:
            yield cursor
        finally:
            cursor.close()
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def replace(self, open_other: Callable[[], Connection], patience_s: float) -> bool:
        """Closes the database and opens another; False, and nothing has changed, where a read lasts too long.

        What `open_other` raises is raised, and there is no database then until a later `replace`.
        """
        with self._changed:
            self._replacing = True
            try:
                if not self._changed.wait_for(lambda: not self._readers, patience_s):
                    return False
                self._close()
                self._connection = open_other()
            finally:
                self._replacing = False
                self._changed.notify_all()
        return True

    def writing(self) -> Connection:
        """A cursor for the writer, who closes it before it replaces the database."""
        with self._changed:
            if self._connection is None:
                raise Unavailable("The database is closed.")
            return self._connection.cursor()

    def revive(self, open_again: Callable[[], Connection], writing: Connection) -> Connection:
        """For the writer: closes a database that DuckDB has given up, and opens it again."""
        writing.close()
        self.replace(open_again, wait_max_s)
        return self.writing()

    @property
    def is_open(self) -> bool:
        """Whether there is a database."""
        return self._connection is not None

    def close(self) -> None:
        """Ends it."""
        with self._changed:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
