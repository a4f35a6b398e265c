"""The backups that this server wrote: where, when and how large; no content. Kept beside the memories."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from services.kit.backup import MANIFEST, Manifest, backups_in, read_manifest
from services.kit.errors import InvalidInput, ServiceError
from services.memory.domain.store import MemoryStore

logger = logging.getLogger(__name__)
listed_max = 50
look_max_s = 1.0
"""How long a look at their directories may take, which may be on a network."""


class Whereabouts(StrEnum):
    """Whether a backup is where it was written."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Written:
    """One backup."""

    path: str
    written_at: datetime
    memories: int
    size_bytes: int
    whereabouts: Whereabouts = Whereabouts.UNKNOWN

    @classmethod
    def of(cls, path: Path, manifest: Manifest) -> Written:
        """As its manifest says."""
        memories = sum(part.counts.get("memories", 0) for part in manifest.parts.values())
        return cls(str(path), datetime.fromisoformat(manifest.created_at).astimezone(UTC), memories, manifest.bytes)


class WrittenBackups:
    """Of the data directory with the id `server`."""

    def __init__(self, store: MemoryStore, server: str) -> None:
        self._store = store
        self._server = server
        self._name = f"backups:{server}"
        self._changing = asyncio.Lock()

    async def note(self, path: Path, manifest: Manifest) -> None:
        """Adds one. A backup is none the worse if this fails."""
        try:
            await self._change([Written.of(path, manifest)], ())
        except ServiceError as error:
            logger.warning("a backup was written, and could not be noted: %s", error.message)

    async def forget(self, paths: Iterable[Path]) -> None:
        """Takes those out that were pruned."""
        gone = {str(path) for path in paths}
        if gone:
            await self._change((), gone)

    async def _change(self, more: Iterable[Written], gone: Iterable[str]) -> None:
        async with self._changing:
            without = {*gone, *(each.path for each in more)}
            kept = [each for each in await self._read() if each.path not in without]
            lines = [
                [each.path, each.written_at.isoformat(), each.memories, each.size_bytes]
                for each in [*kept, *more][-listed_max:]
            ]
            await self._store.keep_upkeep(self._name, json.dumps(lines))

    async def _read(self) -> list[Written]:
        text = await self._store.upkeep(self._name)
        lines = json.loads(text) if text else []
        return [Written(path, datetime.fromisoformat(at), memories, size) for path, at, memories, size in lines]

    async def all(self, scheduled: Path | None) -> Sequence[Written]:
        """The newest first; with those in the directory of the schedule that were written before this was noted."""
        known = await self._read()
        try:
            async with asyncio.timeout(look_max_s):
                found = await asyncio.to_thread(_look, known, scheduled, self._server)
        except (TimeoutError, OSError):
            found = known
        return sorted(found, key=lambda each: each.written_at, reverse=True)[:listed_max]


def _look(known: Sequence[Written], scheduled: Path | None, server: str) -> list[Written]:
    paths = {each.path for each in known}
    others = [each.path for each in backups_in(scheduled) if each.server == server] if scheduled else []
    unnoted = [each for path in others[-listed_max:] if str(path) not in paths for each in _by_manifest(path)]
    return [
        Written(each.path, each.written_at, each.memories, each.size_bytes, _whereabouts(Path(each.path)))
        for each in [*known, *unnoted]
    ]


def _by_manifest(path: Path) -> list[Written]:
    try:
        return [Written.of(path, read_manifest(path))]
    except (InvalidInput, ValueError):  # somebody changes it right now
        return []


def _whereabouts(path: Path) -> Whereabouts:
    try:
        (path / MANIFEST).stat()
    except (FileNotFoundError, NotADirectoryError):
        return Whereabouts.GONE
    except OSError:
        return Whereabouts.UNKNOWN
    return Whereabouts.THERE
