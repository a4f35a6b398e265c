"""Steps of compaction, which rewrites a database without deleted text: copy, catch up with changes, rename.

DuckDB leaves deleted text in its file; a copy of the rows has none of it. At every moment the file under the name is a
complete database with everything acknowledged: until the rename it is the earlier one, with its log merged by then.
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
"""Disk space that must remain free beside the copy."""
_by_sequence = ("memories", "embeddings")
_mark = "compacted"


def copy_of(path: Path) -> Path:
    """The path of the compacted copy of the database at `path`."""
    return path.with_name(f"{path.name}.compacting")


def discard(path: Path) -> None:
    """Removes the files of an unfinished compaction of `path`."""
    for each in (copy_of(path), wal_of(copy_of(path))):
        each.unlink(missing_ok=True)


def require_room(path: Path) -> None:
    """Unavailable if there is no room on the disk for a copy."""
    needed = path.stat().st_size + spare_bytes
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise Unavailable(f"{needed / 1e6:,.0f} MB are needed to rewrite the database, {free / 1e6:,.0f} MB are free.")


def last_removal(cursor: Connection) -> int:
    """The number of the last deletion, 0 if there is none."""
    return int(cursor.execute("SELECT coalesce(max(number), 0) FROM removals").fetchall()[0][0])


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What to add to the copy: rows changed since it began, the last deletion whose text it lacks, and its mark."""

    touched: Iterable[int]
    erased_to: int
    mark: str


def catch_up(cursor: Connection, path: Path, meanwhile: Meanwhile) -> None:
    """Brings the copy up to date with the database at `path`, while nobody writes. Can be repeated.

    The copy may hold text of deletions after `erased_to`, so these are not marked as erased.
    """
    cursor.execute("DETACH DATABASE IF EXISTS copied")  # an earlier attempt may have left it attached
    name = cursor.execute("SELECT current_database()").fetchall()[0][0]
    place = str(copy_of(path)).replace("'", "''")
    cursor.execute(f"ATTACH '{place}' AS copied")
    try:
        erased = "UPDATE copied.removals SET erased = true WHERE NOT erased AND number <= ?"
        cursor.execute(erased, [meanwhile.erased_to])
        for table in _by_sequence:
            _follow(cursor, f'"{name}".{table}', f"copied.{table}", list(meanwhile.touched))
        _add(cursor, f'"{name}".removals', "copied.removals", "number")
        restored = f'SET restored = s.restored FROM "{name}".removals s WHERE s.number = r.number'
        cursor.execute(f"UPDATE copied.removals r {restored}")  # the database's own name
        for table in _others(cursor, name):
            cursor.execute(f"DELETE FROM copied.{table}")  # noqa: S608  # the schema's names
            cursor.execute(f'INSERT INTO copied.{table} FROM "{name}".{table}')
        _advance_sequences(cursor, name)
        cursor.execute("DELETE FROM copied.upkeep WHERE name = ?", [_mark])
        cursor.execute("INSERT INTO copied.upkeep VALUES (?, ?)", [_mark, meanwhile.mark])
    finally:
        cursor.execute("DETACH copied")  # merges the copy's log into it


def _follow(cursor: Connection, table: str, copy: str, touched: list[int]) -> None:
    """Updates rows by sequence: deletes removed and changed ones, then inserts new and changed ones."""
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
    """The small tables, which are copied as a whole."""
    known = (*_by_sequence, "removals", "schema_version")
    rows = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [name]).fetchall()
    return [table for (table,) in rows if table not in known]


def _advance_sequences(cursor: Connection, name: str) -> None:
    """No number is reused, not even that of a row that came and went during the copy."""
    sql = "SELECT sequence_name, coalesce(last_value, start_value - 1) FROM duckdb_sequences() WHERE database_name = ?"
    reached = dict(cursor.execute(sql, ["copied"]).fetchall())
    for sequence, last in cursor.execute(sql, [name]).fetchall():
        missing = last - reached[sequence]
        cursor.execute(f"SELECT max(nextval('copied.{sequence}')) FROM range(?)", [missing]).fetchall()  # noqa: S608


def put_in_place(path: Path) -> None:
    """Replaces the database at `path`, which must be closed and have no log, by the copy."""
    if wal_of(path).exists():
        raise Unavailable(f"{path} cannot be replaced: its log could not be merged.", "Is the disk full?")
    copy = copy_of(path)
    copy.chmod(0o600)
    sync(copy)
    copy.replace(path)
    sync(path.parent)


def has_mark(connection: Connection, mark: str) -> bool:
    """Whether this is the copy that `catch_up` marked."""
    return bool(connection.execute("SELECT 1 FROM upkeep WHERE name = ? AND value = ?", [_mark, mark]).fetchall())
