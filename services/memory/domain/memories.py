"""The memory domain: what a memory is, and the rules for storing and finding one.

Knows nothing of gRPC, DuckDB or the indexes behind its Protocols.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from services.kit.errors import InvalidInput, TooLarge
from services.kit.names import plain_name
from services.kit.visible_text import is_blank

content_max_bytes = 256 * 1024
metadata_max_bytes = 64 * 1024
# Far below the depth at which JSON parsers fail.
metadata_depth_max = 32
name_max_chars = 200
tags_max = 50
DEFAULT_PROJECT = "default"
neighbours_max = 20
versions_max = 100
versions_max_bytes = 1024 * 1024
"""The earlier texts that a memory may have."""
named_ids_max = 100
"""The ids of other memories that one memory may name."""
earliest = datetime(1970, 1, 1, tzinfo=UTC)
clock_skew_max = timedelta(days=1)


REWOUND = "rewound"
"""The metadata of a turn that its user took back."""
marks_taken_back = frozenset({"decision", "correction"})


class Kind(StrEnum):
    """The source of a memory."""

    CONVERSATION = "conversation"
    REFLECTION = "reflection"


@dataclass(frozen=True, slots=True)
class Version:
    """What a memory was before it was changed, at `changed_at`."""

    content: str
    project: str
    tags: tuple[str, ...]
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory. `timestamp` is when it was last said, not when it was stored."""

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
    """The author's user name, if that is not the reader."""
    first_said: datetime | None = None
    """When it was first said, if that was before `timestamp`."""
    replaces: tuple[str, ...] = ()
    """Ids of the user's memories that are not in force because of this one."""
    replaced_at: datetime | None = None
    """Since when it replaces those."""
    withdrawn_at: datetime | None = None
    """Since when it is taken back; none where it was said again since."""
    made_of: tuple[str, ...] = ()
    """Ids of the memories it was made of: it goes when one of them is deleted."""
    versions: tuple[Version, ...] = ()
    """What it was before, the latest first; given where a memory is read by itself, or exported."""
    replaced_by: tuple[str, ...] = ()
    """Ids of what replaces it, the latest first; not stored with it."""
    out_of_force: bool = False
    """Whether it was replaced or withdrawn; not stored with it."""

    @property
    def size_bytes(self) -> int:
        """Its approximate size in an answer."""
        names = (self.content, self.project, self.session_id, self.role, self.author, *self.tags)
        names = (*names, *(each.content for each in self.versions))
        metadata = len(json.dumps(dict(self.metadata))) if self.metadata else len("{}")
        return sum(map(utf8_bytes, names)) + metadata

    def fingerprint(self, user: str) -> UUID:
        """Equal for memories that count as the same: user, project, kind, session, and content up to whitespace."""
        normalised = " ".join(unicodedata.normalize("NFC", self.content).split())
        session = (self.session_id,) if self.session_id else ()
        return _name_uuid(user, self.project, self.kind, *session, normalised)

    @property
    def size(self) -> int:
        """Bytes of its text as UTF-8, which retention and quotas count."""
        return text_bytes(self.content, json.dumps(dict(self.metadata)))


def text_bytes(content: str, metadata: str) -> int:
    """Bytes of a memory's text as UTF-8; `metadata` is JSON, and empty metadata counts as 0."""
    kept = "" if metadata == "{}" else metadata
    return utf8_bytes(content) + utf8_bytes(kept)


def utf8_bytes(text: str) -> int:
    """The length of a text as UTF-8; a lone surrogate counts as one."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def id_key(user: str, id: str) -> UUID:
    """A key derived from user and id, so that nobody learns of other users' ids by using them."""
    return _name_uuid(user, id)


