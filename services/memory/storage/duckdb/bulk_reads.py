"""Reads many memories at once, as columns, for building the index."""

from __future__ import annotations

from typing import Any

import duckdb

from services.memory.domain.rows import Loaded, Sequences
from services.memory.storage.loaded_columns import loaded_of
from services.memory.storage.row_codec import Rows, is_sealed

portion = 20_000


def load_portion(
    cursor: duckdb.DuckDBPyConnection, rows: Rows, model: str, sequences: Sequences, *, text: bool
) -> Loaded:
    """These memories in order, with vectors of `model`; without their content unless `text`."""
    sql = """
        SELECT m.sequence, id, user_id, project, session_id, role, kind, tags, metadata,
               epoch(timestamp) AS timestamp_s, shared, CASE WHEN ? THEN m.content ELSE '' END AS content,
               coalesce(e.content, ''::BLOB) AS content_vector, coalesce(e.context, ''::BLOB) AS context_vector
        FROM (SELECT unnest(?::BIGINT[]) AS sequence) asked JOIN memories m USING (sequence)
        LEFT JOIN embeddings e ON e.sequence = m.sequence AND e.model = ?
        ORDER BY m.sequence
    """
    columns: dict[str, Any] = cursor.execute(sql, [text or is_sealed(rows), sequences.tolist(), model]).fetchnumpy()
    return loaded_of(columns, rows, text=text)
