"""Converts rows of the tables `memories` and `project_links`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.kit.encryption.vault import SealBroken
from services.memory.domain.memories import Kind, Memory, Version
from services.memory.domain.project_links import Link, LinkType
from services.memory.storage.row_codec import LinkTexts, Rows, Texts, Whose

PLAIN = "kind, timestamp, first_said, shared, replaces, replaced_at, withdrawn_at, made_of"
"""The columns of `memory_of` that hold no text."""
COLUMNS = f"sequence, id, user_id, {', '.join(Texts._fields)}, {PLAIN}"
"""The columns that `memory_of` reads, before the author."""
LINK_COLUMNS = "source, target, description, type, created_at"
"""The columns of `links_of`."""
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


def earlier_version(written: Rows, whose: Whose, columns: Sequence[Any], changed_at: datetime) -> tuple[Version, ...]:
    """What a memory was until then, of the columns of its texts; nothing if it cannot be read."""
    try:
        texts = written.read(whose, Texts(*columns))
    except (SealBroken, ValueError, TypeError):
        return ()
    return (Version(texts.content, texts.project, tuple(texts.tags), changed_at),)


async def page_of(
    read: Callable[[int, int], Awaitable[Mapping[int, Memory | None]]], after: int, limit: int
) -> dict[int, Memory]:
    """So many memories after a sequence, past those that cannot be read. `read` takes a sequence and a limit."""
    found: dict[int, Memory] = {}
    while len(found) < limit and (rows := await read(after, limit - len(found))):
        found |= {sequence: memory for sequence, memory in rows.items() if memory}
        after = max(rows)
    return found


def links_of(rows: Sequence[tuple[Any, ...]], user: str, written: Rows) -> list[Link]:
    """The links of rows of `LINK_COLUMNS`, the oldest first."""
    links = []
    for *columns, kind, created_at in rows:
        texts = written.read_link(user, LinkTexts(*columns))
        links.append(Link(texts.source, texts.target, LinkType(kind), texts.description, created_at.astimezone(UTC)))
    return sorted(links, key=lambda link: (link.created_at, link.source, link.target))
