"""Cleans a memory before it is stored: removes secrets and validates it. Pure, and linear in its text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.kit.errors import InvalidInput
from services.kit.redaction import PRIVATE_MARK, redact, redact_json, without_private
from services.memory.domain.memories import Memory, Version, accept, at_most, content_max_bytes


@dataclass(frozen=True, slots=True)
class CleanMemory:
    """The memory in its stored form, and the number of secrets removed from it."""

    memory: Memory
    redactions: int


def clean_memory(memory: Memory, now: datetime) -> CleanMemory:
    """The memory in its stored form; InvalidInput or LimitExceeded if it cannot be stored."""
    at_most(len(memory.content.encode("utf-8", "replace")), content_max_bytes, "content", "bytes")
    public, hidden = without_private(memory.content)
    if hidden and not public.replace(PRIVATE_MARK, "").strip():
        raise InvalidInput("All of it is private: there is nothing to store.")
    content, tags, metadata = redact(public), redact("\n".join(memory.tags)), redact_json(dict(memory.metadata))
    cleaned = replace(
        memory,
        content=content.text,
        tags=tuple(tags.text.split("\n")),
        metadata=metadata.value,
        versions=tuple(_clean_version(each) for each in memory.versions),
    )
    return CleanMemory(accept(cleaned, now), content.count + tags.count + metadata.count)


def _clean_version(version: Version) -> Version:
    """As an import gave it."""
    at_most(len(version.content.encode("utf-8", "replace")), content_max_bytes, "an earlier content", "bytes")
    public, _ = without_private(version.content)
    tags = redact("\n".join(version.tags)).text.split("\n")
    return replace(version, content=redact(public).text, tags=tuple(tags))
