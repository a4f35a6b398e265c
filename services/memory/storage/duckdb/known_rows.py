"""Statements that look for memories that are stored already, or were deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import duckdb

from services.memory.domain.memories import id_key
from services.memory.domain.rows import Inserted, NewRow
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.deletion.digests import deleted_places
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
from services.memory.storage.row_codec import Rows, is_sealed

Connection = duckdb.DuckDBPyConnection


class FirstLook(NamedTuple):
    """What is asked before rows are stored: whether any of them may be known, the key of the digests of what was
    deleted, as it is stored, and new sequences, ascending, that were never used."""

    is_any_known: bool
    secret: str | None
    sequences: Sequence[int]


def existing(connection: Connection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Inserted]:
    """The stored ones of `rows`, and those that were deleted, by position; Conflict if an id belongs to another memory
    of the same user."""
    return existing_and_new(connection, written, rows, 0)[0]


def existing_and_new(
    connection: Connection, written: Rows, rows: Sequence[NewRow], new: int
) -> tuple[dict[int, Inserted], Sequence[int]]:
    """The same with so many new sequences."""
    keys, prints = _names(written, rows)
    look = _first_look(connection, keys, prints, new)
    known = _known_rows_of(connection, written, rows, keys, prints) if look.is_any_known else {}
    embedded = _sequences_with_embeddings(connection, [each.sequence for each in known.values()])
    found = {place: known_outcome(each, rows[place], embedded) for place, each in known.items()}
    secret = written.read_secret(look.secret) if look.secret else None
    if secret is None:
        return found, look.sequences
    rest = {place: row for place, row in enumerate(rows) if place not in known and not row.deleted_too}
    deleted = deleted_places(connection, written, secret, rest)
    return found | {place: deleted_outcome(rows[place]) for place in deleted}, look.sequences


def known_rows(connection: Connection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Known]:
    """The stored ones of `rows`, by position; Conflict if an id belongs to another memory of the same user."""
    keys, prints = _names(written, rows)
    is_any_known = _first_look(connection, keys, prints, 0).is_any_known
    return _known_rows_of(connection, written, rows, keys, prints) if is_any_known else {}


def _names(written: Rows, rows: Sequence[NewRow]) -> tuple[list[str], list[str]]:
    """The key and the fingerprint of each row."""
    keys = [str(id_key(row.user, row.memory.id)) for row in rows]
    return keys, [str(written.fingerprint(row.memory, row.user)) for row in rows]


def _first_look(connection: Connection, keys: Sequence[str], prints: Sequence[str], new: int) -> FirstLook:
    """One narrow query: most rows are new and a wide one costs more, and so does each further one."""
    if not keys:
        return FirstLook(is_any_known=False, secret=None, sequences=())
    these = placeholders(keys)
    sql = f"""
        SELECT NULL::BIGINT, NULL FROM memories WHERE key IN ({these})
        UNION ALL SELECT NULL, NULL FROM memories WHERE fingerprint IN ({these})
        UNION ALL SELECT NULL, NULL FROM versions WHERE fingerprint IN ({these})
        UNION ALL SELECT NULL, secret FROM digest_key
    """  # noqa: S608  # marks only
    parameters: list[object] = [*keys, *prints, *prints]
    if new:
        sql += "UNION ALL SELECT nextval('memory_sequence'), NULL FROM range(?)"
        parameters.append(new)
    found = connection.execute(sql, parameters).fetchall()
    return FirstLook(
        is_any_known=(None, None) in found,
        secret=next((secret for _, secret in found if secret is not None), None),
        sequences=sorted(sequence for sequence, _ in found if sequence is not None),
    )


def _known_rows_of(
    connection: Connection, written: Rows, rows: Sequence[NewRow], keys: Sequence[str], prints: Sequence[str]
) -> dict[int, Known]:
    by_key = {str(id_key(each.user, each.memory.id)): each for each in _rows_by(connection, written, "key", keys)}
    rest = [prints[place] for place, key in enumerate(keys) if key not in by_key]
    by_print = {each.fingerprint: each for each in _rows_by(connection, written, "fingerprint", rest)}
    known = {}
    for place, row in enumerate(rows):
        each = by_key.get(keys[place]) or by_print.get(prints[place])
        if each and each.fingerprint != prints[place] and not says_the_same(written, each, row):
            each = _as_it_was(connection, written, each, row)
        if each:
            known[place] = each
    return known | _earlier_texts(
        connection, written, {at: prints[at] for at in range(len(rows)) if at not in known}, rows
    )


def _as_it_was(connection: Connection, written: Rows, known: Known, row: NewRow) -> Known:
    """The memory of that id, if it said what `row` says before it was changed; else Conflict."""
    sql = "SELECT fingerprint::TEXT FROM versions WHERE key = ? AND removal IS NULL"
    prints = {each[0] for each in connection.execute(sql, [str(id_key(row.user, known.memory.id))]).fetchall()}
    return earlier_memory(written, known, row, prints)


def _earlier_texts(
    connection: Connection, written: Rows, prints: Mapping[int, str], rows: Sequence[NewRow]
) -> dict[int, Known]:
    """Memories that said what some of `rows` say until they were changed; but not where that was said later again."""
    if not prints or not connection.execute("SELECT 1 FROM versions LIMIT 1").fetchall():
        return {}
    sql = f"""
        SELECT fingerprint::TEXT, key::TEXT, max(changed_at) FROM versions
        WHERE removal IS NULL AND fingerprint IN ({placeholders(list(prints))}) GROUP BY ALL
    """  # noqa: S608  # marks only
    changed = {each: (key, at) for each, key, at in connection.execute(sql, list(prints.values())).fetchall()}
    keys = [key for key, _ in changed.values()]
    return earlier_texts(rows, prints, changed, _rows_by(connection, written, "key", keys))


def _rows_by(connection: Connection, written: Rows, column: str, values: Sequence[str]) -> list[Known]:
    if not values:
        return []
    columns = known_columns(is_sealed(written))
    sql = f"SELECT {columns} FROM memories WHERE {column} IN ({placeholders(values)})"  # noqa: S608  # our own names
    return [known_memory(written, row) for row in connection.execute(sql, values).fetchall()]


def _sequences_with_embeddings(connection: Connection, sequences: Sequence[int]) -> set[int]:
    """Those that have embeddings. A separate query, since most rows are new and a join would cost every time."""
    if not sequences:
        return set()
    sql = f"SELECT sequence FROM embeddings WHERE sequence IN ({placeholders(sequences)})"  # noqa: S608  # marks only
    return {row[0] for row in connection.execute(sql, sequences).fetchall()}
