"""Converts rows of the table `memories` to memories."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from services.kit.encryption.vault import SealBroken
from services.memory.domain.memories import Kind, Memory
from services.memory.storage.row_codec import Rows, Texts, Whose

COLUMNS = (
    "sequence, id, user_id, content, project, session_id, role, tags, metadata, kind, timestamp, first_said, shared"
)
"""The columns that `memory_of` reads, before the author."""


def memory_of(row: tuple[Any, ...], written: Rows) -> Memory:
    """The memory of a row of `COLUMNS` and its author; SealBroken, ValueError or TypeError if it cannot be read."""
    sequence, name, user, *columns, kind, timestamp, first_said, shared, author = row
    texts = written.read(Whose(sequence, name, user), Texts(*columns))
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
    )


def readable_memory(row: tuple[Any, ...], written: Rows) -> Memory | None:
    """The memory of such a row; None if it cannot be read."""
    try:
        return memory_of(row, written)
    except (SealBroken, ValueError, TypeError):
        return None
