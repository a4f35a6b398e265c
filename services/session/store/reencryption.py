"""Rewrites the session service's database, encrypted or in clear, and compares the copy with the original."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from services.kit.encryption.reencryption import Changeable, Report
from services.kit.encryption.sealed_directory import Place
from services.kit.encryption.vault import Vault
from services.kit.errors import Unavailable
from services.session.store.body_codec import Bodies, bodies_of
from services.session.store.sqlite import connect

Row: TypeAlias = Mapping[str, Any]

_records: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sessions": ("session", ("id",)),
    "checkpoints": ("checkpoint", ("session_id", "number")),
    "owed": ("owed", ("session_id", "id")),
    "conversations": ("conversation", ("user", "id")),
    "handoffs": ("handoff", ("id",)),
    "ledgers": ("ledger", ("user",)),
    "audit": ("audit", ("user",)),
    "answers": ("answer", ("user", "operation_id")),
    "outbox": ("event", ()),
    "outgoing": ("outgoing", ("number",)),
    "projects": ("project", ("user", "id")),
}
"""Each table with records in `body`: the record's name, and the row's key."""
_named: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_records, ("working_directory", "project")),
    "project_keys": ("key",),
}
"""Columns with names of projects and directories, in the tables that have them."""


def changeable_sessions(place: Place) -> Changeable:
    """The sessions of a place, for `reencryption.change`."""
    return Changeable(place, _written_anew, ())


@contextmanager
def _written_anew(
    path: Path, target: Path, before: Vault | None, after: Vault | None, report: Report
) -> Iterator[None]:
    earlier, later = bodies_of(before), bodies_of(after)
    try:
        with closing(connect(path, earlier.mark)) as source:
            _hold_alone(source)
            with closing(connect(target, later.mark)) as copy:
                for table in _tables(source):
                    count = _copy(_clear_rows(source, earlier, table), copy, later, table)
                    report(f"writing {table}", count, count)
            with closing(connect(target, later.mark)) as copy:  # reopened, to read it from the disk
                for table in _tables(source):
                    count = _verify(_clear_rows(source, earlier, table), copy, later, table)
                    report(f"verifying {table}", count, count)
                copy.execute("PRAGMA journal_mode = DELETE")  # a single file
            yield
    except sqlite3.Error as error:
        raise Unavailable(f"{path} is as it was: {error}.", "Is another program using it, or the disk full?") from error


def _hold_alone(source: sqlite3.Connection) -> None:
    source.execute("PRAGMA locking_mode = EXCLUSIVE")
    source.execute("BEGIN EXCLUSIVE")
    source.execute("COMMIT")


def _tables(connection: sqlite3.Connection) -> list[str]:
    """The tables; the last one holds SQLite's autoincrement counters."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
    return [*(name for (name,) in connection.execute(sql).fetchall()), "sqlite_sequence"]


def _copy(rows: list[Row], copy: sqlite3.Connection, later: Bodies, table: str) -> int:
    copy.execute("BEGIN")
    copy.execute(f"DELETE FROM {table}")  # noqa: S608  # the schema's names
    for row in rows:
        written = _stored_row(later, table, row)
        marks = ", ".join("?" * len(written))
        copy.execute(f"INSERT INTO {table} ({', '.join(written)}) VALUES ({marks})", list(written.values()))  # noqa: S608
    copy.execute("COMMIT")
    return len(rows)


def _verify(rows: list[Row], copy: sqlite3.Connection, later: Bodies, table: str) -> int:
    if sorted(map(repr, rows)) != sorted(map(repr, _clear_rows(copy, later, table))):
        raise Unavailable(f"The copy of {table} differs from the original.", "Try again.")
    return len(rows)


def _clear_rows(connection: sqlite3.Connection, bodies: Bodies, table: str) -> list[Row]:
    """All rows, decoded."""
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608  # the schema's names
    names = [each[0] for each in cursor.description]
    rows: list[Row] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [_clear_row(bodies, table, row) for row in rows]


def _clear_row(bodies: Bodies, table: str, row: Row) -> Row:
    names = {name: bodies.read_name(row[name]) for name in _named.get(table, ()) if name in row}
    body = {"body": bodies.read(_whose(table, row), row["body"])} if table in _records else {}
    return {**row, **names, **body}


def _stored_row(bodies: Bodies, table: str, row: Row) -> Row:
    """The row, encoded."""
    names = {name: bodies.name(row[name]) for name in _named.get(table, ()) if name in row}
    body = {"body": bodies.body(_whose(table, row), row["body"])} if table in _records else {}
    return {**row, **names, **body}


def _whose(table: str, row: Row) -> tuple[str | int, ...]:
    record, key = _records[table]
    return (record, *(row[name] for name in key))
