"""What is moved: the tables that both databases have, as rows of plain values in the same order of columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from services.memory.storage.row_codec import Texts

Row = tuple[Any, ...]
chunk = 1_000
"""Rows that are compared and moved at a time."""

_memory = (
    *("sequence", "key", "id", "fingerprint", "user_id", "project", "kind", "content", "timestamp", "stored_at"),
    *("session_id", "role", "tags", "metadata", "shared", "first_said", "size"),
    *("replaces", "replaced_at", "withdrawn_at", "made_of"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `key` is the number that its rows are moved by, empty if a user has few."""

    name: str
    columns: Sequence[str]
    key: str = ""
    has_user: bool = True
    """Whether its rows say whose they are in both databases."""


MEMORIES = Table("memories", _memory, "sequence")
EMBEDDINGS = Table("embeddings", ("sequence", "model", "content", "context"), "sequence", has_user=False)
DIGESTS = Table("deletion_digests", ("digest", "removal", "deleted_at"), has_user=False)
TABLES = (
    Table(
        "removals",
        ("number", "removed_at", "user_id", "actor", "reason", "project", "ids", "count", "erased", "restored"),
        "number",
    ),
    MEMORIES,
    Table("deleted_memories", (*_memory, "removal"), "sequence"),
    Table(
        "versions",
        (
            *("number", "key", "fingerprint", "id", "user_id", "kind", "project"),
            *("content", *Texts._fields[2:]),
            *("changed_at", "size", "removal"),
        ),
        "number",
    ),
    EMBEDDINGS,
    Table("retention", ("user_id", "project", "days", "size_mb", "reflections", "set_at", "is_reset")),
    Table("project_links", ("user_id", "source", "target", "type", "description", "created_at")),
    Table("merged_memories", ("key", "user_id", "project")),
    Table("earlier_projects", ("user_id", "project", "earlier")),
    DIGESTS,
)
"""In the order of moving: whose embeddings and digests are is known once their memories and deletions are there."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of a user with a key above `after`, up to `to`, which is none for all."""

    user: str
    after: int = -1
    to: int | None = None


@dataclass(frozen=True, slots=True)
class GeneralRows:
    """What is nobody's alone: the key of digests, upkeep by name, and the last numbers given."""

    secret: str
    upkeep: Sequence[tuple[str, str]]
    last_sequence: int
    last_version: int
    last_removal: int


class Side(Protocol):
    """One of the two databases, which nobody else uses meanwhile."""

    async def users(self) -> list[str]:
        """Everyone who has anything there, sorted."""
        ...

    async def keys(self, table: Table, user: str) -> list[int]:
        """The keys of the user's rows, ascending."""
        ...

    async def rows(self, table: Table, span: Span) -> list[Row]:
        """The rows."""
        ...

    async def replace(self, table: Table, span: Span, rows: Sequence[Row]) -> None:
        """Writes the rows in the place of those of the span, durably."""
        ...

    async def general_rows(self) -> GeneralRows:
        """What is nobody's alone."""
        ...

    async def put_general_rows(self, rows: GeneralRows) -> None:
        """Writes that in the place of its own."""
        ...

    async def mark(self) -> str:
        """What `put_mark` wrote last; empty if nothing."""
        ...

    async def put_mark(self, mark: str) -> None:
        """Writes a mark of the move."""
        ...


def digest_of(rows: Iterable[Row]) -> str:
    """Equal for equal rows, in whatever order they came."""
    each = sorted(hashlib.sha256(repr([_plain(value) for value in row]).encode()).digest() for row in rows)
    return hashlib.sha256(b"".join(each)).hexdigest()


def _plain(value: Any) -> Any:
    """One form for each value, whatever a driver makes of it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return hashlib.sha256(value).hexdigest()
    return value
