"""Statements that bring back what was deleted and is not erased yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb

from services.memory.domain.deletion_log import Undoing, Undone
from services.memory.domain.memories import id_key
from services.memory.storage.deleted_memories import Deleted, ids_left, outcome, restorable
from services.memory.storage.duckdb.columns import placeholders
from services.memory.storage.duckdb.deletion.digests import deleted_ids, let_in
from services.memory.storage.row_codec import Rows

Connection = duckdb.DuckDBPyConnection


def undelete(connection: Connection, written: Rows, undoing: Undoing) -> Undone:
    """Brings back what is meant, but for memories that are stored again."""
    found = _deleted_rows(connection, undoing)
    if restored := restorable(found):
        _restore(connection, written, restored)
    done = outcome(found, _stored_ids(connection, undoing))
    return replace(
        done,
        late=frozenset(deleted_ids(connection, written, undoing.user, ids_left(undoing, done))),
        late_count=_erased_count(connection, undoing, len(found) - len(restored)),
    )


def _deleted_rows(connection: Connection, undoing: Undoing) -> list[Deleted]:
    """What is meant and not erased: of an id that was deleted several times, the last."""
    sql = """
        SELECT d.sequence, d.id, d.key::TEXT, d.removal, m.sequence IS NOT NULL
        FROM deleted_memories d LEFT JOIN memories m ON m.key = d.key OR m.fingerprint = d.fingerprint
        WHERE d.user_id = ? AND (d.removal IN (SELECT number FROM removals WHERE user_id = ? AND removed_at = ?)
                                 OR list_contains(?::TEXT[], d.id))
        QUALIFY row_number() OVER (PARTITION BY d.key ORDER BY d.removal DESC) = 1 ORDER BY d.sequence
    """
    asked = (undoing.user, undoing.user, undoing.at, list(undoing.ids))
    return [Deleted(*row) for row in connection.execute(sql, asked).fetchall()]


def _stored_ids(connection: Connection, undoing: Undoing) -> set[str]:
    """Those of the ids that are in no need of it."""
    keys = {str(id_key(undoing.user, each)): each for each in undoing.ids}
    if not keys:
        return set()
    sql = f"SELECT key::TEXT FROM memories WHERE key IN ({placeholders(list(keys))})"  # noqa: S608  # marks only
    return {keys[key] for (key,) in connection.execute(sql, list(keys)).fetchall()}


def _restore(connection: Connection, written: Rows, restored: Sequence[Deleted]) -> None:
    sequences, keys = [each.sequence for each in restored], [each.key for each in restored]
    removals = Counter(each.removal for each in restored)
    chosen = "deleted_memories WHERE sequence IN (SELECT unnest(?::BIGINT[]))"
    connection.execute(f"INSERT INTO memories SELECT * EXCLUDE (removal) FROM {chosen}", [sequences])  # noqa: S608
    connection.execute(f"DELETE FROM {chosen}", [sequences])  # noqa: S608
    versions = """
        UPDATE versions SET removal = NULL WHERE key IN (SELECT unnest(?::UUID[]))
            AND removal IN (SELECT unnest(?::BIGINT[]))
    """
    connection.execute(versions, [keys, list(removals)])
    let_in(connection, written, sequences, list(removals))
    for number, count in removals.items():
        connection.execute("UPDATE removals SET restored = restored + ? WHERE number = ?", [count, number])


def _erased_count(connection: Connection, undoing: Undoing, left: int) -> int:
    """How many of a moment's deletion are erased, where `left` of them are not."""
    if undoing.at is None:
        return 0
    sql = "SELECT coalesce(sum(count - restored), 0) FROM removals WHERE user_id = ? AND removed_at = ?"
    row: tuple[Any, ...] = connection.execute(sql, [undoing.user, undoing.at]).fetchall()[0]
    return max(int(row[0]) - left, 0)
