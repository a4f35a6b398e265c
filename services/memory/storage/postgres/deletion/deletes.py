"""Statements that delete memories: into a table where they stay until they are erased, and into the deletion log.

Embeddings stay until then, too; without their memory nothing reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.memory.domain.deletion_log import Removing, entries_max, ids_max
from services.memory.domain.retention_policy import Due
from services.memory.storage.memory_events import deleted_events
from services.memory.storage.postgres.deletion.digests import keep_out
from services.memory.storage.postgres.server.schema import MEMORY_COLUMNS
from services.memory.storage.postgres.server.transaction import REMOVED, Transaction
from services.memory.storage.row_codec import Rows

_groups = f"""
    SELECT user_id, project, (array_agg(id ORDER BY sequence))[1:{ids_max}], array_agg(sequence ORDER BY sequence)
    FROM memories WHERE user_id = ANY(%s::TEXT[]) AND sequence = ANY(%s::BIGINT[])
    GROUP BY user_id, project ORDER BY user_id, project
"""  # noqa: S608  # our own number
_trim = f"""
    DELETE FROM removals WHERE erased AND number <= (SELECT max(number) FROM removals) - {entries_max}
"""  # noqa: S608  # our own number
_by_removal = """
    r.user_id = m.user_id AND r.user_id = ANY(%s::TEXT[]) AND r.project = m.project AND r.number >= %s
    AND m.user_id = ANY(%s::TEXT[]) AND m.sequence = ANY(%s::BIGINT[])
"""


async def delete_due(transaction: Transaction, written: Rows, due: Due, by: Removing) -> list[int]:
    """Deletes the memories unless they were said again since they became due."""
    asked = due.sequences.tolist()
    owners = await transaction.lock_owners(asked)
    sql = """
        SELECT sequence, (extract(epoch FROM timestamp) * 1000000)::BIGINT
        FROM memories WHERE user_id = ANY(%s::TEXT[]) AND sequence = ANY(%s::BIGINT[])
    """
    said_us = dict(await transaction.rows(sql, owners, asked))
    pairs = zip(asked, due.said_us.tolist(), strict=True)
    left = [sequence for sequence, said in pairs if said_us.get(sequence) == said]
    if left:
        await delete(transaction, written, left, by)
    return left


async def delete(transaction: Transaction, written: Rows, sequences: Sequence[int], by: Removing) -> None:
    """Deletes the memories; adds a log entry for each user and project, and digests that keep them out."""
    owners = await transaction.lock_owners(sequences)
    groups = await transaction.rows(_groups, owners, list(sequences))
    if not groups:
        return
    gone = [each for *_, its in groups for each in its]
    first = await transaction.number_deletion(len(groups))
    numbers = {(user, project): first + at for at, (user, project, *_) in enumerate(groups)}
    log = "INSERT INTO removals VALUES (%s, %s, %s, %s, %s, %s, %s, %s, false, 0)"
    reason = str(by.reason)
    await transaction.run_each(
        log,
        [
            (user, numbers[user, project], by.at, by.actor, reason, project, ids, len(its))
            for user, project, ids, its in groups
        ],
    )
    await _trim_log(transaction)
    for user, _, ids, its in groups:
        transaction.events += deleted_events(user, by.at, ids, len(its), reason)
    for user, _, _, its in groups:
        transaction.note(REMOVED, user, its)
    if by.is_final:
        await _drop(transaction, owners, gone)
        return
    await keep_out(transaction, written, gone, numbers, by.at)
    await _take(transaction, owners, gone, first)


async def _trim_log(transaction: Transaction) -> None:
    """Cuts the log at its length, which is that of all users together."""
    await transaction.run(_trim)


async def _take(transaction: Transaction, owners: Sequence[str], gone: Sequence[int], first: int) -> None:
    """Moves the memories to where they stay until they are erased; `first` is the number of their first log entry."""
    columns = ", ".join(f"m.{name}" for name in MEMORY_COLUMNS)
    taken = f"""
        INSERT INTO deleted_memories ({", ".join(MEMORY_COLUMNS)}, removal)
        SELECT {columns}, r.number FROM memories m JOIN removals r ON {_by_removal}
    """  # noqa: S608  # our own names
    asked = (owners, first, owners, gone)
    await transaction.run(taken, *asked)
    versions = f"""
        UPDATE versions v SET removal = r.number FROM memories m JOIN removals r ON {_by_removal}
        WHERE v.user_id = m.user_id AND v.user_id = ANY(%s::TEXT[]) AND v.key = m.key AND v.removal IS NULL
    """  # noqa: S608  # our own names
    await transaction.run(versions, *asked, owners)
    gone_from = "DELETE FROM memories WHERE user_id = ANY(%s::TEXT[]) AND sequence = ANY(%s::BIGINT[])"
    await transaction.run(gone_from, owners, gone)


async def _drop(transaction: Transaction, owners: Sequence[str], gone: Sequence[int]) -> None:
    """Deletes what cannot be brought back."""
    chosen = "m.user_id = ANY(%s::TEXT[]) AND m.sequence = ANY(%s::BIGINT[])"
    for table, condition in (
        ("versions", "t.key = m.key AND t.removal IS NULL"),
        ("embeddings", "t.sequence = m.sequence"),
    ):
        sql = f"DELETE FROM {table} t USING memories m WHERE {chosen} AND t.user_id = m.user_id AND {condition}"  # noqa: S608  # our own
        await transaction.run(f"{sql} AND t.user_id = ANY(%s::TEXT[])", owners, gone, owners)
    await transaction.run(f"DELETE FROM memories m WHERE {chosen}", owners, gone)  # noqa: S608  # our own
