"""Whether the gateway is ready: which of the services behind it answer, and which it requires."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.gateway.backends import Backends

NEEDED = frozenset({"session", "memory"})
"""Without quality a session continues, unmeasured, and searches still work."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service's state, as the gateway sees it."""

    status: str
    reason: str = ""


class Readiness:
    """Polls the services; once it is `stopped`, the gateway is not ready."""

    def __init__(self, backends: Backends) -> None:
        self._behind = backends.all
        self.is_stopping = False

    async def look(self) -> Mapping[str, Service]:
        """Every service's state, by name."""
        troubles = await asyncio.gather(*(each.trouble() for each in self._behind))
        return {each.name: _state(each.name, trouble) for each, trouble in zip(self._behind, troubles, strict=True)}

    async def answer(self) -> tuple[bool, dict[str, Any]]:
        """Whether every required service answers, and the body of `/ready`."""
        found = await self.look()
        missing = ["gateway: stopping"] if self.is_stopping else []
        missing += [f"{name}: {each.reason}" for name, each in found.items() if each.status == "unhealthy"]
        degraded = [f"{name}: {each.reason}" for name, each in found.items() if each.status == "degraded"]
        return not missing, {
            "ready": not missing,
            "missing": missing,
            "degraded": degraded,
            "needed": sorted(NEEDED),
        }


def _state(name: str, trouble: str) -> Service:
    if not trouble:
        return Service("healthy")
    return Service("unhealthy" if name in NEEDED else "degraded", trouble)
