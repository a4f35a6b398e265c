"""Another program's SQLite database, read from a private copy, so that the program and its file are left alone.

The database is a stranger's: nothing in it runs but reading of plain tables, with limits of size and time.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.memory.imports.containers.unreadable import Unreadable

MAGIC = b"SQLite format 3\0"
LOG = "-wal"
database_max_bytes = 4 * 1024**3
value_max_bytes = 16 * 1024 * 1024
query_max_s = 600.0
copy_attempts_max = 3
steps_between_looks = 100_000
columns_max = 200

Row = dict[str, Any]
_ALLOWED = frozenset((sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_PRAGMA))


class Database:
    """The copy of a database: its tables with their columns, and their rows."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self.tables = self._tables()

    def has(self, table: str, columns: Sequence[str]) -> bool:
        """Whether there is such a table, with these columns among others."""
        return set(columns) <= set(self.tables.get(table, ()))

    def count(self, table: str) -> int:
        """The number of rows in a table."""
        (row,) = self._rows(f"SELECT count(*) AS n FROM {_identifier(table)}")  # noqa: S608  # an identifier in quotes
        return int(row["n"])

    def rows(self, table: str, wanted: Sequence[str]) -> Iterator[Row]:
        """The rows in their order, with those of the wanted columns that the table has. Raises Unreadable."""
        names = [name for name in wanted if name in self.tables.get(table, ())]
        if names:
            columns = ", ".join(map(_identifier, names))
            yield from self._rows(f"SELECT {columns} FROM {_identifier(table)} ORDER BY rowid")  # noqa: S608  # as above

    def _tables(self) -> Mapping[str, Sequence[str]]:
        """Tables alone: a view computes, and a virtual table needs its program."""
        listed = list(
            self._rows("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
        )
        names = [row["name"] for row in listed if isinstance(row["name"], str)]
        return {name: self._columns(name) for name in names}

    def _columns(self, table: str) -> Sequence[str]:
        found = self._rows(f"PRAGMA table_info({_identifier(table)})")
        return [str(row["name"]) for row in found][:columns_max]

    def _rows(self, statement: str) -> Iterator[Row]:
        ends = time.monotonic() + query_max_s
        self._connection.set_progress_handler(lambda: time.monotonic() > ends, steps_between_looks)
        try:
            cursor = self._connection.execute(statement)
            names = [column[0] for column in cursor.description or ()]
            for row in cursor:
                yield dict(zip(names, row, strict=True))
        except sqlite3.Error as problem:
            raise Unreadable(f"{self._path}: a damaged database, or one that is being written to ({problem})") from None


@contextmanager
def open_copy(path: Path) -> Iterator[Database]:
    """The database at `path`, with what its program has not moved from the log into it yet. Raises Unreadable."""
    with tempfile.TemporaryDirectory(prefix="segue-import-") as folder:
        copy = Path(folder) / "copy.db"
        _copy(path, copy)
        connection = sqlite3.connect(copy, isolation_level=None)
        try:
            _confine(connection)
            yield Database(path, connection)
        except sqlite3.Error as problem:
            raise Unreadable(f"{path}: a damaged database ({problem})") from None
        finally:
            connection.close()


def last_change_ns(path: Path) -> int:
    """When the log beside the database was written last, in ns; 0 if there is none."""
    try:
        return _log_of(path).stat().st_mtime_ns
    except OSError:
        return 0


def _copy(path: Path, copy: Path) -> None:
    """Copies the file and its log; again, if its program wrote to them meanwhile."""
    for _ in range(copy_attempts_max):
        before = _state(path)
        if sum(size for size, _ in before) > database_max_bytes:
            raise Unreadable(f"{path}: over {database_max_bytes:,} bytes")
        shutil.copyfile(path, copy)
        log, target = _log_of(path), _log_of(copy)
        target.unlink(missing_ok=True)
        if log.is_file() and not log.is_symlink():
            shutil.copyfile(log, target)
        if _state(path) == before:
            return
    raise Unreadable(f"{path}: is being written to: end the program that uses it, and try again")


def _state(path: Path) -> list[tuple[int, int]]:
    found = []
    for each in (path, _log_of(path)):
        try:
            status = each.stat()
        except FileNotFoundError:
            continue
        found.append((status.st_size, status.st_mtime_ns))
    return found


def _log_of(database: Path) -> Path:
    return database.with_name(database.name + LOG)


def _confine(connection: sqlite3.Connection) -> None:
    """No functions by the schema, no writing, no attaching, no value over the limit."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, value_max_bytes)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
