"""Rewrites a database under another key, or in clear text, and verifies the copy against the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

import duckdb

from services.kit.encryption.reencryption import Report
from services.kit.errors import Unavailable
from services.memory.domain.memories import Kind, Memory
from services.memory.storage.database_file import migration
from services.memory.storage.database_file.opening import require_data_key
from services.memory.storage.duckdb.columns import insert_columns
from services.memory.storage.row_codec import LinkTexts, Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection
Row: TypeAlias = Mapping[str, Any]
Way: TypeAlias = Callable[[Rows, Row], Row]

portion = 2_000
_numbered = {"memories": "sequence", "embeddings": "sequence", "deleted_memories": "sequence", "versions": "number"}
"""What the rows of large tables are numbered by."""
_written_by_opening = ("schema_version", "sealing")


def convert(source: Connection, target: Path, before: Rows, after: Rows, report: Report) -> None:
    """Copies all rows of `source` to a new file; Unavailable if the file does not match afterwards."""
    with _open(target) as connection:
        migration.create(connection)
        require_data_key(connection, target, after.data_key)
        for table in _tables(source):
            _copy(source, connection, table, (before, after), report)
        _continue_sequences(source, connection)
    with _open(target) as connection:  # read back from disk
        require_data_key(connection, target, after.data_key)
        for table in _tables(source):
            _verify(source, connection, table, (before, after), report)


def _open(path: Path) -> Connection:
    connection = duckdb.connect(path)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _tables(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
    return [table for (table,) in rows if table not in _written_by_opening]


def _copy(source: Connection, target: Connection, table: str, ways: tuple[Rows, Rows], report: Report) -> None:
    before, after = ways
    sql = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    columns = target.execute(sql, [table]).fetchall()
    total, done = _count(source, table), 0
    for rows in _portions(source, table):
        written = [_write(after, table, _clear_row(before, table, row)) for row in rows]
        values = [tuple(_column(row[name], kind) for name, kind in columns) for row in written]
        insert_columns(target, table, values, [kind for _, kind in columns])
        done += len(rows)
        report(f"writing {table}", done, total)


def _column(value: Any, kind: str) -> Any:
    return str(value) if kind == "UUID" else list(value) if isinstance(value, tuple) else value


def _verify(source: Connection, target: Connection, table: str, ways: tuple[Rows, Rows], report: Report) -> None:
    before, after = ways
    total, done = _count(source, table), 0
    for expected, found in zip_longest(_portions(source, table), _portions(target, table), fillvalue=list[Row]()):
        if _readable(before, table, expected) != _readable(after, table, found):
            raise Unavailable(f"The copy of table {table} does not match the original.", "Try again.")
        done += len(expected)
        report(f"verifying {table}", done, total)


def _readable(rows: Rows, table: str, stored: list[Row]) -> list[Row]:
    """The rows in clear text, sorted: encrypted and clear tables differ in order."""
    return sorted((_clear_row(rows, table, row) for row in stored), key=repr)


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])  # noqa: S608  # the schema's names


def _portions(connection: Connection, table: str) -> Iterator[list[Row]]:
    """All rows; those of large tables in portions, by sequence."""
    number, last = _numbered.get(table), -1
    if number is None:
        yield _rows(connection, f"FROM {table}")
        return
    while rows := _rows(connection, f"FROM {table} WHERE {number} > {last} ORDER BY {number} LIMIT {portion}"):
        yield rows
        last = rows[-1][number]


def _rows(connection: Connection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [each[0] for each in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _continue_sequences(source: Connection, target: Connection) -> None:
    """No number is reused, not even one whose row was deleted."""
    sql = "SELECT sequence_name, coalesce(last_value + 1, start_value) FROM duckdb_sequences()"
    for name, following in source.execute(sql).fetchall():
        target.execute(f"DROP SEQUENCE {name}")
        target.execute(f"CREATE SEQUENCE {name} START WITH {int(following)}")


# --- clear rows to stored rows and back, by table -----------------------------------------------


def _clear_row(rows: Rows, table: str, row: Row) -> Row:
    return _reading[table](rows, row) if table in _reading else row


def _write(rows: Rows, table: str, row: Row) -> Row:
    return _writing[table](rows, row) if table in _writing else row


def _whose(row: Row) -> Whose:
    return Whose(row["sequence"] if "sequence" in row else -row["number"], row["id"], row["user_id"])


def _texts(row: Row) -> Texts:
    return Texts(*(row[name] for name in Texts._fields))


def _read_memory(rows: Rows, row: Row) -> Row:
    texts = rows.read(_whose(row), _texts(row))._asdict()
    return {**row, **texts, "tags": list(texts["tags"]), "fingerprint": None}


def _write_memory(rows: Rows, row: Row) -> Row:
    unsaid = datetime.min  # noqa: DTZ901  # not in the fingerprint
    memory = Memory(row["content"], Kind(row["kind"]), row["project"], unsaid, session_id=row["session_id"])
    fingerprint = rows.fingerprint(memory, row["user_id"])
    return {**row, **rows.texts(_whose(row), _texts(row))._asdict(), "fingerprint": fingerprint}


def _read_vectors(rows: Rows, row: Row) -> Row:
    return {**row, **{place: rows.read_vector(row["sequence"], place, row[place]) for place in ("content", "context")}}


def _write_vectors(rows: Rows, row: Row) -> Row:
    return {**row, **{place: rows.vector(row["sequence"], place, row[place]) for place in ("content", "context")}}


def _link_texts(row: Row) -> LinkTexts:
    return LinkTexts(*(row[name] for name in LinkTexts._fields))


_names = ("project", "earlier")
_reading: Mapping[str, Way] = {
    "memories": _read_memory,
    "deleted_memories": _read_memory,
    "versions": _read_memory,
    "digest_key": lambda rows, row: {**row, "secret": rows.read_secret(row["secret"])},
    "embeddings": _read_vectors,
    "project_links": lambda rows, row: {**row, **rows.read_link(row["user_id"], _link_texts(row))._asdict()},
    "removals": lambda rows, row: {**row, "project": rows.read_name(row["project"])},
    "merged_memories": lambda rows, row: {**row, "project": rows.read_name(row["project"])},
    "earlier_projects": lambda rows, row: {**row, **{each: rows.read_name(row[each]) for each in _names}},
    "retention": lambda rows, row: {**row, "project": rows.read_name(row["project"])},
}
_writing: Mapping[str, Way] = {
    "memories": _write_memory,
    "deleted_memories": _write_memory,
    "versions": _write_memory,
    "digest_key": lambda rows, row: {**row, "secret": rows.secret(row["secret"])},
    "embeddings": _write_vectors,
    "project_links": lambda rows, row: {**row, **rows.link(row["user_id"], _link_texts(row))._asdict()},
    "removals": lambda rows, row: {**row, "project": rows.name(row["project"])},
    "merged_memories": lambda rows, row: {**row, "project": rows.name(row["project"])},
    "earlier_projects": lambda rows, row: {**row, **{each: rows.name(row[each]) for each in _names}},
    "retention": lambda rows, row: {**row, "project": rows.name(row["project"])},
}