def _name_uuid(*parts: str) -> UUID:
    return UUID(bytes=hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()[:16])


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of storing one memory; if it was stored before, `id` is the stored one's."""

    id: str
    stored_at: datetime
    duplicate: bool
    embedded: bool
    redactions: int = 0
    tags: tuple[str, ...] = ()
    """Those tags of this call that the memory has now."""
    was_deleted: bool = False
    """It was deleted after it was said, and is not stored."""
    may_replace: tuple[Memory, ...] = ()
    """Older memories in force that replaced it before it was said again, or are on the same subject, where that is sure
    enough."""
    restated: bool = False
    """It was stored before, and is said again: later, or with more tags and metadata."""
    out_of_force: bool = False
    """It was replaced or withdrawn, and not said again since."""
    replaced_by: tuple[str, ...] = ()
    """Ids of what holds instead, the latest first."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A memory with its neighbours in the session, oldest first; `truncated` if some were left out."""

    memory: Memory
    before: Sequence[Memory]
    after: Sequence[Memory]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Selects memories that meet every given condition; an empty `kinds` selects all kinds."""

    ids: Sequence[str] = ()
    project: str = ""
    before: datetime | None = None
    kinds: Sequence[Kind] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of memories of one kind in one project, and the time range they cover."""

    kind: Kind
    project: str
    count: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Deletion:
    """The memories deleted or, before confirmation, those that would be: the latest few, and the confirmation token.

    `other_kinds` counts memories that only their kind excludes, `derived` those that go since they were made of others.
    """

    deleted: int = 0
    would_delete: int = 0
    confirmation: str = ""
    tallies: Sequence[Tally] = ()
    examples: Sequence[Memory] = ()
    other_kinds: int = 0
    derived: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts for one user, and the parts of the service that are degraded."""

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


def accept(memory: Memory, now: datetime) -> Memory:
    """The memory in its stored form; InvalidInput or LimitExceeded if it cannot be stored."""
    content = memory.content.encode("utf-8", "replace").decode()  # lone surrogates have no UTF-8 encoding
    if is_blank(content):
        raise InvalidInput("content is empty.")
    at_most(len(content.encode()), content_max_bytes, "content", "bytes")
    for name in ("project", "session_id", "role", "id"):
        at_most(len(getattr(memory, name)), name_max_chars, name, "characters")
    at_most(len(memory.tags), tags_max, "tags", "tags")
    for tag in memory.tags:
        at_most(len(tag), name_max_chars, "a tag", "characters")
    changes = (each.changed_at for each in memory.versions)
    for time in filter(None, (memory.timestamp, memory.first_said, memory.replaced_at, memory.withdrawn_at, *changes)):
        _check_time(time, now)
    at_most(len(memory.versions), versions_max, "versions", "versions")
    at_most(
        sum(len(each.content.encode("utf-8", "replace")) for each in memory.versions),
        versions_max_bytes,
        "versions",
        "bytes",
    )
    return Memory(
        content=content,
        kind=memory.kind,
        project=normalise_project_name(memory.project) or DEFAULT_PROJECT,
        timestamp=memory.timestamp,
        session_id=plain_name(memory.session_id),
        role=plain_name(memory.role),
        tags=plain_tags(memory.tags),
        metadata=memory.metadata,
        id=memory.id or str(uuid4()),
        shared=memory.shared,
        first_said=memory.first_said if memory.first_said and memory.first_said < memory.timestamp else None,
        replaces=_plain_ids(memory.replaces),
        replaced_at=(memory.replaced_at or memory.timestamp) if memory.replaces else None,
        withdrawn_at=memory.withdrawn_at,
        made_of=_plain_ids(memory.made_of),
        versions=tuple(_accept_version(each) for each in memory.versions),
    )


def _accept_version(version: Version) -> Version:
    content = version.content.encode("utf-8", "replace").decode()
    project = normalise_project_name(version.project) or DEFAULT_PROJECT
    at_most(len(project), name_max_chars, "project", "characters")
    return replace(version, content=content, project=project, tags=plain_tags(version.tags)[:tags_max])


def joint_memory(known: Memory, again: Memory) -> Memory:
    """The stored memory after it was said again, as in `again`.

    What was taken back (metadata `rewound`) is no decision and no correction, until it is said again later.
    """
    joint = _union(known, again)
    latest = [each for each in (known, again) if each.timestamp == joint.timestamp]
    is_rewound = any(each.metadata.get(REWOUND) is True for each in latest)
    metadata = {key: value for key, value in joint.metadata.items() if key != REWOUND or is_rewound}
    tags = tuple(tag for tag in joint.tags if not (is_rewound and tag in marks_taken_back))
    return replace(joint, metadata=metadata, tags=tags)


def _union(known: Memory, again: Memory) -> Memory:
    """The stored memory after it was said again, as in `again`: times updated, tags and metadata added.

    Existing metadata values win; additions beyond a memory's limits are dropped.
    """
    first = min(known.first_said or known.timestamp, again.first_said or again.timestamp)
    last = max(known.timestamp, again.timestamp)
    begun = [each for each in (known.replaced_at, again.replaced_at) if each]
    return replace(
        known,
        replaces=tuple(dict.fromkeys((*known.replaces, *again.replaces)))[:named_ids_max],
        replaced_at=max(begun, default=None),
        made_of=tuple(dict.fromkeys((*known.made_of, *again.made_of)))[:named_ids_max],
        timestamp=last,
        first_said=first if first < last else None,
        tags=(*known.tags, *(tag for tag in again.tags if tag not in known.tags))[: max(tags_max, len(known.tags))],
        metadata=_joint_metadata(known.metadata, again.metadata),
    )


def _joint_metadata(known: Mapping[str, Any], again: Mapping[str, Any]) -> Mapping[str, Any]:
    missing = {key: value for key, value in again.items() if key not in known}
    metadata, size = dict(known), len(json.dumps(dict(known))) if missing else 0
    for key, value in missing.items():
        more = len(json.dumps({key: value}))
        if size + more <= metadata_max_bytes:
            metadata[key], size = value, size + more
    return metadata


def normalise_project_name(name: str) -> str:
    """The project name in its canonical form; empty only for an empty name, which means none or all."""
    return plain_name(name) or (DEFAULT_PROJECT if name else "")


def plain_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags in their canonical form, without repetitions."""
    return tuple(dict.fromkeys(plain for tag in tags if (plain := plain_name(tag))))


def at_most(size: int, most: int, name: str, unit: str) -> None:
    """Raises LimitExceeded if `size` (in `unit`) exceeds `most`."""
    if size > most:
        raise TooLarge(f"{name} has {size:,} {unit}; at most {most:,} are kept.", "Send it in parts.")


def deeper_than(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested more than `depth` levels deep."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(deeper_than(each, depth - 1) for each in inner)


def _plain_ids(ids: Sequence[str]) -> tuple[str, ...]:
    """The ids without repetitions; InvalidInput or LimitExceeded if one cannot be an id, or there are too many."""
    at_most(len(ids), named_ids_max, "a list of ids", "ids")
    plain = tuple(dict.fromkeys(each.strip() for each in ids))
    for each in plain:
        at_most(len(each), name_max_chars, "an id", "characters")
        if not each:
            raise InvalidInput("An id is empty.")
    return plain


def _check_time(timestamp: datetime, now: datetime) -> None:
    if timestamp.tzinfo is None:
        raise InvalidInput("timestamp has no offset.", "Send ISO 8601 with one, as in 2026-03-01T09:30:00+01:00.")
    if not earliest <= timestamp <= now + clock_skew_max:
        raise InvalidInput("timestamp is before 1970 or in the future.")
