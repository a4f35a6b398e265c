"""Statements that bring back what was deleted and is not erased yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from services.memory.domain.deletion_log import Undoing, Undone
from services.memory.domain.memories import id_key
from services.memory.storage.deleted_memories import Deleted, ids_left, outcome, restorable
from services.memory.storage.memory_events import undeleted_events
from services.memory.storage.postgres.deletion.digests import deleted_ids, let_in
from services.memory.storage.postgres.server.schema import MEMORY_COLUMNS
from services.memory.storage.postgres.server.transaction import STORED, Statements, Transaction
from services.memory.storage.row_codec import Rows


async def undelete(transaction: Transaction, written: Rows, undoing: Undoing) -> Undone:
    """Brings back what is meant, but for memories that are stored again."""
    await transaction.lock([undoing.user])
    found = await _deleted_rows(transaction, undoing)
    if restored := restorable(found):
        await _restore(transaction, written, undoing.user, restored)
    done = outcome(found, await _stored_ids(transaction, undoing))
    done = replace(
        done,
        late=frozenset(await deleted_ids(transaction, written, undoing.user, ids_left(undoing, done))),
        late_count=await _erased_count(transaction, undoing, len(found) - len(restored)),
    )
    transaction.events += undeleted_events(undoing.user, done)
    return done


async def _deleted_rows(statements: Statements, undoing: Undoing) -> list[Deleted]:
    """What is meant and not erased: of an id that was deleted several times, the last."""
    sql = """
        SELECT DISTINCT ON (d.key) d.sequence, d.id, d.key::TEXT, d.removal, EXISTS (
            SELECT FROM memories m
            WHERE m.user_id = %s AND (m.key = d.key OR m.fingerprint = d.fingerprint)
        )
        FROM deleted_memories d
        WHERE d.user_id = %s AND (d.id = ANY(%s::TEXT[]) OR d.removal IN (
            SELECT number FROM removals WHERE user_id = %s AND removed_at = %s::TIMESTAMPTZ
        ))
        ORDER BY d.key, d.removal DESC
    """
    user = undoing.user
    rows = await statements.rows(sql, user, user, list(undoing.ids), user, undoing.at)
    return sorted(Deleted(*row) for row in rows)


async def _stored_ids(statements: Statements, undoing: Undoing) -> set[str]:
    """Those of the ids that are in no need of it."""
    keys = {str(id_key(undoing.user, each)): each for each in undoing.ids}
    if not keys:
        return set()
    sql = "SELECT key::TEXT FROM memories WHERE user_id = %s AND key = ANY(%s::UUID[])"
    return {keys[key] for (key,) in await statements.rows(sql, undoing.user, list(keys))}


async def _restore(transaction: Transaction, written: Rows, user: str, restored: Sequence[Deleted]) -> None:
    sequences, keys = [each.sequence for each in restored], [each.key for each in restored]
    removals = Counter(each.removal for each in restored)
    columns = ", ".join(MEMORY_COLUMNS)
    back = f"""
        WITH back AS (
            DELETE FROM deleted_memories WHERE user_id = %s AND sequence = ANY(%s::BIGINT[]) RETURNING {columns}
        )
        INSERT INTO memories ({columns}) SELECT {columns} FROM back
    """  # noqa: S608  # our own names
    await transaction.run(back, user, sequences)
    versions = """
        UPDATE versions SET removal = NULL
        WHERE user_id = %s AND key = ANY(%s::UUID[]) AND removal = ANY(%s::BIGINT[])
    """
    await transaction.run(versions, user, keys, list(removals))
    await let_in(transaction, written, user, sequences, list(removals))
    count = "UPDATE removals SET restored = restored + %s WHERE user_id = %s AND number = %s"
    await transaction.run_each(count, [(count, user, number) for number, count in removals.items()])
    transaction.note(STORED, user, sequences)


async def _erased_count(statements: Statements, undoing: Undoing, left: int) -> int:
    """How many of a moment's deletion are erased, where `left` of them are not."""
    if undoing.at is None:
        return 0
    sql = """
        SELECT coalesce(sum(count - restored), 0)::BIGINT FROM removals WHERE user_id = %s AND removed_at = %s
    """
    ((count,),) = await statements.rows(sql, undoing.user, undoing.at)
    return max(int(count) - left, 0)
