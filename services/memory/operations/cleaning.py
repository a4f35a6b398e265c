"""Cleans a memory before it is stored, and reads it: removes secrets, validates, takes it to terms. Linear in its text,
so that a short one is done at once and others in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ParamSpec, TypeVar

from services.kit.errors import InvalidInput
from services.kit.redaction import PRIVATE_MARK, redact, redact_json, without_private
from services.memory.domain.memories import Memory, Version, accept, at_most, content_max_bytes
from services.memory.index.entries import Reading, reading

short_max_chars = 500
"""A text of so many is read in less time than a thread takes to begin."""

Result = TypeVar("Result")
Given = ParamSpec("Given")


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


@dataclass(frozen=True, slots=True)
class TextWork:
    """One text at a time, so that calls take turns and searches keep a processor."""

    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def clean(self, memory: Memory, now: datetime) -> CleanMemory:
        """The memory in its stored form; InvalidInput or LimitExceeded if it cannot be stored."""
        return clean_memory(memory, now) if _is_short(memory) else await self.beside(clean_memory, memory, now)

    async def read(self, memory: Memory) -> Reading:
        """What the index has to know of the memory's text."""
        return reading(memory) if _is_short(memory) else await self.beside(reading, memory)

    async def beside(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """The result of work in a thread."""
        async with self._turn:
            return await asyncio.to_thread(work, *given, **named)


def _is_short(memory: Memory) -> bool:
    chars = len(memory.content) + sum(map(len, memory.tags))
    return chars <= short_max_chars and not memory.metadata and not memory.versions
