"""Statements that look for memories that are stored already, or were deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.memory.domain.memories import id_key
from services.memory.domain.rows import Inserted, NewRow
from services.memory.storage.known_memories import (
    Known,
    deleted_outcome,
    earlier_memory,
    earlier_texts,
    known_columns,
    known_memory,
    known_outcome,
    says_the_same,
)
from services.memory.storage.postgres.deletion.digests import deleted_places
from services.memory.storage.postgres.server.transaction import Statements
from services.memory.storage.row_codec import Rows, is_sealed


def users_of(rows: Sequence[NewRow]) -> list[str]:
    """Whose rows they are, each once."""
    return sorted({row.user for row in rows})


async def existing(statements: Statements, written: Rows, rows: Sequence[NewRow]) -> dict[int, Inserted]:
    """The stored ones of `rows`, and those that were deleted, by position; Conflict if an id belongs to another memory
    of the same user."""
    known = await known_rows(statements, written, rows)
    embedded = await _sequences_with_embeddings(statements, users_of(rows), [each.sequence for each in known.values()])
    found = {place: known_outcome(each, rows[place], embedded) for place, each in known.items()}
    rest = {place: row for place, row in enumerate(rows) if place not in known and not row.deleted_too}
    return found | {place: deleted_outcome(rows[place]) for place in await deleted_places(statements, written, rest)}


async def known_rows(statements: Statements, written: Rows, rows: Sequence[NewRow]) -> dict[int, Known]:
    """The stored ones of `rows`, by position; Conflict if an id belongs to another memory of the same user."""
    prints = [str(written.fingerprint(row.memory, row.user)) for row in rows]
    keys = [str(id_key(row.user, row.memory.id)) for row in rows]
    users = users_of(rows)
    found = await _rows_by(statements, written, users, keys, prints)
    by_key = {str(id_key(each.user, each.memory.id)): each for each in found}
    by_print = {each.fingerprint: each for each in found}
    known = {}
    for place, row in enumerate(rows):
        each = by_key.get(keys[place]) or by_print.get(prints[place])
        if each and each.fingerprint != prints[place] and not says_the_same(written, each, row):
            each = await _as_it_was(statements, written, each, row)
        if each:
            known[place] = each
    rest = {at: prints[at] for at in range(len(rows)) if at not in known}
    return known | await _earlier_texts(statements, written, rest, rows)


async def _as_it_was(statements: Statements, written: Rows, known: Known, row: NewRow) -> Known:
    """The memory of that id, if it said what `row` says before it was changed; else Conflict."""
    sql = "SELECT fingerprint::TEXT FROM versions WHERE user_id = %s AND key = %s::UUID AND removal IS NULL"
    prints = {each[0] for each in await statements.rows(sql, row.user, str(id_key(row.user, known.memory.id)))}
    return earlier_memory(written, known, row, prints)


async def _earlier_texts(
    statements: Statements, written: Rows, prints: Mapping[int, str], rows: Sequence[NewRow]
) -> dict[int, Known]:
    """Memories that said what some of `rows` say until they were changed; but not where that was said later again."""
    if not prints:
        return {}
    users = users_of(rows)
    sql = """
        SELECT fingerprint::TEXT, key::TEXT, max(changed_at) FROM versions
        WHERE user_id = ANY(%s::TEXT[]) AND removal IS NULL AND fingerprint = ANY(%s::UUID[]) GROUP BY 1, 2
    """
    found = await statements.rows(sql, users, list(prints.values()))
    changed = {each: (key, at) for each, key, at in found}
    keys = [key for key, _ in changed.values()]
    return earlier_texts(rows, prints, changed, await _rows_by(statements, written, users, keys, []))


async def _rows_by(
    statements: Statements, written: Rows, users: Sequence[str], keys: Sequence[str], prints: Sequence[str]
) -> list[Known]:
    """The users' memories with one of the keys, or one of the fingerprints."""
    if not (keys or prints):
        return []
    columns = known_columns(is_sealed(written))
    sql = f"""
        SELECT {columns} FROM memories WHERE user_id = ANY(%(users)s::TEXT[]) AND key = ANY(%(keys)s::UUID[])
        UNION
        SELECT {columns} FROM memories WHERE user_id = ANY(%(users)s::TEXT[]) AND fingerprint = ANY(%(prints)s::UUID[])
    """  # noqa: S608  # our own names
    found = await statements.named_rows(sql, {"users": list(users), "keys": list(keys), "prints": list(prints)})
    return [known_memory(written, row) for row in found]


async def _sequences_with_embeddings(
    statements: Statements, users: Sequence[str], sequences: Sequence[int]
) -> set[int]:
    if not sequences:
        return set()
    sql = "SELECT sequence FROM embeddings WHERE user_id = ANY(%s::TEXT[]) AND sequence = ANY(%s::BIGINT[])"
    return {row[0] for row in await statements.rows(sql, list(users), list(sequences))}
