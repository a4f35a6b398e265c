"""Statements that change memories, and say what is in force: what replaces what, and what was withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

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
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.restatements import rewrite_row
from services.memory.storage.duckdb.writes import insert_versions
from services.memory.storage.memory_rows import COLUMNS, earlier_version, memory_of
from services.memory.storage.row_codec import Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection


def update(connection: Connection, written: Rows, earlier: int, row: NewRow, at: datetime, model: str) -> Restated:
    """Replaces a memory's row by `row`; what it was becomes a version. Conflict if it changed meanwhile, or another
    memory says the same."""
    sql = f"SELECT {COLUMNS}, '', stored_at FROM memories WHERE sequence = ?"  # noqa: S608  # our own names
    found = connection.execute(sql, [earlier]).fetchall()
    if not found:
        raise Conflict("That memory was changed or deleted just now.", "Read it again, then change it.")
    stored_at, memory = found[0][-1].astimezone(UTC), memory_of(found[0][:-1], written)
    _refuse_twin(connection, written, row)
    _refuse_more_versions(connection, row)
    insert_versions(
        connection, written, [(row.user, memory, [Version(memory.content, memory.project, memory.tags, at)])]
    )
    return rewrite_row(connection, written, earlier, stored_at, row, model)


def _refuse_twin(connection: Connection, written: Rows, row: NewRow) -> None:
    key, fingerprint = str(id_key(row.user, row.memory.id)), str(written.fingerprint(row.memory, row.user))
    sql = "SELECT id FROM memories WHERE fingerprint = ? AND key <> ?"
    if twin := connection.execute(sql, [fingerprint, key]).fetchall():
        raise Conflict(
            f"Another memory says the same already: {twin[0][0]}.", "Withdraw this one, or let that one replace it."
        )


def _refuse_more_versions(connection: Connection, row: NewRow) -> None:
    sql = "SELECT count(*), coalesce(sum(size), 0) FROM versions WHERE key = ? AND removal IS NULL"
    ((count, size),) = connection.execute(sql, [str(id_key(row.user, row.memory.id))]).fetchall()
    if count >= versions_max or size >= versions_max_bytes - content_max_bytes:
        raise LimitExceeded(
            f"That memory has {count} earlier texts, {size:,} bytes: no more are kept.",
            "Store what holds now as a new one that replaces it.",
        )


def withdraw(connection: Connection, sequence: int, at: datetime | None) -> None:
    """Sets since when a memory is withdrawn; None if it is not. NotFound if it is gone."""
    sql = "UPDATE memories SET withdrawn_at = ? WHERE sequence = ? RETURNING 1"
    if not connection.execute(sql, [at, sequence]).fetchall():
        raise NotFound("There is no memory with that id.")


def set_replaced(connection: Connection, sequence: int, id: str, at: datetime | None) -> None:
    """Lets a memory replace the one of that id, of what was said until `at`; None: no longer. NotFound if it is gone,
    LimitExceeded if it replaces too many."""
    found = connection.execute("SELECT replaces, replaced_at FROM memories WHERE sequence = ?", [sequence]).fetchall()
    if not found:
        raise NotFound("There is no memory with that id.")
    ((before, since),) = found
    others = [each for each in before if each != id]
    at_most(len(others) + (at is not None), named_ids_max, "replaces", "ids")
    replaces = others if at is None else [*others, id]
    until = max((each for each in (since, at) if each), default=None) if replaces else None
    sql = "UPDATE memories SET replaces = ?, replaced_at = ? WHERE sequence = ?"
    connection.execute(sql, [replaces, until, sequence])


def replacements(connection: Connection) -> list[Replacement]:
    """What replaces what, of all users."""
    sql = """
        SELECT user_id, unnest(replaces), sequence, greatest(coalesce(replaced_at, timestamp), timestamp)
        FROM memories WHERE len(replaces) > 0
    """
    return [
        Replacement(user, name, by, at.astimezone(UTC)) for user, name, by, at in connection.execute(sql).fetchall()
    ]


def withdrawals(connection: Connection) -> dict[int, datetime]:
    """Since when memories are withdrawn that were not said again since, of all users."""
    sql = "SELECT sequence, withdrawn_at FROM memories WHERE withdrawn_at >= timestamp"
    return {sequence: at.astimezone(UTC) for sequence, at in connection.execute(sql).fetchall()}


def sequences_of(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """The sequences of stored memories, by the key of user and id."""
    sql = "SELECT key::TEXT, sequence FROM memories WHERE key IN (SELECT unnest(?::UUID[]))"
    return dict(connection.execute(sql, [list(keys)]).fetchall()) if keys else {}


def versions(connection: Connection, written: Rows, user: str, ids: Sequence[str]) -> dict[str, tuple[Version, ...]]:
    """What the user's memories of these ids were before, the latest first; those that can be read."""
    keys = {str(id_key(user, each)): each for each in ids}
    if not keys:
        return {}
    sql = f"""
        SELECT key::TEXT, changed_at, number, id, {", ".join(Texts._fields)} FROM versions
        WHERE removal IS NULL AND key IN ({placeholders(list(keys))}) ORDER BY number DESC
    """  # noqa: S608  # our own names
    found: dict[str, tuple[Version, ...]] = {}
    for key, changed_at, number, name, *columns in connection.execute(sql, list(keys)).fetchall():
        its = earlier_version(written, Whose(-number, name, user), columns, changed_at.astimezone(UTC))
        found[keys[key]] = (*found.get(keys[key], ()), *its)
    return found
