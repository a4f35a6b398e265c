"""The migration step that reads each memory's text: its size in clear, and the fingerprint with its session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb

from services.memory.domain.memories import Kind, Memory, text_bytes
from services.memory.storage.duckdb.columns import insert_columns
from services.memory.storage.row_codec import Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection
portion = 2_000
_types = ("BIGINT", "BIGINT", "UUID")


def measure(connection: Connection, rows: Rows) -> None:
    """Creates the table `measured`, for the fifth migration; SealBroken if a row cannot be decrypted."""
    connection.execute("CREATE TEMP TABLE measured (sequence BIGINT, size BIGINT, fingerprint UUID)")
    for each in _portions(connection):
        insert_columns(connection, "measured", [_measurement(rows, row) for row in each], _types)


def _portions(connection: Connection) -> Iterator[list[tuple[Any, ...]]]:
    sql = f"""
        SELECT sequence, id, user_id, kind, {", ".join(Texts._fields)} FROM memories
        WHERE sequence > ? ORDER BY sequence LIMIT {portion}
    """  # noqa: S608  # our own names
    last = -1
    while found := connection.execute(sql, [last]).fetchall():
        yield found
        last = found[-1][0]


def _measurement(rows: Rows, row: tuple[Any, ...]) -> tuple[int, int, str]:
    sequence, name, user, kind, *columns = row
    texts = rows.read(Whose(sequence, name, user), Texts(*columns))
    unsaid = datetime.min  # noqa: DTZ901  # not in the fingerprint
    memory = Memory(texts.content, Kind(kind), texts.project, unsaid, session_id=texts.session_id)
    return sequence, text_bytes(texts.content, texts.metadata), str(rows.fingerprint(memory, user))
