"""Statements for memories that are said again: updates times, and adds new tags and metadata.

A memory whose text changes gets a new row with a new sequence under the same id, so that nothing derived from rows, the
index and its snapshots, confuses it with the earlier text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from services.memory.domain.memories import Memory, joint_memory
from services.memory.domain.rows import NewRow, Restated
from services.memory.storage.known_memories import Known
from services.memory.storage.postgres.known_rows import known_rows, users_of
from services.memory.storage.postgres.server.transaction import CHANGED, REMOVED, Statements, Transaction
from services.memory.storage.postgres.writes import EMBEDDING, insert_rows, new_sequences
from services.memory.storage.row_codec import Rows, Texts, Whose


async def restate(transaction: Transaction, written: Rows, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
    """Updates the stored ones of `rows`; returns them by position. A new row includes the vectors of `model`."""
    await transaction.lock(users_of(rows))
    found = await known_rows(transaction, written, rows)
    known = {place: each for place, each in found.items() if not each.is_earlier}
    by_sequence = {each.sequence: each for each in known.values()}
    after = {sequence: each.memory for sequence, each in by_sequence.items()}
    for place, each in known.items():
        after[each.sequence] = joint_memory(after[each.sequence], rows[place].memory)
    done = {
        sequence: await _apply(transaction, written, by_sequence[sequence], memory, model)
        for sequence, memory in after.items()
    }
    return {place: done[each.sequence] for place, each in known.items()}


async def _apply(transaction: Transaction, written: Rows, known: Known, memory: Memory, model: str) -> Restated:
    if (memory.tags, memory.metadata) != (known.memory.tags, known.memory.metadata):
        content = await _content(transaction, written, known)
        row = NewRow(replace(memory, content=content), known.user)
        return await rewrite_row(transaction, written, known.sequence, known.stored_at, row, model)
    if memory != known.memory:
        plain = (memory.timestamp, memory.first_said or memory.timestamp, memory.replaced_at)
        lists = (list(memory.replaces), list(memory.made_of))
        sql = """
            UPDATE memories SET timestamp = %s, first_said = %s, replaced_at = %s, replaces = %s, made_of = %s
            WHERE user_id = %s AND sequence = %s
        """
        await transaction.run(sql, *plain, *lists, known.user, known.sequence)
        transaction.note(CHANGED, known.user, [known.sequence])
    return Restated(known.sequence, memory)


async def rewrite_row(  # what a row consists of
    transaction: Transaction, written: Rows, earlier: int, stored_at: datetime, row: NewRow, model: str
) -> Restated:
    """Replaces the row of sequence `earlier`; without vectors of its own the new one has the earlier row's."""
    embeddings = {} if row.content_vector is not None else await _embeddings(transaction, written, row.user, earlier)
    (sequence,) = await new_sequences(transaction, 1)
    for table in ("embeddings", "memories"):
        sql = f"DELETE FROM {table} WHERE user_id = %s AND sequence = %s"  # noqa: S608  # our own names
        await transaction.run(sql, row.user, earlier)
    transaction.note(REMOVED, row.user, [earlier])
    await insert_rows(transaction, written, [(sequence, stored_at, row)], model)
    for of, vectors in embeddings.items():
        sealed = (written.vector(sequence, place, each) for place, each in zip(_places, vectors, strict=True))
        await transaction.run(EMBEDDING, row.user, sequence, of, *sealed)
    if model in embeddings:
        content, context = (np.frombuffer(each, np.float16) for each in embeddings[model])
        row = replace(row, content_vector=content, context_vector=context)
    return Restated(sequence, row.memory, row, earlier)


_places = ("content", "context")


async def _content(statements: Statements, written: Rows, known: Known) -> str:
    sql = f"SELECT {', '.join(Texts._fields)} FROM memories WHERE user_id = %s AND sequence = %s"  # noqa: S608  # ours
    columns: tuple[Any, ...] = (await statements.rows(sql, known.user, known.sequence))[0]
    return written.read(Whose(known.sequence, known.memory.id, known.user), Texts(*columns)).content


async def _embeddings(statements: Statements, written: Rows, user: str, sequence: int) -> dict[str, tuple[bytes, ...]]:
    """The content and context vectors, by model."""
    sql = "SELECT model, content, context FROM embeddings WHERE user_id = %s AND sequence = %s"
    return {
        model: tuple(written.read_vector(sequence, place, each) for place, each in zip(_places, columns, strict=True))
        for model, *columns in await statements.rows(sql, user, sequence)
    }
