"""The statements that change the memories: what a write job runs on the writer's connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from services.kit.errors import Conflict
from services.memory.memories import Memory, id_key
from services.memory.rows import Rows, Texts, Whose

Vectors = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class NewRow:
    """A memory to insert, with its embeddings where there are any (float16[384], unit length)."""

    memory: Memory
    user: str
    content_vector: Vectors | None = None
    context_vector: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embeddings of a memory that is stored already (float16[384], unit length)."""

    sequence: int
    content_vector: Vectors
    context_vector: Vectors


@dataclass(frozen=True, slots=True)
class Inserted:
    """Where a memory is: its sequence and id; `duplicate` where it was there before."""

    sequence: int
    id: str
    stored_at: datetime
    duplicate: bool
    embedded: bool


def existing(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Inserted]:
    """By place in `rows`; Conflict where an id is another memory's of the same user."""
    prints = [str(written.fingerprint(row.memory, row.user)) for row in rows]
    keys = [str(id_key(row.user, row.memory.id)) for row in rows]
    known = [*_known(connection, "key", keys), *_known(connection, "fingerprint", prints)]
    by_key, by_print = {row[4]: row for row in known}, {row[2]: row for row in known}
    embedded = _embedded(connection, [row[0] for row in known])
    known_here = {}
    for place in range(len(rows)):
        found = by_key.get(keys[place]) or by_print.get(prints[place])
        if found and found[2] != prints[place]:
            raise _other_content()
        if found:
            at, is_embedded = found[3].astimezone(UTC), found[0] in embedded
            known_here[place] = Inserted(found[0], found[1], at, duplicate=True, embedded=is_embedded)
    return known_here


def _other_content() -> Conflict:
    return Conflict("That id is another memory's.", "Leave the id out, or send what was stored under it.")


def _known(connection: duckdb.DuckDBPyConnection, column: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
    sql = f"""
        SELECT sequence, id, fingerprint::TEXT, stored_at, key::TEXT
        FROM memories WHERE {column} IN ({placeholders(values)})
    """  # noqa: S608  # our own names
    return connection.execute(sql, values).fetchall()


def _embedded(connection: duckdb.DuckDBPyConnection, sequences: Sequence[int]) -> set[int]:
    """Which of them have embeddings. A query of its own, for most that is stored is new: joined, it costs each time."""
    if not sequences:
        return set()
    sql = f"SELECT sequence FROM embeddings WHERE sequence IN ({placeholders(sequences)})"  # noqa: S608  # marks only
    return {row[0] for row in connection.execute(sql, sequences).fetchall()}


def placeholders(values: Sequence[object]) -> str:
    """One for each value: single parameters use the column's index, a list would scan."""
    return ", ".join("?" * len(values))


def insert(connection: duckdb.DuckDBPyConnection, written: Rows, rows: Sequence[NewRow], model: str) -> list[Inserted]:
    """Stores `rows`; one that is there already, or twice in `rows`, is not stored again."""
    stored_at = datetime.now(UTC)
    outcomes = existing(connection, written, rows)
    first: dict[tuple[str, object], int] = {}  # twice in one call is stored once, too
    fresh: list[int] = []
    for place, row in enumerate(rows):
        if place in outcomes:
            continue
        names = [("key", id_key(row.user, row.memory.id)), ("fingerprint", row.memory.fingerprint(row.user))]
        twin = next((first[name] for name in names if name in first), None)
        if twin is not None and names[0] in first and first.get(names[1]) != twin:
            raise _other_content()
        if twin is None:
            fresh.append(place)
            first.update(dict.fromkeys(names, place))  # two entries
        else:
            outcomes[place] = Inserted(-1, rows[twin].memory.id, stored_at, duplicate=True, embedded=False)
    for place, sequence in zip(fresh, _sequences(connection, len(fresh)), strict=True):
        embedded = rows[place].content_vector is not None
        outcomes[place] = Inserted(sequence, rows[place].memory.id, stored_at, duplicate=False, embedded=embedded)
    _insert_rows(connection, written, [(outcomes[place], rows[place]) for place in fresh], model)
    return [outcomes[place] for place in range(len(rows))]


def _sequences(connection: duckdb.DuckDBPyConnection, count: int) -> list[int]:
    rows = connection.execute("SELECT nextval('memory_sequence') FROM range(?)", [count]).fetchall()
    return sorted(row[0] for row in rows)


def _insert_rows(
    connection: duckdb.DuckDBPyConnection, written: Rows, fresh: Sequence[tuple[Inserted, NewRow]], model: str
) -> None:
    if not fresh:
        return
    memories = [_row(written, inserted, row) for inserted, row in fresh]
    insert_columns(connection, "memories", memories, MEMORY_TYPES)
    embeddings = [
        _embedding(written, Embedded(inserted.sequence, row.content_vector, row.context_vector), model)
        for inserted, row in fresh
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
    """Only of memories that still exist: one may have been deleted meanwhile."""
    sql = "SELECT sequence FROM memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    alive = {row[0] for row in connection.execute(sql, [[each.sequence for each in embedded]]).fetchall()}
    for each in embedded:
        if each.sequence in alive:
            row = _embedding(written, each, model)
            connection.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", row)


MEMORY_TYPES = (
    *("BIGINT", "UUID", "TEXT", "UUID", "TEXT", "TEXT", "TEXT", "TEXT", "TIMESTAMPTZ", "TIMESTAMPTZ"),
    *("TEXT", "TEXT", "TEXT[]", "TEXT", "BOOLEAN"),
)
EMBEDDING_TYPES = ("BIGINT", "TEXT", "BLOB", "BLOB")


def _row(written: Rows, inserted: Inserted, row: NewRow) -> tuple[Any, ...]:
    memory = row.memory
    texts = written.texts(Whose(inserted.sequence, memory.id, row.user), Texts.of(memory))
    return (
        *(inserted.sequence, str(id_key(row.user, memory.id)), memory.id, str(written.fingerprint(memory, row.user))),
        *(row.user, texts.project),
        *(str(memory.kind), texts.content, memory.timestamp, inserted.stored_at, texts.session_id),
        *(texts.role, list(texts.tags), texts.metadata, memory.shared),
    )


def insert_columns(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]], types: Sequence[str]
) -> None:
    """Inserts few rows one by one and many as columns, whichever is faster (the crossing is near four rows)."""
    if len(rows) <= 4:
        marks = placeholders(types)
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608  # our own names
        return
    columns = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    connection.execute(f"INSERT INTO {table} SELECT {columns}", [list(column) for column in zip(*rows, strict=True)])
