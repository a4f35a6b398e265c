"""Converts rows of the table `memories` to memories."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from services.kit.encryption.vault import SealBroken
from services.memory.domain.memories import Kind, Memory
from services.memory.storage.row_codec import Rows, Texts, Whose

PLAIN = "kind, timestamp, first_said, shared, replaces, replaced_at, withdrawn_at, made_of"
"""The columns of `memory_of` that hold no text."""
COLUMNS = f"sequence, id, user_id, {', '.join(Texts._fields)}, {PLAIN}"
"""The columns that `memory_of` reads, before the author."""
_texts_count = len(Texts._fields)


def memory_of(row: tuple[Any, ...], written: Rows) -> Memory:
    """The memory of a row of `COLUMNS` and its author; SealBroken, ValueError or TypeError if it cannot be read."""
    sequence, name, user, *columns, author = row
    texts = written.read(Whose(sequence, name, user), Texts(*columns[:_texts_count]))
    kind, timestamp, first_said, shared, replaces, replaced_at, withdrawn_at, made_of = columns[_texts_count:]
    return Memory(
        content=texts.content,
        kind=Kind(kind),
        project=texts.project,
        timestamp=timestamp.astimezone(UTC),
        session_id=texts.session_id,
        role=texts.role,
        tags=tuple(texts.tags),
        metadata=json.loads(texts.metadata),
        id=name,
        shared=shared,
        author=author,
        first_said=first_said.astimezone(UTC) if first_said < timestamp else None,
        replaces=tuple(replaces),
        replaced_at=replaced_at and replaced_at.astimezone(UTC),
        withdrawn_at=withdrawn_at.astimezone(UTC) if withdrawn_at and withdrawn_at >= timestamp else None,
        made_of=tuple(made_of),
    )


def readable_memory(row: tuple[Any, ...], written: Rows) -> Memory | None:
    """The memory of such a row; None if it cannot be read."""
    try:
        return memory_of(row, written)
    except (SealBroken, ValueError, TypeError):
        return None
