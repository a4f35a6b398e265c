"""Statements that change memories, and say what is in force: what replaces what, and what was withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.kit.errors import Conflict, LimitExceeded, NotFound
from services.memory.domain.corrections import Replacement
from services.memory.domain.memories import (
    Version,
    at_most,
    content_max_bytes,
    id_key,
    named_ids_max,
    versions_max,
    versions_max_bytes,
)
from services.memory.domain.rows import NewRow, Restated
from services.memory.storage.memory_rows import COLUMNS, earlier_version, memory_of
from services.memory.storage.postgres.restatements import rewrite_row
from services.memory.storage.postgres.server.transaction import CHANGED, Statements, Transaction
from services.memory.storage.postgres.writes import insert_versions
from services.memory.storage.row_codec import Rows, Texts, Whose


async def update(
    transaction: Transaction, written: Rows, earlier: int, row: NewRow, at: datetime, model: str
) -> Restated:
    """Replaces a memory's row by `row`; what it was becomes a version. Conflict if it changed meanwhile, or another
    memory says the same."""
    await transaction.lock([row.user])
    sql = f"SELECT {COLUMNS}, '', stored_at FROM memories WHERE user_id = %s AND sequence = %s"  # noqa: S608  # our own
    found = await transaction.rows(sql, row.user, earlier)
    if not found:
        raise Conflict("That memory was changed or deleted just now.", "Read it again, then change it.")
    stored_at, memory = found[0][-1].astimezone(UTC), memory_of(found[0][:-1], written)
    await _refuse_twin(transaction, written, row)
    await _refuse_more_versions(transaction, row)
    before = Version(memory.content, memory.project, memory.tags, at)
    await insert_versions(transaction, written, [(row.user, memory, [before])])
    return await rewrite_row(transaction, written, earlier, stored_at, row, model)


async def _refuse_twin(statements: Statements, written: Rows, row: NewRow) -> None:
    key, fingerprint = str(id_key(row.user, row.memory.id)), str(written.fingerprint(row.memory, row.user))
    sql = "SELECT id FROM memories WHERE user_id = %s AND fingerprint = %s::UUID AND key <> %s::UUID"
    if twin := await statements.rows(sql, row.user, fingerprint, key):
        raise Conflict(
            f"Another memory says the same already: {twin[0][0]}.", "Withdraw this one, or let that one replace it."
        )


async def _refuse_more_versions(statements: Statements, row: NewRow) -> None:
    sql = """
        SELECT count(*), coalesce(sum(size), 0)::BIGINT FROM versions
        WHERE user_id = %s AND key = %s::UUID AND removal IS NULL
    """
    ((count, size),) = await statements.rows(sql, row.user, str(id_key(row.user, row.memory.id)))
    if count >= versions_max or size >= versions_max_bytes - content_max_bytes:
        raise LimitExceeded(
            f"That memory has {count} earlier texts, {size:,} bytes: no more are kept.",
            "Store what holds now as a new one that replaces it.",
        )


async def withdraw(transaction: Transaction, sequence: int, at: datetime | None) -> None:
    """Sets since when a memory is withdrawn; None if it is not. NotFound if it is gone."""
    owners = await transaction.lock_owners([sequence])
    sql = "UPDATE memories SET withdrawn_at = %s WHERE user_id = ANY(%s::TEXT[]) AND sequence = %s RETURNING user_id"
    found = await transaction.rows(sql, at, owners, sequence)
    if not found:
        raise NotFound("There is no memory with that id.")
    transaction.note(CHANGED, found[0][0], [sequence])


async def set_replaced(transaction: Transaction, sequence: int, id: str, at: datetime | None) -> None:
    """Lets a memory replace the one of that id, of what was said until `at`; None: no longer. NotFound if it is gone,
    LimitExceeded if it replaces too many."""
    owners = await transaction.lock_owners([sequence])
    sql = "SELECT user_id, replaces, replaced_at FROM memories WHERE user_id = ANY(%s::TEXT[]) AND sequence = %s"
    found = await transaction.rows(sql, owners, sequence)
    if not found:
        raise NotFound("There is no memory with that id.")
    ((user, before, since),) = found
    others = [each for each in before if each != id]
    at_most(len(others) + (at is not None), named_ids_max, "replaces", "ids")
    replaces = others if at is None else [*others, id]
    until = max((each for each in (since, at) if each), default=None) if replaces else None
    sql = "UPDATE memories SET replaces = %s, replaced_at = %s WHERE user_id = %s AND sequence = %s"
    await transaction.run(sql, replaces, until, user, sequence)
    transaction.note(CHANGED, user, [sequence])


_replacing = """
    SELECT user_id, unnest(replaces), sequence, greatest(coalesce(replaced_at, timestamp), timestamp)
    FROM memories WHERE cardinality(replaces) > 0
"""
_withdrawn = "SELECT sequence, withdrawn_at FROM memories WHERE withdrawn_at IS NOT NULL AND withdrawn_at >= timestamp"


async def replacements(statements: Statements) -> list[Replacement]:
    """What replaces what, of all users."""
    return _replacements_of(await statements.rows(_replacing))


async def user_replacements(statements: Statements, user: str) -> list[Replacement]:
    """The same of one user's memories."""
    return _replacements_of(await statements.rows(f"{_replacing} AND user_id = %s", user))


def _replacements_of(rows: Sequence[tuple[Any, ...]]) -> list[Replacement]:
    return [Replacement(user, name, by, at.astimezone(UTC)) for user, name, by, at in rows]


async def withdrawals(statements: Statements) -> dict[int, datetime]:
    """Since when memories are withdrawn that were not said again since, of all users."""
    return _withdrawals_of(await statements.rows(_withdrawn))


async def user_withdrawals(statements: Statements, user: str) -> dict[int, datetime]:
    """The same of one user's memories."""
    return _withdrawals_of(await statements.rows(f"{_withdrawn} AND user_id = %s", user))


def _withdrawals_of(rows: Sequence[tuple[Any, ...]]) -> dict[int, datetime]:
    return {sequence: at.astimezone(UTC) for sequence, at in rows}


async def sequences_of(statements: Statements, keys: Sequence[str]) -> dict[str, int]:
    """The sequences of stored memories, by the key of user and id."""
    sql = "SELECT key::TEXT, sequence FROM memories WHERE key = ANY(%s::UUID[])"
    return dict(await statements.rows(sql, list(keys))) if keys else {}


async def user_sequences_of(statements: Statements, user: str, keys: Sequence[str]) -> dict[str, int]:
    """The same of one user's memories."""
    sql = "SELECT key::TEXT, sequence FROM memories WHERE user_id = %s AND key = ANY(%s::UUID[])"
    return dict(await statements.rows(sql, user, list(keys))) if keys else {}


async def versions(
    statements: Statements, written: Rows, user: str, ids: Sequence[str]
) -> dict[str, tuple[Version, ...]]:
    """What the user's memories of these ids were before, the latest first; those that can be read."""
    keys = {str(id_key(user, each)): each for each in ids}
    if not keys:
        return {}
    sql = f"""
        SELECT key::TEXT, changed_at, number, id, {", ".join(Texts._fields)} FROM versions
        WHERE user_id = %s AND removal IS NULL AND key = ANY(%s::UUID[]) ORDER BY number DESC
    """  # noqa: S608  # our own names
    found: dict[str, tuple[Version, ...]] = {}
    for key, changed_at, number, name, *columns in await statements.rows(sql, user, list(keys)):
        its = earlier_version(written, Whose(-number, name, user), columns, changed_at.astimezone(UTC))
        found[keys[key]] = (*found.get(keys[key], ()), *its)
    return found
