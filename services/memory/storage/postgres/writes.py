"""Statements that change memories, run in a transaction that has locked their users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from services.memory.domain.memories import Memory, Version
from services.memory.domain.rows import Embedded, Inserted, NewRow
from services.memory.storage.known_memories import fresh_places
from services.memory.storage.memory_events import stored_events
from services.memory.storage.postgres.deletion.digests import let_in_new
from services.memory.storage.postgres.known_rows import existing, users_of
from services.memory.storage.postgres.server.schema import MEMORY_COLUMNS
from services.memory.storage.postgres.server.transaction import CHANGED, EMBEDDED, STORED, Statements, Transaction
from services.memory.storage.row_codec import Rows
from services.memory.storage.row_columns import embedding_columns, memory_columns, version_columns

_marks = ", ".join(["%s"] * len(MEMORY_COLUMNS))
INSERT_MEMORY = f"INSERT INTO memories ({', '.join(MEMORY_COLUMNS)}) VALUES ({_marks})"  # noqa: S608  # our own names
_version = f"INSERT INTO versions VALUES ({', '.join(['%s'] * 15)})"  # noqa: S608  # marks only
EMBEDDING = """
    INSERT INTO embeddings VALUES (%s, %s, %s, %b, %b)
    ON CONFLICT (user_id, sequence) DO UPDATE
        SET model = excluded.model, content = excluded.content, context = excluded.context
"""


async def insert(transaction: Transaction, written: Rows, rows: Sequence[NewRow], model: str) -> list[Inserted]:
    """Stores `rows`; not those already stored, repeated within `rows`, or deleted before."""
    await transaction.lock(users_of(rows))
    stored_at = datetime.now(UTC)
    outcomes = await existing(transaction, written, rows)
    fresh = fresh_places(rows, outcomes, stored_at)
    for place, sequence in zip(fresh, await new_sequences(transaction, len(fresh)), strict=True):
        embedded = rows[place].content_vector is not None
        memory = rows[place].memory
        outcomes[place] = Inserted(sequence, memory.id, stored_at, duplicate=False, embedded=embedded, tags=memory.tags)
    if fresh:
        stored = [(outcomes[place].sequence, stored_at, rows[place]) for place in fresh]
        await insert_rows(transaction, written, stored, model)
        await let_in_new(transaction, written, [rows[place] for place in fresh if rows[place].deleted_too])
    inserted = [outcomes[place] for place in range(len(rows))]
    transaction.events += stored_events(rows, inserted)
    return inserted


async def new_sequences(statements: Statements, count: int, name: str = "memory_sequence") -> list[int]:
    """New sequences, ascending, that were never used."""
    if not count:
        return []
    rows = await statements.rows("SELECT nextval(%s::REGCLASS) FROM generate_series(1, %s)", name, count)
    return sorted(row[0] for row in rows)


async def insert_rows(
    transaction: Transaction, written: Rows, rows: Sequence[tuple[int, datetime, NewRow]], model: str
) -> None:
    """Writes memories with these sequences, stored at that time."""
    await transaction.run_each(INSERT_MEMORY, [memory_columns(written, *each) for each in rows])
    await insert_versions(transaction, written, [(row.user, row.memory, row.memory.versions) for _, _, row in rows])
    embedded = [
        (row.user, Embedded(sequence, row.content_vector, row.context_vector))
        for sequence, _, row in rows
        if row.content_vector is not None and row.context_vector is not None
    ]
    await insert_embeddings(transaction, written, embedded, model)
    for user, sequences in _by_user((row.user, sequence) for sequence, _, row in rows).items():
        transaction.note(STORED, user, sequences)


async def insert_embeddings(
    statements: Statements, written: Rows, embedded: Iterable[tuple[str, Embedded]], model: str
) -> None:
    """Writes embeddings by user, in the place of earlier ones."""
    rows = [(user, *embedding_columns(written, each, model)) for user, each in embedded]
    await statements.run_each(EMBEDDING, rows)


async def replace_embeddings(transaction: Transaction, written: Rows, embedded: Sequence[Embedded], model: str) -> None:
    """Replaces embeddings of memories that still exist: some may have been deleted meanwhile."""
    asked = [each.sequence for each in embedded]
    users = await transaction.lock_owners(asked)
    sql = "SELECT sequence, user_id FROM memories WHERE user_id = ANY(%s::TEXT[]) AND sequence = ANY(%s::BIGINT[])"
    owners = dict(await transaction.rows(sql, users, asked))
    alive = [(owners[each.sequence], each) for each in embedded if each.sequence in owners]
    await insert_embeddings(transaction, written, alive, model)
    for user, sequences in _by_user((user, each.sequence) for user, each in alive).items():
        transaction.note(EMBEDDED, user, sequences)


def _by_user(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    by_user: defaultdict[str, list[int]] = defaultdict(list)
    for user, sequence in pairs:
        by_user[user].append(sequence)
    return by_user


async def insert_versions(
    transaction: Transaction, written: Rows, changed: Sequence[tuple[str, Memory, Sequence[Version]]]
) -> None:
    """Stores what memories were before, by user and memory; the latest first."""
    every = [(user, memory, version) for user, memory, its in changed for version in reversed(its)]
    numbers = await new_sequences(transaction, len(every), "version_sequence")
    rows = [version_columns(written, number, *each) for number, each in zip(numbers, every, strict=True)]
    await transaction.run_each(_version, rows)


async def share(transaction: Transaction, sequence: int, shared: bool) -> None:
    """Sets whether every user may read a memory."""
    owners = await transaction.lock_owners([sequence])
    sql = "UPDATE memories SET shared = %s WHERE user_id = ANY(%s::TEXT[]) AND sequence = %s RETURNING user_id"
    for (user,) in await transaction.rows(sql, shared, owners, sequence):
        transaction.note(CHANGED, user, [sequence])
