"""Migrates a database to the current schema: on a copy that takes its place once it is verified.

At every moment the file under the name is complete, in the old or the new schema. The earlier one is kept beside it as
`<name>.schema-<n>` until a later start finds the new one in order.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from services.kit.durable_files import sync
from services.kit.encryption.vault import SealBroken
from services.kit.errors import NotReady, Unavailable
from services.memory.storage.database_file.compaction_steps import discard
from services.memory.storage.database_file.schema import MIGRATIONS
from services.memory.storage.database_file.text_migration import measure
from services.memory.storage.database_file.write_ahead_log import wal_of
from services.memory.storage.row_codec import ClearRows, Rows

logger = logging.getLogger(__name__)
Connection = duckdb.DuckDBPyConnection

spare_bytes = 64 * 1024 * 1024
"""Disk space for a migration beside the copy and the tables it rewrites there."""
_readings: Mapping[int, Callable[[Connection, Rows], None]] = {5: measure}
"""Steps that read text, before the statements of that migration."""


def schema_version(connection: Connection) -> int:
    """The database's schema, 0 for a new one; NotReady if a newer program wrote it."""
    tables = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_version'").fetchall()
    row = connection.execute("SELECT max(version) FROM schema_version").fetchone() if tables else None
    version = (row and row[0]) or 0
    check_version(version, "The database")
    return version


def check_version(version: int, what: str) -> None:
    """NotReady if `what` has a schema that this program does not know."""
    if version > len(MIGRATIONS):
        raise NotReady(
            f"{what} has schema {version}; this version of Segue knows {len(MIGRATIONS)}.",
            "Start the version of Segue that wrote it, or a newer one.",
        )


def is_earlier(connection: Connection) -> bool:
    """Whether the database must be migrated."""
    return 0 < schema_version(connection) < len(MIGRATIONS)


def create(connection: Connection) -> None:
    """Creates the schema in a new database; does nothing in one that has it."""
    _migrate(connection, ClearRows(), schema_version(connection), len(MIGRATIONS))


def _migrate(connection: Connection, rows: Rows, version: int, target: int) -> None:
    for number, statements in enumerate(MIGRATIONS[version:target], start=version + 1):
        connection.begin()
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        if number in _readings:
            _readings[number](connection, rows)
        connection.execute(statements)
        connection.execute("INSERT INTO schema_version VALUES (?)", [number])
        connection.commit()


def replace_by_migrated_copy(path: Path, rows: Rows) -> None:
    """Migrates the closed database at `path`, whose text `rows` reads.

    Unavailable or SealBroken if that is not possible, and the database is unchanged.
    """
    if wal_of(path).exists():
        raise Unavailable(f"{path} cannot be migrated: its log could not be merged.", "Is the disk full?")
    _require_room(path)
    copy = _copy_of(path)
    _discard(copy)
    try:
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        version = _migrate_copy(copy, rows)
        sync(copy)
    except SealBroken:
        _discard(copy)
        raise
    except (duckdb.Error, OSError, Unavailable) as error:
        _discard(copy)
        reason = error.message if isinstance(error, Unavailable) else str(error).split("\n", 1)[0]
        raise Unavailable(f"{path} could not be migrated and is unchanged: {reason}") from error
    kept = _keep_original(path, version)
    copy.replace(path)  # the decisive step
    sync(path.parent)
    logger.warning("migrated %s from schema %d to %d; the earlier one is %s", path, version, len(MIGRATIONS), kept.name)


def _keep_original(path: Path, version: int) -> Path:
    kept = path.with_name(f"{path.name}.schema-{version}")
    kept.unlink(missing_ok=True)
    try:
        kept.hardlink_to(path)
    except OSError:  # some file systems lack hard links
        shutil.copyfile(path, kept)
        kept.chmod(0o600)
        sync(kept)
    return kept


def _copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.migrating")


def _discard(copy: Path) -> None:
    for each in (copy, wal_of(copy)):
        each.unlink(missing_ok=True)


def _require_room(path: Path) -> None:
    needed = 2 * path.stat().st_size + spare_bytes
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise Unavailable(
            f"{path} has an earlier schema, and there is no room to migrate a copy of it: "
            f"{needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free.",
            "Make room on that disk and start again. Nothing was changed.",
        )


def _migrate_copy(copy: Path, rows: Rows) -> int:
    """Migrates the copy; returns its earlier schema. Every table must keep its rows, and all must be readable."""
    with duckdb.connect(copy) as connection:
        version = schema_version(connection)
        before = _counts(connection)
        _migrate(connection, rows, version, len(MIGRATIONS))
    with duckdb.connect(copy) as connection:  # read back from disk
        after = _counts(connection)
        for table in after:
            connection.execute(f"SELECT count(hash(t)) FROM {table} t").fetchall()  # noqa: S608  # our own names
    lost = sorted(table for table, count in before.items() if after.get(table, 0) < count and table != "schema_version")
    if lost or wal_of(copy).exists():
        raise Unavailable(f"the copy does not hold what the original does: {', '.join(lost) or 'its log is left'}.")
    return version


def _counts(connection: Connection) -> dict[str, int]:
    tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
    return {table: _count(connection, table) for table in tables}


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # our own names
    return int(row[0]) if row else 0


def discard_drafts(path: Path) -> None:
    """Removes unfinished copies of the database at `path`."""
    _discard(_copy_of(path))
    discard(path)


def earlier_databases(path: Path) -> list[Path]:
    """The databases from before a migration that are kept beside the database at `path`."""
    return sorted(path.parent.glob(f"{path.name}.schema-*"))


def remove_earlier(path: Path) -> None:
    """Removes the databases from before a migration, after a successful start on this schema."""
    for kept in earlier_databases(path):
        kept.unlink()
        logger.warning("%s is in order; the database of the earlier schema, %s, is removed", path, kept.name)
