"""Decodes columns of many memories, for building the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.kit.encryption.vault import SealBroken
from services.memory.domain.rows import Loaded
from services.memory.storage.row_codec import Rows, Texts, Whose


def loaded_of(columns: Mapping[str, Any], rows: Rows, *, text: bool) -> Loaded:
    """The memories of these columns (arrays by name); without their content unless `text`."""
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
