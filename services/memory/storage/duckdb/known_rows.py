"""Statements that look for memories that are stored already, or were deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from services.kit.encryption.vault import SealBroken
from services.kit.errors import Conflict
from services.memory.domain.memories import Kind, Memory, id_key, joint_memory
from services.memory.domain.rows import Inserted, NewRow
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.deletion.digests import deleted_places
from services.memory.storage.duckdb.memory_rows import PLAIN, memory_of
from services.memory.storage.row_codec import Rows

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Known:
    """A stored memory; `memory` is without its content. `is_earlier`: what was sent is what it was before a change."""

    sequence: int
    fingerprint: str
    stored_at: datetime
    user: str
    memory: Memory
    is_readable: bool = True
    is_earlier: bool = False


def existing(connection: Connection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Inserted]:
    """The stored ones of `rows`, and those that were deleted, by position; Conflict if an id belongs to another memory
    of the same user."""
    known = known_rows(connection, written, rows)
    embedded = _sequences_with_embeddings(connection, [each.sequence for each in known.values()])
    found = {
        place: Inserted(
            each.sequence,
            each.memory.id,
            each.stored_at,
            duplicate=True,
            embedded=each.sequence in embedded,
            tags=each.memory.tags,
            has_news=_has_news(each, rows[place].memory),
        )
        for place, each in known.items()
    }
    rest = {place: row for place, row in enumerate(rows) if place not in known and not row.deleted_too}
    return found | {place: _left_out(rows[place]) for place in deleted_places(connection, written, rest)}


def _has_news(known: Known, again: Memory) -> bool:
    return known.is_readable and not known.is_earlier and joint_memory(known.memory, again) != known.memory


def _left_out(row: NewRow) -> Inserted:
    now = datetime.now(UTC)
    return Inserted(-1, row.memory.id, now, duplicate=False, embedded=False, was_deleted=True)


def known_rows(connection: Connection, written: Rows, rows: Sequence[NewRow]) -> dict[int, Known]:
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
            each = _as_it_was(connection, written, each, row)
        if each:
            known[place] = each
    return known | _earlier_texts(
        connection, written, {at: prints[at] for at in range(len(rows)) if at not in known}, rows
    )


def _says_the_same(written: Rows, known: Known, row: NewRow) -> bool:
    """Whether they differ only in the session: a forked session copies memories under the same ids."""
    there = replace(row.memory, session_id=known.memory.session_id)
    return str(written.fingerprint(there, row.user)) == known.fingerprint


def _as_it_was(connection: Connection, written: Rows, known: Known, row: NewRow) -> Known:
    """The memory of that id, if it said what `row` says before it was changed; else Conflict."""
    sql = "SELECT fingerprint::TEXT FROM versions WHERE key = ? AND removal IS NULL"
    earlier = {each[0] for each in connection.execute(sql, [str(id_key(row.user, known.memory.id))]).fetchall()}
    sessions = (row.memory, replace(row.memory, session_id=known.memory.session_id))
    if not earlier & {str(written.fingerprint(each, row.user)) for each in sessions}:
        raise other_content()
    return replace(known, is_earlier=True)


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
    by_key = {str(id_key(each.user, each.memory.id)): each for each in _rows_by(connection, written, "key", keys)}
    return {
        place: replace(by_key[key], is_earlier=True)
        for place, printed in prints.items()
        if printed in changed
        for key, at in (changed[printed],)
        if key in by_key and rows[place].memory.timestamp <= at
    }


def other_content() -> Conflict:
    """What is raised where an id is another memory's."""
    return Conflict("That id is another memory's.", "Leave the id out, or send what was stored under it.")


def _rows_by(connection: Connection, written: Rows, column: str, values: Sequence[str]) -> list[Known]:
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


def _sequences_with_embeddings(connection: Connection, sequences: Sequence[int]) -> set[int]:
    """Those that have embeddings. A separate query, since most rows are new and a join would cost every time."""
    if not sequences:
        return set()
    sql = f"SELECT sequence FROM embeddings WHERE sequence IN ({placeholders(sequences)})"  # noqa: S608  # marks only
    return {row[0] for row in connection.execute(sql, sequences).fetchall()}
