"""The health of the quality service: checks of its parts when requested."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kit.errors import ServiceError
from services.kit.health.parts import PartHealth, file_system
from services.quality.storage.history import History


@dataclass(frozen=True, slots=True)
class Condition:
    """The parts to check; `directory` is None if another service keeps the history."""

    history: History
    directory: Path | None

    async def check(self) -> Mapping[str, PartHealth]:
        """The health of every part."""
        parts = {"history": await self._history()}
        if self.directory:
            parts["file_system"] = await asyncio.to_thread(file_system, self.directory)
        return parts

    async def count(self) -> Mapping[str, float]:
        """The service's gauges: none."""
        return {}

    async def _history(self) -> PartHealth:
        try:
            await self.history.points("health", "health", 1)
        except ServiceError as error:
            return PartHealth("unhealthy", error.message)
        return PartHealth("healthy")
