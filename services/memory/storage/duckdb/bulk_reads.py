"""Reads many memories at once, as columns, for building the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from services.kit.encryption.vault import SealBroken
from services.memory.domain.rows import Loaded, Sequences
from services.memory.storage.row_codec import Rows, Texts, Whose

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
    sealed = bool(rows.data_key)  # then `content` holds all text
    columns: dict[str, Any] = cursor.execute(sql, [text or sealed, sequences.tolist(), model]).fetchnumpy()
    whose = [Whose(*each) for each in _across(columns["sequence"].tolist(), columns["id"], columns["user_id"])]
    stored = _across(*(columns[name] for name in Texts._fields))
    opened = [_texts(rows, each, Texts(*its)) for each, its in zip(whose, stored, strict=True)]
    closed = {each.sequence: (each.user, each.id) for each, its in zip(whose, opened, strict=True) if its is None}
    if closed:
        places = [place for place, its in enumerate(opened) if its is not None]
        columns = {name: column[places] for name, column in columns.items()}
        whose = [whose[place] for place in places]
    texts = [its for its in opened if its is not None]
    return Loaded(
        sequence=columns["sequence"],
        id=columns["id"],
        user=columns["user_id"],
        project=[each.project for each in texts],
        session_id=[each.session_id for each in texts],
        role=[each.role for each in texts],
        kind=columns["kind"],
        tags=[each.tags for each in texts],
        metadata=[each.metadata for each in texts],
        timestamp_s=columns["timestamp_s"],
        shared=columns["shared"],
        content=[each.content if text else "" for each in texts],
        content_vector=_vectors(rows, whose, "content", columns["content_vector"]),
        context_vector=_vectors(rows, whose, "context", columns["context_vector"]),
        unreadable=closed,
    )


def _texts(rows: Rows, whose: Whose, stored: Texts) -> Texts | None:
    """None if the row is invalid: one row must not keep all others from being found."""
    try:
        return rows.read(whose, stored)
    except (SealBroken, ValueError, TypeError):
        return None


def _vectors(rows: Rows, whose: Sequence[Whose], place: str, column: Sequence[bytes]) -> list[bytes]:
    return [_vector(rows, each, place, bytes(stored)) for each, stored in zip(whose, column, strict=True)]


def _vector(rows: Rows, whose: Whose, place: str, stored: bytes) -> bytes:
    """Empty if it cannot be decrypted: the memory can still be found by its words."""
    try:
        return rows.read_vector(whose.sequence, place, stored)
    except SealBroken:
        return b""


def _across(*columns: Sequence[Any]) -> zip[tuple[Any, ...]]:
    return zip(*columns, strict=True)
