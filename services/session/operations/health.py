"""The session service's health: which of its parts work, measured on request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kit.background_task import Supervisor
from services.kit.errors import ServiceError
from services.kit.health.parts import PartHealth, file_system
from services.session.store import SessionStore, StoreSize

FULL_FROM = 0.8
"""Redis counts as nearly full from this share of its memory."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The parts to check; `directory` is where the store's file is, if it has one."""

    store: SessionStore
    directory: Path | None
    supervisor: Supervisor

    async def check(self) -> tuple[Mapping[str, PartHealth], int]:
        """Every part's health, and how many sessions are active."""
        try:
            troubles = await self.store.troubles()
            active = await self.store.active_count()
            size = await self.store.size()
        except ServiceError as error:
            return {**self._work(), "store": PartHealth("unhealthy", error.message), **await self._disk()}, 0
        parts = {name: PartHealth("degraded", reason) for name, reason in troubles.items()}
        if size:
            parts["room"] = _room(size)
        return {**self._work(), "store": PartHealth("healthy"), **parts, **await self._disk()}, active

    async def look(self) -> Mapping[str, PartHealth]:
        """Every part's health."""
        return (await self.check())[0]

    async def count(self) -> Mapping[str, float]:
        """The service's gauges."""
        counts: dict[str, float] = {"segue.sessions.active": await self.store.active_count()}
        if size := await self.store.size():
            counts |= {"segue.redis.memory.used": size.used_bytes, "segue.redis.memory.max": size.max_bytes}
        return counts

    def _work(self) -> Mapping[str, PartHealth]:
        return {name: PartHealth("degraded", why) for name, why in self.supervisor.troubles.items()}

    async def _disk(self) -> Mapping[str, PartHealth]:
        return {"file_system": await asyncio.to_thread(file_system, self.directory)} if self.directory else {}


def _room(size: StoreSize) -> PartHealth:
    share = size.used_bytes / size.max_bytes
    used = f"Redis uses {share:.0%} of its {size.max_bytes / 1e6:,.0f} MB"
    if share < FULL_FROM:
        return PartHealth("healthy", used)
    return PartHealth(
        "degraded", f"{used}; once it is full, sessions are refused. `segue prune` removes old ones, or give it more."
    )
