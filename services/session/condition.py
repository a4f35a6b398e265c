"""How the session service is: which of its parts work, measured when asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kit.errors import ServiceError
from services.session.store import SessionStore

disk_free_min_bytes = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part's health: `healthy`, `degraded` or `unhealthy`, and why."""

    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked; `directory` is where the store's file is, where it has one."""

    store: SessionStore
    directory: Path | None

    async def check(self) -> tuple[Mapping[str, PartHealth], int]:
        """Every part's health, and how many sessions are active."""
        try:
            troubles = await self.store.troubles()
            active = await self.store.active_count()
        except ServiceError as error:
            return {"store": PartHealth("unhealthy", error.message), **await self._disk()}, 0
        parts = {name: PartHealth("degraded", reason) for name, reason in troubles.items()}
        return {"store": PartHealth("healthy"), **parts, **await self._disk()}, active

    async def look(self) -> Mapping[str, PartHealth]:
        """Every part's health."""
        return (await self.check())[0]

    async def count(self) -> Mapping[str, float]:
        """The service's gauges."""
        return {"segue.sessions.active": await self.store.active_count()}

    async def _disk(self) -> Mapping[str, PartHealth]:
        return {"file_system": await asyncio.to_thread(_file_system, self.directory)} if self.directory else {}


def _file_system(directory: Path) -> PartHealth:
    if not os.access(directory, os.W_OK):
        return PartHealth("unhealthy", "the data directory cannot be written")
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if free < disk_free_min_bytes:
        return PartHealth("degraded", f"{free / 1e6:.0f} MB left on the disk")
    return PartHealth("healthy")
