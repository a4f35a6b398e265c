"""Statements that change memories, run by write jobs on the writer's connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from services.memory.domain.memories import Memory, Version, id_key, joint_memory, text_bytes
from services.memory.domain.rows import Embedded, Inserted, NewRow
from services.memory.storage.duckdb.columns import insert_columns
from services.memory.storage.duckdb.deletion.digests import let_in_new
from services.memory.storage.duckdb.known_rows import existing, other_content
from services.memory.storage.row_codec import Rows, Texts, Whose


def insert(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow], model: str) -> list[Inserted]:
    """Stores `rows`; not those already stored, repeated within `rows`, or deleted before."""
    stored_at = datetime.now(UTC)
    outcomes = existing(connection, written, rows)
    first: dict[tuple[str, object], int] = {}  # repeated in one call: stored once, too
    fresh: list[int] = []
    for place, row in enumerate(rows):
        if place in outcomes:
            continue
        names = [("key", id_key(row.user, row.memory.id)), ("fingerprint", row.memory.fingerprint(row.user))]
        twin = next((first[name] for name in names if name in first), None)
        if twin is None:
            fresh.append(place)
            first.update(dict.fromkeys(names, place))  # two entries
        else:
            outcomes[place] = _twin(rows[twin], row, stored_at)
    for place, sequence in zip(fresh, new_sequences(connection, len(fresh)), strict=True):
        embedded = rows[place].content_vector is not None
        memory = rows[place].memory
        outcomes[place] = Inserted(sequence, memory.id, stored_at, duplicate=False, embedded=embedded, tags=memory.tags)
    _insert_rows(connection, written, [(outcomes[place], rows[place]) for place in fresh], model)
    let_in_new(connection, written, [rows[place] for place in fresh if rows[place].deleted_too])
    return [outcomes[place] for place in range(len(rows))]


def _twin(first: NewRow, row: NewRow, stored_at: datetime) -> Inserted:
    """The outcome of a row repeated in one call; Conflict if only the id is the same."""
    there = replace(row.memory, session_id=first.memory.session_id)
    if there.fingerprint(row.user) != first.memory.fingerprint(first.user):
        raise other_content()
    has_news = joint_memory(first.memory, row.memory) != first.memory
    name, tags = first.memory.id, first.memory.tags
    return Inserted(-1, name, stored_at, duplicate=True, embedded=False, tags=tags, has_news=has_news)


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
    memories = [_row(written, sequence, stored_at, row) for sequence, stored_at, row in rows]
    insert_columns(connection, "memories", memories, MEMORY_TYPES)
    insert_versions(connection, written, [(row.user, row.memory, row.memory.versions) for _, _, row in rows])
    embeddings = [
        _embedding(written, Embedded(sequence, row.content_vector, row.context_vector), model)
        for sequence, _, row in rows
        if row.content_vector is not None and row.context_vector is not None
    ]
    insert_columns(connection, "embeddings", embeddings, EMBEDDING_TYPES)


def _embedding(written: Rows, embedded: Embedded, model: str) -> tuple[Any, ...]:
    vectors = (("content", embedded.content_vector), ("context", embedded.context_vector))
    columns = (written.vector(embedded.sequence, place, vector.tobytes()) for place, vector in vectors)
    return (embedded.sequence, model, *columns)


def replace_embeddings(
    connection: duckdb.DuckDBPyConnection, written: Rows, embedded: Sequence[Embedded], model: str
) -> None:
    """Replaces embeddings of memories that still exist: some may have been deleted meanwhile."""
    sql = "SELECT sequence FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    alive = {row[0] for row in connection.execute(sql, [[each.sequence for each in embedded]]).fetchall()}
    for each in embedded:
        if each.sequence in alive:
            row = _embedding(written, each, model)
            connection.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", row)


MEMORY_TYPES = (
    *("BIGINT", "UUID", "TEXT", "UUID", "TEXT", "TEXT", "TEXT", "TEXT", "TIMESTAMPTZ", "TIMESTAMPTZ"),
    *("TEXT", "TEXT", "TEXT[]", "TEXT", "BOOLEAN", "TIMESTAMPTZ", "BIGINT"),
    *("TEXT[]", "TIMESTAMPTZ", "TIMESTAMPTZ", "TEXT[]"),
)
EMBEDDING_TYPES = ("BIGINT", "TEXT", "BLOB", "BLOB")


def _row(written: Rows, sequence: int, stored_at: datetime, row: NewRow) -> tuple[Any, ...]:
    memory = row.memory
    texts = written.texts(Whose(sequence, memory.id, row.user), Texts.of(memory))
    return (
        *(sequence, str(id_key(row.user, memory.id)), memory.id, str(written.fingerprint(memory, row.user))),
        *(row.user, texts.project),
        *(str(memory.kind), texts.content, memory.timestamp, stored_at, texts.session_id),
        *(texts.role, list(texts.tags), texts.metadata, memory.shared),
        *(memory.first_said or memory.timestamp, memory.size),
        *(list(memory.replaces), memory.replaced_at, memory.withdrawn_at, list(memory.made_of)),
    )


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
    rows = [_version_row(written, number, *each) for number, each in zip(numbers, every, strict=True)]
    insert_columns(connection, "versions", rows, VERSION_TYPES)


VERSION_TYPES = (
    *("BIGINT", "UUID", "UUID", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT[]", "TEXT"),
    *("TIMESTAMPTZ", "BIGINT", "BIGINT"),
)


def _version_row(written: Rows, number: int, user: str, memory: Memory, version: Version) -> tuple[Any, ...]:
    earlier = replace(memory, content=version.content, project=version.project, tags=version.tags)
    plain = Texts.of(earlier)
    texts = written.texts(Whose(-number, memory.id, user), plain)
    return (
        *(number, str(id_key(user, memory.id)), str(written.fingerprint(earlier, user)), memory.id, user),
        *(str(memory.kind), texts.project, texts.content, texts.session_id, texts.role, list(texts.tags)),
        *(texts.metadata, version.changed_at, text_bytes(plain.content, plain.metadata), None),
    )
