"""Statements that change memories, run by write jobs on the writer's connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from services.kit.encryption.vault import SealBroken
from services.kit.errors import Conflict
from services.memory.domain.memories import Kind, Memory, id_key, joint_memory
from services.memory.domain.rows import Embedded, Inserted, NewRow
from services.memory.storage.duckdb.memory_rows import PLAIN, memory_of
from services.memory.storage.row_codec import Rows, Texts, Whose


@dataclass(frozen=True, slots=True)
class Known:
    """A stored memory; `memory` is without its content."""

    sequence: int
    fingerprint: str
    stored_at: datetime
    user: str
    memory: Memory
    is_readable: bool = True


def existing(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Inserted]:
    """The stored ones of `rows`, by position; Conflict if an id belongs to another memory of the same user."""
    known = known_rows(connection, written, rows)
    embedded = _sequences_with_embeddings(connection, [each.sequence for each in known.values()])
    return {
        place: Inserted(
            each.sequence,
            each.memory.id,
            each.stored_at,
            duplicate=True,
            embedded=each.sequence in embedded,
            tags=each.memory.tags,
            has_news=each.is_readable and joint_memory(each.memory, rows[place].memory) != each.memory,
        )
        for place, each in known.items()
    }


def known_rows(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Known]:
    """The stored ones of `rows`, by position; Conflict if an id belongs to another memory of the same user."""
    prints = [str(written.fingerprint(row.memory, row.user)) for row in rows]
    keys = [str(id_key(row.user, row.memory.id)) for row in rows]
    by_key = {str(id_key(each.user, each.memory.id)): each for each in _rows_by(connection, written, "key", keys)}
    rest = [prints[place] for place, key in enumerate(keys) if key not in by_key]
    by_print = {each.fingerprint: each for each in _rows_by(connection, written, "fingerprint", rest)}
    known = {}
    for place, row in enumerate(rows):
        each = by_key.get(keys[place]) or by_print.get(prints[place])
        if each and each.fingerprint != prints[place] and not _says_the_same(written, each, row):
            raise _other_content()
        if each:
            known[place] = each
    return known


def _says_the_same(written: Rows, known: Known, row: NewRow) -> bool:
    """Whether they differ only in the session: a forked session copies memories under the same ids."""
    there = replace(row.memory, session_id=known.memory.session_id)
    return str(written.fingerprint(there, row.user)) == known.fingerprint


def _other_content() -> Conflict:
    return Conflict("That id is another memory's.", "Leave the id out, or send what was stored under it.")


def _rows_by(connection: duckdb.DuckDBPyConnection, written: Rows, column: str, values: Sequence[str]) -> list[Known]:
    if not values:
        return []
    sealed = bool(written.data_key)  # then `content` holds all text
    sql = f"""
        SELECT fingerprint::TEXT, stored_at, sequence, id, user_id,
               CASE WHEN {sealed} THEN content ELSE '' END, project, session_id, role, tags, metadata, {PLAIN}, ''
        FROM memories WHERE {column} IN ({placeholders(values)})
    """  # noqa: S608  # our own names
    return [_known_row(written, row) for row in connection.execute(sql, values).fetchall()]


def _known_row(written: Rows, row: tuple[Any, ...]) -> Known:
    try:
        return _read_known(written, row)
    except (SealBroken, ValueError, TypeError):
        fingerprint, stored_at, sequence, name, user, *_ = row
        memory = Memory("", Kind.CONVERSATION, "", stored_at.astimezone(UTC), id=name)
        return Known(sequence, fingerprint, stored_at.astimezone(UTC), user, memory, is_readable=False)


def _read_known(written: Rows, row: tuple[Any, ...]) -> Known:
    fingerprint, stored_at, sequence, _, user, *_ = row
    memory = memory_of(row[2:], written)
    return Known(sequence, fingerprint, stored_at.astimezone(UTC), user, replace(memory, content=""))


def _sequences_with_embeddings(connection: duckdb.DuckDBPyConnection, sequences: Sequence[int]) -> set[int]:
    """Those that have embeddings. A separate query, since most rows are new and a join would cost every time."""
    if not sequences:
        return set()
    sql = f"SELECT sequence FROM embeddings WHERE sequence IN ({placeholders(sequences)})"  # noqa: S608  # marks only
    return {row[0] for row in connection.execute(sql, sequences).fetchall()}


def placeholders(values: Sequence[object]) -> str:
    """One parameter per value: these use the column's index, a list would scan."""
    return ", ".join("?" * len(values))


def insert(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow], model: str) -> list[Inserted]:
    """Stores `rows`; those already stored, or repeated within `rows`, are not stored again."""
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
    return [outcomes[place] for place in range(len(rows))]


def _twin(first: NewRow, row: NewRow, stored_at: datetime) -> Inserted:
    """The outcome of a row repeated in one call; Conflict if only the id is the same."""
    there = replace(row.memory, session_id=first.memory.session_id)
    if there.fingerprint(row.user) != first.memory.fingerprint(first.user):
        raise _other_content()
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


def insert_columns(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]], types: Sequence[str]
) -> None:
    """Inserts few rows one by one and many as columns, whichever is faster (break-even is about four rows)."""
    if len(rows) <= 4:
        marks = placeholders(types)
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608  # our own names
        return
    columns = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    connection.execute(f"INSERT INTO {table} SELECT {columns}", [list(column) for column in zip(*rows, strict=True)])
