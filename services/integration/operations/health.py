"""The health of the integration service: its log, where events come from, and where they go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.integration.operations.delivery import Delivery
from services.integration.operations.relay import Relay
from services.integration.storage.event_log import Backlog, EventLog
from services.kit.background_task import Supervisor
from services.kit.errors import ServiceError
from services.kit.health.parts import PartHealth, file_system


@dataclass(frozen=True, slots=True)
class Condition:
    """The parts to check."""

    log: EventLog
    directory: Path
    relays: Sequence[Relay]
    deliveries: Sequence[Delivery]
    supervisor: Supervisor

    async def check(self) -> Mapping[str, PartHealth]:
        """The health of every part; a sink that is away makes the service no less ready."""
        try:
            backlogs = await self.log.backlogs()
        except ServiceError as error:
            return {"log": PartHealth("unhealthy", error.message)}
        parts = {"log": PartHealth("healthy")}
        parts["file_system"] = await asyncio.to_thread(file_system, self.directory)
        for relay in self.relays:
            parts[f"events of {relay.source}"] = _part(relay.trouble)
        for delivery in self.deliveries:
            backlog = backlogs.get(delivery.sink.name, Backlog(0, 0, 0))
            parts[delivery.sink.name] = _part(_sink_trouble(delivery.trouble, backlog))
        for name, trouble in self.supervisor.troubles.items():
            parts[name] = PartHealth("degraded", trouble)
        return parts

    async def count(self) -> Mapping[str, float]:
        """The service's gauges."""
        backlogs = (await self.log.backlogs()).values()
        return {
            "segue.events.backlog": max((each.waiting for each in backlogs), default=0),
            "segue.events.missed": sum(each.missed for each in backlogs),
            "segue.events.dead": sum(each.dead for each in backlogs),
        }


def _sink_trouble(trouble: str, backlog: Backlog) -> str:
    if trouble:
        missed = f", {backlog.missed} were dropped" if backlog.missed else ""
        return f"{trouble}; {backlog.waiting} events wait{missed}"
    return f"{backlog.dead} events were refused for good (dead letters)" if backlog.dead else ""


def _part(trouble: str) -> PartHealth:
    return PartHealth("degraded", trouble) if trouble else PartHealth("healthy")
