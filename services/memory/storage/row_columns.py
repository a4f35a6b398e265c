"""The columns of new rows, in the order of the tables `memories`, `versions` and `embeddings`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.memory.domain.memories import Memory, Version, id_key, text_bytes
from services.memory.domain.rows import Embedded, NewRow
from services.memory.storage.row_codec import Rows, Texts, Whose


def memory_columns(written: Rows, sequence: int, stored_at: datetime, row: NewRow) -> tuple[Any, ...]:
    """Of a memory with this sequence, stored at that time."""
    memory = row.memory
    texts = written.texts(Whose(sequence, memory.id, row.user), Texts.of(memory))
    return (
        *(sequence, str(id_key(row.user, memory.id)), memory.id, str(written.fingerprint(memory, row.user))),
        *(row.user, texts.project),
        *(str(memory.kind), texts.content, memory.timestamp, stored_at, texts.session_id),
        *(texts.role, list(texts.tags), texts.metadata, memory.shared),
        *(memory.first_said or memory.timestamp, memory.size),
        *(list(memory.replaces), memory.replaced_at, memory.withdrawn_at, list(memory.made_of)),
    )


def version_columns(written: Rows, number: int, user: str, memory: Memory, version: Version) -> tuple[Any, ...]:
    """Of what a memory was before it was changed."""
    earlier = replace(memory, content=version.content, project=version.project, tags=version.tags)
    plain = Texts.of(earlier)
    texts = written.texts(Whose(-number, memory.id, user), plain)
    return (
        *(number, str(id_key(user, memory.id)), str(written.fingerprint(earlier, user)), memory.id, user),
        *(str(memory.kind), texts.project, texts.content, texts.session_id, texts.role, list(texts.tags)),
        *(texts.metadata, version.changed_at, text_bytes(plain.content, plain.metadata), None),
    )


def embedding_columns(written: Rows, embedded: Embedded, model: str) -> tuple[Any, ...]:
    """Of a memory's embeddings."""
    vectors = (("content", embedded.content_vector), ("context", embedded.context_vector))
    columns = (written.vector(embedded.sequence, place, vector.tobytes()) for place, vector in vectors)
    return (embedded.sequence, model, *columns)
