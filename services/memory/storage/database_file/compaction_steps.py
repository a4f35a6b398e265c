"""Writing a database anew without what was deleted: a copy beside the writes, what changed meanwhile, one rename.

DuckDB leaves deleted text in its file. A copy of the rows has none of it. At every moment the file of the name is a
whole database with everything acknowledged: before the rename it is the earlier one, whose log is in it by then.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from services.kit.durable_files import sync
from services.kit.errors import Unavailable
from services.memory.storage.database_file.write_ahead_log import wal_of

Connection = duckdb.DuckDBPyConnection
spare_bytes = 64 * 1024 * 1024
"""What must be left on the disk beside the copy."""
_by_sequence = ("memories", "embeddings")
_mark = "compacted"


def copy_of(path: Path) -> Path:
    """Where the database at `path` is written anew."""
    return path.with_name(f"{path.name}.compacting")


def discard(path: Path) -> None:
    """Removes what a compaction of `path` left that did not come to its end."""
    for each in (copy_of(path), wal_of(copy_of(path))):
        each.unlink(missing_ok=True)


def require_room(path: Path) -> None:
    """Unavailable where the disk cannot hold a copy."""
    needed = path.stat().st_size + spare_bytes
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise Unavailable(f"{needed / 1e6:,.0f} MB are needed to write it anew, {free / 1e6:,.0f} MB are free.")


def last_removal(cursor: Connection) -> int:
    """The number of the last removal, 0 where there was none."""
    return int(cursor.execute("SELECT coalesce(max(number), 0) FROM removals").fetchall()[0][0])


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What a copy lacks: rows that changed since it began; up to which removal it has no text, and its mark."""

    touched: Iterable[int]
    erased_to: int
    mark: str


def catch_up(cursor: Connection, path: Path, meanwhile: Meanwhile) -> None:
    """Brings the copy to what the database at `path` holds now, while nobody writes. It may be tried again.

    Of later removals than `erased_to` the copy may have had the text: they are not erased yet.
    """
    cursor.execute("DETACH DATABASE IF EXISTS copied")  # an earlier try may have failed to
    name = cursor.execute("SELECT current_database()").fetchall()[0][0]
    place = str(copy_of(path)).replace("'", "''")
    cursor.execute(f"ATTACH '{place}' AS copied")
    try:
        erased = "UPDATE copied.removals SET erased = true WHERE NOT erased AND number <= ?"
        cursor.execute(erased, [meanwhile.erased_to])
        for table in _by_sequence:
            _follow(cursor, f'"{name}".{table}', f"copied.{table}", list(meanwhile.touched))
        _add(cursor, f'"{name}".removals', "copied.removals", "number")
        for table in _others(cursor, name):
            cursor.execute(f"DELETE FROM copied.{table}")  # noqa: S608  # the schema's names
            cursor.execute(f'INSERT INTO copied.{table} FROM "{name}".{table}')
        _advance_sequences(cursor, name)
        cursor.execute("DELETE FROM copied.upkeep WHERE name = ?", [_mark])
        cursor.execute("INSERT INTO copied.upkeep VALUES (?, ?)", [_mark, meanwhile.mark])
    finally:
        cursor.execute("DETACH copied")  # takes the copy's log into it


def _follow(cursor: Connection, table: str, copy: str, touched: list[int]) -> None:
    """Rows by sequence: those that have gone go, those that are new or have changed come."""
    gone = f"""
        DELETE FROM {copy} WHERE sequence NOT IN (SELECT sequence FROM {table})
            OR list_contains(?::BIGINT[], sequence)
    """  # noqa: S608  # the schema's names
    cursor.execute(gone, [touched])
    _add(cursor, table, copy, "sequence")


def _add(cursor: Connection, table: str, copy: str, key: str) -> None:
    added = f"""
        INSERT INTO {copy} SELECT * FROM {table} WHERE {key} NOT IN (SELECT {key} FROM {copy}) ORDER BY {key}
    """  # noqa: S608  # the schema's names
    cursor.execute(added)


def _others(cursor: Connection, name: str) -> list[str]:
    """The small tables, which are taken over as they are."""
    known = (*_by_sequence, "removals", "schema_version")
    rows = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [name]).fetchall()
    return [table for (table,) in rows if table not in known]


def _advance_sequences(cursor: Connection, name: str) -> None:
    """No number is given twice: not that of a row which came and went while the copy was written, either."""
    sql = "SELECT sequence_name, coalesce(last_value, start_value - 1) FROM duckdb_sequences() WHERE database_name = ?"
    reached = dict(cursor.execute(sql, ["copied"]).fetchall())
    for sequence, last in cursor.execute(sql, [name]).fetchall():
        missing = last - reached[sequence]
        cursor.execute(f"SELECT max(nextval('copied.{sequence}')) FROM range(?)", [missing]).fetchall()  # noqa: S608


def put_in_place(path: Path) -> None:
    """The copy takes the name of the database at `path`, which is closed and whole without a log."""
    if wal_of(path).exists():
        raise Unavailable(f"{path} cannot be replaced: its log could not be taken into it.", "Is the disk full?")
    copy = copy_of(path)
    copy.chmod(0o600)
    sync(copy)
    copy.replace(path)
    sync(path.parent)


def has_mark(connection: Connection, mark: str) -> bool:
    """Whether this is the database that `catch_up` marked."""
    return bool(connection.execute("SELECT 1 FROM upkeep WHERE name = ? AND value = ?", [_mark, mark]).fetchall())
