"""What a memory is, and what storing and finding one means: the memory service's domain.

Knows nothing of gRPC, DuckDB or the indexes behind its Protocols.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from services.kit.errors import InvalidInput, TooLarge

content_max_bytes = 256 * 1024
metadata_max_bytes = 64 * 1024
name_max_chars = 200
tags_max = 50
neighbours_max = 20
earliest = datetime(1970, 1, 1, tzinfo=UTC)
clock_skew_max = timedelta(days=1)


class Kind(StrEnum):
    """What a memory came from."""

    CONVERSATION = "conversation"
    REFLECTION = "reflection"


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing remembered. `timestamp` is when it was said, not when it was stored."""

    content: str
    kind: Kind
    project: str
    timestamp: datetime
    session_id: str = ""
    role: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    shared: bool = False
    author: str = ""
    """Whose it is, where it is another's than the reader's."""

    @property
    def size_bytes(self) -> int:
        """About how much of an answer it takes."""
        names = (self.content, self.project, self.session_id, self.role, self.author, *self.tags)
        return sum(len(each.encode("utf-8", "replace")) for each in names) + len(json.dumps(dict(self.metadata)))

    def fingerprint(self, user: str) -> UUID:
        """Equal for what counts as the same memory: user, project, kind, and content but for case of spacing."""
        normalised = " ".join(unicodedata.normalize("NFC", self.content).split())
        return _named(user, self.project, self.kind, normalised)


def id_key(user: str, id: str) -> UUID:
    """Equal for the same id of the same user alone: nobody learns of another's ids by using them."""
    return _named(user, id)


def _named(*parts: str) -> UUID:
    return UUID(bytes=hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()[:16])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one store: `id` is the first one's where the memory was known already."""

    id: str
    stored_at: datetime
    duplicate: bool
    embedded: bool
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A memory with its neighbours in the session, oldest first; `truncated` where there are more than are given."""

    memory: Memory
    before: Sequence[Memory]
    after: Sequence[Memory]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which memories are meant: those that every given condition holds for."""

    ids: Sequence[str] = ()
    project: str = ""
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was deleted, or would be and the token that confirms it."""

    deleted: int = 0
    would_delete: int = 0
    confirmation: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """What is stored for one user, and what of the service is degraded."""

    conversations: int
    reflections: int
    projects: int
    embedded: int
    storage_bytes: int
    oldest: datetime | None
    most_recent: datetime | None
    shared_by_user: int = 0
    shared_by_others: int = 0
    stored_since: int = 0
    last_stored: datetime | None = None
    degraded: Sequence[str] = ()


def accepted(memory: Memory, now: datetime) -> Memory:
    """The memory as it will be stored, or the reason why it cannot be: InvalidInput or LimitExceeded."""
    content = memory.content.encode("utf-8", "replace").decode()  # a lone surrogate has no UTF-8
    if not content.strip():
        raise InvalidInput("content is empty.")
    at_most(len(content.encode()), content_max_bytes, "content", "bytes")
    for name in ("project", "session_id", "role", "id"):
        at_most(len(getattr(memory, name)), name_max_chars, name, "characters")
    at_most(len(memory.tags), tags_max, "tags", "tags")
    for tag in memory.tags:
        at_most(len(tag), name_max_chars, "a tag", "characters")
    _check_time(memory.timestamp, now)
    return Memory(
        content=content,
        kind=memory.kind,
        project=memory.project.strip() or "default",
        timestamp=memory.timestamp,
        session_id=memory.session_id,
        role=memory.role,
        tags=tuple(dict.fromkeys(tag.strip() for tag in memory.tags if tag.strip())),
        metadata=memory.metadata,
        id=memory.id or str(uuid4()),
        shared=memory.shared,
    )


def at_most(size: int, most: int, name: str, unit: str) -> None:
    """LimitExceeded where `size` of `unit` is over `most`."""
    if size > most:
        raise TooLarge(f"{name} has {size:,} {unit}; at most {most:,} are kept.", "Send it in parts.")


def _check_time(timestamp: datetime, now: datetime) -> None:
    if timestamp.tzinfo is None:
        raise InvalidInput("timestamp has no offset.", "Send ISO 8601 with one, as in 2026-03-01T09:30:00+01:00.")
    if not earliest <= timestamp <= now + clock_skew_max:
        raise InvalidInput("timestamp is before 1970 or in the future.")
