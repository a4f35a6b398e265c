"""Opens a database file: recovers as much as possible of a damaged log, and migrates an earlier schema."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from services.kit.encryption.keyring import KEYRING
from services.kit.errors import NotReady, Unavailable
from services.memory.storage.database_file import migration
from services.memory.storage.database_file.write_ahead_log import (
    committed_bytes,
    drop_refused,
    is_damage,
    keep_aside,
    wal_of,
)
from services.memory.storage.duckdb.deletion.deletes import living_rows
from services.memory.storage.row_codec import ClearRows, Rows

logger = logging.getLogger(__name__)
Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database, a report of what could not be read (empty if all is well), and whether it was just migrated."""

    connection: Connection
    trouble: str = ""
    is_migrated: bool = False


def start_database(path: Path, config: Mapping[str, Any], rows: Rows | None = None) -> Opened:
    """Opens a database for the first time in this process, and removes leftovers of earlier processes.

    The database from before a migration stays until the next start, and while this one has trouble.
    """
    opened = open_database(path, config, rows)
    migration.discard_drafts(path)
    if not (opened.trouble or opened.is_migrated):
        migration.remove_earlier(path)
    return opened


def open_database(path: Path, config: Mapping[str, Any], rows: Rows | None = None) -> Opened:
    """The database at `path`, in the current schema; Unavailable if it cannot be opened.

    `rows` reads its text, by default in clear; NotReady if the text is encrypted differently.
    """
    rows = rows or ClearRows()
    try:
        opened = _open_as_far_as_it_goes(path, config)
        if not migration.is_earlier(opened.connection):
            migration.create(opened.connection)
            require_data_key(opened.connection, path, rows.data_key)
        else:
            _refuse_other_key(opened.connection, path, rows.data_key)
            opened.connection.close()  # merges the log into the file
            migration.replace_by_migrated_copy(path, rows)
            opened = Opened(_connect(path, config), opened.trouble, is_migrated=True)
            require_data_key(opened.connection, path, rows.data_key)
    except (duckdb.IOException, OSError) as error:
        raise Unavailable(f"{path} cannot be opened: {_holder_reason(error) or _first_line(error)}") from error
    path.chmod(0o600)
    return opened


def data_keys(connection: Connection) -> list[str]:
    """The data key that the database is sealed under; empty if it is not, or its schema is an earlier one."""
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'sealing'").fetchall():
        return []
    return [row[0] for row in connection.execute("SELECT data_key FROM sealing").fetchall()]


def require_data_key(connection: Connection, path: Path, data_key: str) -> None:
    """Marks an empty database as sealed under the key; closes it and raises NotReady if another key is in use."""
    marks = data_keys(connection)
    if data_key and not marks and not connection.execute("SELECT 1 FROM memories LIMIT 1").fetchall():
        connection.execute("INSERT INTO sealing VALUES (?)", [data_key])
        marks = [data_key]
    _refuse(connection, path, data_key, marks)


def _refuse_other_key(connection: Connection, path: Path, data_key: str) -> None:
    """NotReady if a database of an earlier schema has rows that are not sealed under the key."""
    if connection.execute("SELECT 1 FROM memories LIMIT 1").fetchall():
        _refuse(connection, path, data_key, data_keys(connection))


def _refuse(connection: Connection, path: Path, data_key: str, marks: list[str]) -> None:
    if marks != ([data_key] if data_key else []):
        connection.close()
        raise NotReady(
            f"{path} and {KEYRING} beside it do not belong together: "
            f"it is {'encrypted under another data key' if marks else 'not encrypted'}.",
            "Bring both back from the same backup.",
        )


def _connect(path: Path, config: Mapping[str, Any]) -> Connection:
    connection = duckdb.connect(path, config=dict(config))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _open_as_far_as_it_goes(path: Path, config: Mapping[str, Any]) -> Opened:
    """DuckDB rejects a log from its first invalid entry on: the entries before it are recovered, the whole log kept."""
    wal = wal_of(path)
    size = wal.stat().st_size if wal.exists() else 0
    left = committed_bytes(wal) if size else 0
    kept = keep_aside(wal) if left < size else None
    while True:
        try:
            connection = _connect(path, config)
            break
        except duckdb.Error as error:
            if not is_damage(str(error)):
                raise
            kept = kept or keep_aside(wal)
            cut = drop_refused(wal, str(error))
            if cut is None:
                raise
            left = min(left, cut)
    if kept is None:
        return Opened(connection)
    connection.execute("CHECKPOINT")  # recovered entries must be in the file before new ones are logged
    trouble = (
        f"{size - left:,} of {size:,} bytes of {wal.name} could not be read: the latest memories may be missing. "
        f"The file is kept as {kept.name}."
    )
    logger.error("%s: %s", path.parent, trouble)
    return Opened(connection, trouble)


def copy_database(cursor: Connection, copy: Path, *, deleted_too: bool) -> dict[str, int]:
    """Writes a consistent copy to a new file, while others write; returns its numbers of rows.

    Copies rows rather than the file, so that erased text is not in it; and unless `deleted_too`, nothing deleted is.
    """
    place = str(copy).replace("'", "''")
    try:
        name = cursor.execute("SELECT current_database()").fetchall()[0][0]
        cursor.execute("DETACH DATABASE IF EXISTS backup")  # an earlier copy may have left it attached
        cursor.execute(f"ATTACH '{place}' AS backup")
        try:
            _copy_rows(cursor, name, deleted_too=deleted_too)
            counts = {table: _count(cursor, table) for table in ("memories", "embeddings", "project_links")}
        finally:
            _detach(cursor)
    except (duckdb.InterruptException, duckdb.FatalException) as error:
        raise Unavailable("The copy was interrupted: the database must be reopened.", "Try again.") from error
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise Unavailable(f"The backup could not be written: {_first_line(error)}", "Is there room for it?") from error
    return counts


def _copy_rows(cursor: Connection, name: str, *, deleted_too: bool) -> None:
    """Copies all tables as of one moment to the attached database."""
    if deleted_too:
        cursor.execute(f'COPY FROM DATABASE "{name}" TO backup')
        return
    tables = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [name]).fetchall()
    cursor.begin()
    try:
        cursor.execute(f'COPY FROM DATABASE "{name}" TO backup (SCHEMA)')
        for (table,) in tables:
            living = f'FROM "{name}".{table} WHERE {living_rows(table, name)}'
            cursor.execute(f"INSERT INTO backup.{table} {living}")  # the schema's names
        cursor.commit()
    except duckdb.Error:
        with suppress(duckdb.Error):
            cursor.rollback()
        raise


def _detach(cursor: Connection) -> None:
    """Merges the copy's log into it. Repeated if interrupted: the name must be free for the next copy."""
    try:
        cursor.execute("DETACH backup")
    except duckdb.InterruptException:
        cursor.execute("DETACH DATABASE IF EXISTS backup")
        raise


def _count(cursor: Connection, table: str) -> int:
    return int(cursor.execute(f"SELECT count(*) FROM backup.{table}").fetchall()[0][0])  # noqa: S608  # our own names


def _holder_reason(error: Exception) -> str:
    """States that another process holds the database, if so; in a container the PID is unknown."""
    found = re.search(r"Conflicting lock is held in .*?PID (\d+)", str(error))
    if not found:
        return ""
    number = "" if found[1] == "0" else f" (PID {found[1]})"
    return f"another process{number} has the database open, and only one can."


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
