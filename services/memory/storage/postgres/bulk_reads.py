"""Reads many memories at once, as columns, for building the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.memory.domain.rows import Loaded, Sequences
from services.memory.storage.loaded_columns import loaded_of
from services.memory.storage.postgres.server.transaction import Statements
from services.memory.storage.row_codec import Rows, is_sealed

portion = 10_000
_names = (
    *("sequence", "id", "user_id", "project", "session_id", "role", "kind", "tags", "metadata", "timestamp_s"),
    *("shared", "content", "content_vector", "context_vector"),
)
_types = {"sequence": np.int64, "timestamp_s": np.float64, "shared": np.bool_}


_select = """
    SELECT m.sequence, m.id, m.user_id, m.project, m.session_id, m.role, m.kind, m.tags, m.metadata,
           extract(epoch FROM m.timestamp)::FLOAT8, m.shared, CASE WHEN %s THEN m.content ELSE '' END,
           coalesce(e.content, ''), coalesce(e.context, '')
    FROM memories m
    LEFT JOIN embeddings e ON e.user_id = m.user_id AND e.sequence = m.sequence AND e.model = %s
"""


async def load_portion(statements: Statements, rows: Rows, model: str, sequences: Sequences, *, text: bool) -> Loaded:
    """These memories in order, with vectors of `model`; without their content unless `text`."""
    sql = f"{_select} WHERE m.sequence = ANY(%s::BIGINT[]) ORDER BY m.sequence"
    found = await statements.rows(sql, text or is_sealed(rows), model, sequences.tolist())
    return _portion_of(found, rows, text=text)


async def load_user_portion(
    statements: Statements, rows: Rows, model: str, user: str, sequences: Sequences, *, text: bool
) -> Loaded:
    """As `load_portion`, of one user."""
    where = "m.user_id = %s AND m.sequence = ANY(%s::BIGINT[])"
    sql = f"{_select} AND e.user_id = %s WHERE {where} ORDER BY m.sequence"
    found = await statements.rows(sql, text or is_sealed(rows), model, user, user, sequences.tolist())
    return _portion_of(found, rows, text=text)


def _portion_of(found: Sequence[tuple[Any, ...]], rows: Rows, *, text: bool) -> Loaded:
    columns = list(zip(*found, strict=True)) or [()] * len(_names)
    return loaded_of(
        {name: _array(name, column) for name, column in zip(_names, columns, strict=True)}, rows, text=text
    )


def _array(name: str, column: Any) -> Any:
    if name in _types:
        return np.array(column, _types[name])
    array = np.empty(len(column), object)
    array[:] = column
    return array


async def inventory(statements: Statements, model: str) -> tuple[Any, ...]:
    """All sequences, ascending; whether they have embeddings, are shared; and when each was last said."""
    sql = """
        SELECT m.sequence, e.sequence IS NOT NULL, m.shared, extract(epoch FROM m.timestamp)::FLOAT8
        FROM memories m LEFT JOIN embeddings e
            ON e.user_id = m.user_id AND e.sequence = m.sequence AND e.model = %s
        ORDER BY m.sequence
    """
    found = await statements.rows(sql, model)
    return tuple(zip(*found, strict=True)) or ((), (), (), ())
