"""The health of the memory service: counts of what it holds, and checks of its parts when requested."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.kit.background_task import Supervisor
from services.kit.errors import ServiceError
from services.kit.health.parts import PartHealth, file_system
from services.memory.domain.memories import Stats
from services.memory.domain.store import MemoryStore
from services.memory.embedder import Embedder
from services.memory.index.vectors.slot_vectors import slowness
from services.memory.operations.store_memories import NO_MODEL
from services.memory.text.stemming import stemming_slowness

disk_free_min_bytes = 256 * 1024 * 1024
ids_max = 20
measured_within_s = 30.0
"""How old the trial of the model may be that statistics are told of: it takes as long as a search."""
UNREADABLE = "memories that cannot be read, and are not found; segue delete removes them: "
"""Precedes the ids in a user's list of what is degraded."""


class SharedCache(Protocol):
    """The shared cache, as far as the health check uses it."""

    async def is_reachable(self) -> bool:
        """Whether it responds now."""
        ...


class Reading(Protocol):
    """The job that keeps the index in step with the store."""

    @property
    def unread(self) -> int:
        """The number of memories whose text is not read yet."""
        ...

    @property
    def unreadable(self) -> Mapping[int, tuple[str, str]]:
        """The user and id of each stored memory that cannot be read, by sequence."""
        ...

    @property
    def indexed_count(self) -> int:
        """The number of memories that can be found."""
        ...


class Regular(Protocol):
    """A scheduled job, as far as the health check uses it."""

    @property
    def trouble(self) -> str:
        """Why due work was not done; empty if it was."""
        ...

    async def run(self) -> None:
        """Does due work until cancelled."""
        ...


class ModelTrial:
    """Tries whether the model still embeds; who asks during a trial gets its result."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._trial: asyncio.Task[PartHealth] | None = None
        self._ended_s = -math.inf

    async def result(self, within_s: float = 0.0) -> PartHealth:
        """Of a trial that ends now, or ended in the last `within_s` seconds."""
        is_recent = self._trial is not None and time.monotonic() - self._ended_s <= within_s
        if self._trial is None or (self._trial.done() and not is_recent):
            self._trial = asyncio.create_task(self._try())
        return await asyncio.shield(self._trial)

    async def _try(self) -> PartHealth:
        try:
            await self._embedder.embed([f"health {time.time_ns()}"])  # a text that cannot be cached
        except ServiceError as error:
            return PartHealth("degraded", error.message)
        finally:
            self._ended_s = time.monotonic()
        return PartHealth("healthy")


@dataclass(frozen=True, slots=True)
class Condition:
    """The parts to check; `model_trouble` says why there is no embedder, if so. `directory` is None for a process that
    keeps no files."""

    store: MemoryStore
    embedder: Embedder | None
    model_trouble: str
    directory: Path | None
    shared_cache: SharedCache | None
    indexing: Reading
    regular: Mapping[str, Regular]
    supervisor: Supervisor
    trial: ModelTrial | None

    async def stats(self, user: str, project: str, since: datetime | None) -> Stats:
        """Counts for the user, and what is degraded."""
        stats = await self.store.stats(user, project, self.embedder.model if self.embedder else NO_MODEL, since)
        parts = await self.check(measured_within_s)
        degraded = [f"{name}: {part.reason}" for name, part in parts.items() if part.status != "healthy"]
        return replace(stats, degraded=[*degraded, *self._unreadable_lines(user)])

    def _unreadable_lines(self, user: str) -> Sequence[str]:
        """The first ids of the user's own memories that cannot be read."""
        ids = [name for owner, name in self.indexing.unreadable.values() if owner == user]
        return [f"{UNREADABLE}{' '.join(ids[:ids_max])}"] if ids else []

    async def usage(self, user: str) -> tuple[int, int]:
        """The number of the user's memories, and the bytes of their text."""
        return await self.store.usage(user)

    async def check(self, within_s: float = 0.0) -> Mapping[str, PartHealth]:
        """The health of every part; the model is tried, or was in the last `within_s` seconds."""
        tried = {"embedding_service": await self.trial.result(within_s)} if self.trial else {}
        return {**await self.look(), **tried}

    async def look(self) -> Mapping[str, PartHealth]:
        """A cheap check of every part: for the model, only whether there is one."""
        late = {name: each.trouble for name, each in self.regular.items() if each.trouble}
        return {
            **{name: PartHealth("degraded", why) for name, why in {**self.supervisor.troubles, **late}.items()},
            "cache": await self._cache(),
            "database": await self._database(),
            "embedding_service": PartHealth("healthy") if self.embedder else self._no_model(),
            "index": self._index(),
            **await self._file_system(),
        }

    async def count(self) -> Mapping[str, float]:
        """The service's gauges."""
        memories, size_bytes = await self.store.size()
        return {
            "segue.memories": memories,
            "segue.database.size": size_bytes,
            **await self.count_index(),
        }

    async def count_index(self) -> Mapping[str, float]:
        """Those of the gauges that are of this process alone."""
        return {"segue.index.memories": self.indexing.indexed_count, "segue.index.unread": self.indexing.unread}

    async def _file_system(self) -> Mapping[str, PartHealth]:
        if self.directory is None:
            return {}
        return {"file_system": await asyncio.to_thread(file_system, self.directory, disk_free_min_bytes)}

    async def _database(self) -> PartHealth:
        try:
            await self.store.find("", "")
        except Exception as error:  # any error: that is the result of the check
            return PartHealth("unhealthy", type(error).__name__)
        return PartHealth("degraded", " ".join(self.store.troubles)) if self.store.troubles else PartHealth("healthy")

    def _no_model(self) -> PartHealth:
        return PartHealth("degraded", f"{self.model_trouble} Searches go by words alone.")

    def _index(self) -> PartHealth:
        if broken := len(self.indexing.unreadable):
            return PartHealth("degraded", f"memories that cannot be read, and are not found: {broken:,}")
        if unread := self.indexing.unread:
            return PartHealth("degraded", f"being rebuilt: {unread:,} memories are found by meaning alone until then")
        why = self.supervisor.troubles.get("index", "") or slowness() or stemming_slowness()
        return PartHealth("degraded" if why else "healthy", why)

    async def _cache(self) -> PartHealth:
        if self.shared_cache is None or await self.shared_cache.is_reachable():
            return PartHealth("healthy")
        return PartHealth("degraded", "Redis does not answer. Searches are slower, not wrong.")
