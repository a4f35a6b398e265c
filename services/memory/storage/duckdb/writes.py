"""Statements that change memories, run by write jobs on the writer's connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

from services.memory.domain.memories import Memory, Version
from services.memory.domain.rows import Embedded, Inserted, NewRow
from services.memory.storage.duckdb.columns import insert_columns
from services.memory.storage.duckdb.deletion.digests import let_in_new
from services.memory.storage.duckdb.known_rows import existing_and_new
from services.memory.storage.known_memories import fresh_places
from services.memory.storage.row_codec import Rows
from services.memory.storage.row_columns import embedding_columns, memory_columns, version_columns


def insert(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow], model: str) -> list[Inserted]:
    """Stores `rows`; not those already stored, repeated within `rows`, or deleted before."""
    stored_at = datetime.now(UTC)
    outcomes, sequences = existing_and_new(connection, written, rows, len(rows))
    fresh = fresh_places(rows, outcomes, stored_at)
    for place, sequence in zip(fresh, sequences, strict=False):  # a known row needs none
        embedded = rows[place].content_vector is not None
        memory = rows[place].memory
        outcomes[place] = Inserted(sequence, memory.id, stored_at, duplicate=False, embedded=embedded, tags=memory.tags)
    _insert_rows(connection, written, [(outcomes[place], rows[place]) for place in fresh], model)
    let_in_new(connection, written, [rows[place] for place in fresh if rows[place].deleted_too])
    return [outcomes[place] for place in range(len(rows))]


def new_sequences(connection: duckdb.DuckDBPyConnection, count: int) -> list[int]:
    """New sequences, ascending, that were never used."""
    rows = connection.execute("SELECT nextval('memory_sequence') FROM range(?)", [count]).fetchall()
    return sorted(row[0] for row in rows)


def _insert_rows(
    connection: duckdb.DuckDBPyConnection, written: Rows, fresh: Sequence[tuple[Inserted, NewRow]], model: str
) -> None:
    if fresh:
        insert_rows(connection, written, [(each.sequence, each.stored_at, row) for each, row in fresh], model)


def insert_rows(
    connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[tuple[int, datetime, NewRow]], model: str
) -> None:
    """Writes memories with these sequences, stored at that time."""
    memories = [memory_columns(written, sequence, stored_at, row) for sequence, stored_at, row in rows]
    insert_columns(connection, "memories", memories, MEMORY_TYPES)
    insert_versions(connection, written, [(row.user, row.memory, row.memory.versions) for _, _, row in rows])
    embeddings = [
        embedding_columns(written, Embedded(sequence, row.content_vector, row.context_vector), model)
        for sequence, _, row in rows
        if row.content_vector is not None and row.context_vector is not None
    ]
    insert_columns(connection, "embeddings", embeddings, EMBEDDING_TYPES)


def replace_embeddings(
    connection: duckdb.DuckDBPyConnection, written: Rows, embedded: Sequence[Embedded], model: str
) -> None:
    """Replaces embeddings of memories that still exist: some may have been deleted meanwhile."""
    sql = "SELECT sequence FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    alive = {row[0] for row in connection.execute(sql, [[each.sequence for each in embedded]]).fetchall()}
    for each in embedded:
        if each.sequence in alive:
            row = embedding_columns(written, each, model)
            connection.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", row)


MEMORY_TYPES = (
    *("BIGINT", "UUID", "TEXT", "UUID", "TEXT", "TEXT", "TEXT", "TEXT", "TIMESTAMPTZ", "TIMESTAMPTZ"),
    *("TEXT", "TEXT", "TEXT[]", "TEXT", "BOOLEAN", "TIMESTAMPTZ", "BIGINT"),
    *("TEXT[]", "TIMESTAMPTZ", "TIMESTAMPTZ", "TEXT[]"),
)
EMBEDDING_TYPES = ("BIGINT", "TEXT", "BLOB", "BLOB")


def insert_versions(
    connection: duckdb.DuckDBPyConnection,
    written: Rows,
    changed: Sequence[tuple[str, Memory, Sequence[Version]]],
) -> None:
    """Stores what memories were before, by user and memory; the latest first."""
    every = [(user, memory, version) for user, memory, its in changed for version in reversed(its)]
    if not every:
        return
    sql = "SELECT nextval('version_sequence') FROM range(?)"
    numbers = sorted(row[0] for row in connection.execute(sql, [len(every)]).fetchall())
    rows = [version_columns(written, number, *each) for number, each in zip(numbers, every, strict=True)]
    insert_columns(connection, "versions", rows, VERSION_TYPES)


VERSION_TYPES = (
    *("BIGINT", "UUID", "UUID", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT[]", "TEXT"),
    *("TIMESTAMPTZ", "BIGINT", "BIGINT"),
)
