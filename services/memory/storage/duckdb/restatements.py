"""Statements for memories that are said again: updates times, and adds new tags and metadata.

A memory whose text changes gets a new row with a new sequence under the same id, so that nothing derived from rows, the
index and its snapshots, confuses it with the earlier text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import numpy as np

from services.memory.domain.memories import Memory, joint_memory
from services.memory.domain.rows import NewRow, Restated
from services.memory.storage.duckdb.columns import insert_columns
from services.memory.storage.duckdb.known_rows import known_rows
from services.memory.storage.duckdb.writes import EMBEDDING_TYPES, insert_rows, new_sequences
from services.memory.storage.known_memories import Known
from services.memory.storage.row_codec import Rows, Texts, Whose

Connection = duckdb.DuckDBPyConnection


def restate(connection: Connection, written: Rows, rows: Sequence[NewRow], model: str) -> dict[int, Restated]:
    """Updates the stored ones of `rows`; returns them by position. A new row includes the vectors of `model`."""
    found = known_rows(connection, written, rows)
    known = {place: each for place, each in found.items() if not each.is_earlier}
    by_sequence = {each.sequence: each for each in known.values()}
    after = {sequence: each.memory for sequence, each in by_sequence.items()}
    for place, each in known.items():
        after[each.sequence] = joint_memory(after[each.sequence], rows[place].memory)
    done = {
        sequence: _apply(connection, written, by_sequence[sequence], memory, model)
        for sequence, memory in after.items()
    }
    return {place: done[each.sequence] for place, each in known.items()}


def _apply(connection: Connection, written: Rows, known: Known, memory: Memory, model: str) -> Restated:
    if (memory.tags, memory.metadata) != (known.memory.tags, known.memory.metadata):
        return _rewrite(connection, written, known, memory, model)
    if memory != known.memory:
        plain = (memory.timestamp, memory.first_said or memory.timestamp, memory.replaced_at)
        lists = (list(memory.replaces), list(memory.made_of))
        sql = """
            UPDATE memories SET timestamp = ?, first_said = ?, replaced_at = ?, replaces = ?, made_of = ?
            WHERE sequence = ?
        """
        connection.execute(sql, (*plain, *lists, known.sequence))
    return Restated(known.sequence, memory)


def _rewrite(connection: Connection, written: Rows, known: Known, memory: Memory, model: str) -> Restated:
    row = NewRow(replace(memory, content=_content(connection, written, known)), known.user)
    return rewrite_row(connection, written, known.sequence, known.stored_at, row, model)


def rewrite_row(  # what a row consists of
    connection: Connection, written: Rows, earlier: int, stored_at: datetime, row: NewRow, model: str
) -> Restated:
    """Replaces the row of sequence `earlier`; without vectors of its own the new one has the earlier row's."""
    embeddings = {} if row.content_vector is not None else _embeddings(connection, written, earlier)
    (sequence,) = new_sequences(connection, 1)
    for table in ("embeddings", "memories"):
        connection.execute(f"DELETE FROM {table} WHERE sequence = ?", [earlier])  # noqa: S608  # our own names
    insert_rows(connection, written, [(sequence, stored_at, row)], model)
    sealed = [
        (sequence, of, *(written.vector(sequence, place, each) for place, each in zip(_places, vectors, strict=True)))
        for of, vectors in embeddings.items()
    ]
    insert_columns(connection, "embeddings", sealed, EMBEDDING_TYPES)
    if model in embeddings:
        content, context = (np.frombuffer(each, np.float16) for each in embeddings[model])
        row = replace(row, content_vector=content, context_vector=context)
    return Restated(sequence, row.memory, row, earlier)


_places = ("content", "context")


def _content(connection: Connection, written: Rows, known: Known) -> str:
    sql = f"SELECT {', '.join(Texts._fields)} FROM memories WHERE sequence = ?"  # noqa: S608  # our own names
    columns: tuple[Any, ...] = connection.execute(sql, [known.sequence]).fetchall()[0]
    return written.read(Whose(known.sequence, known.memory.id, known.user), Texts(*columns)).content


def _embeddings(connection: Connection, written: Rows, sequence: int) -> dict[str, tuple[bytes, ...]]:
    """The content and context vectors, by model."""
    sql = "SELECT model, content, context FROM embeddings WHERE sequence = ?"
    return {
        model: tuple(written.read_vector(sequence, place, each) for place, each in zip(_places, columns, strict=True))
        for model, *columns in connection.execute(sql, [sequence]).fetchall()
    }
