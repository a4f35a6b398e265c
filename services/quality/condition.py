"""How the quality service is: which of its parts work, measured when asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kit.errors import ServiceError
from services.quality.history import History

disk_free_min_bytes = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PartHealth:
    """healthy, degraded or unhealthy, and why."""

    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked; `directory` is None where another service keeps the history."""

    history: History
    directory: Path | None

    async def check(self) -> Mapping[str, PartHealth]:
        """Every part's health."""
        parts = {"history": await self._history()}
        if self.directory:
            parts["file_system"] = await asyncio.to_thread(_file_system, self.directory)
        return parts

    async def count(self) -> Mapping[str, float]:
        """The service's gauges: it has none."""
        return {}

    async def _history(self) -> PartHealth:
        try:
            await self.history.points("health", "health", 1)
        except ServiceError as error:
            return PartHealth("unhealthy", error.message)
        return PartHealth("healthy")


def _file_system(directory: Path) -> PartHealth:
    if not os.access(directory, os.W_OK):
        return PartHealth("unhealthy", "the data directory cannot be written")
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    if free < disk_free_min_bytes:
        return PartHealth("degraded", f"{free / 1e6:.0f} MB left on the disk")
    return PartHealth("healthy")
