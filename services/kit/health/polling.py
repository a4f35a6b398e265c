"""Polls a service's health: its readiness and its metrics show the last result."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeAlias

from opentelemetry import metrics

from services.kit.background_task import background_task
from services.kit.errors import ServiceError
from services.kit.health.grpc_health import Health
from services.kit.observability import metrics_snapshot, telemetry

logger = logging.getLogger(__name__)

look_every_s = 2.0
"""While a part is not healthy, whose recovery should show soon."""
look_healthy_every_s = 5.0
counted_every_s = 10.0
first_look_max_s = 1.0
"""A service that has no result by then is up but not ready."""
LEVELS = {"healthy": 0, "degraded": 1, "unhealthy": 2}


class Part(Protocol):
    """One part's health."""

    @property
    def status(self) -> str:
        """`healthy`, `degraded` or `unhealthy`."""
        ...

    @property
    def reason(self) -> str:
        """Why the part is not healthy."""
        ...


Look: TypeAlias = Callable[[], Awaitable[Mapping[str, Part]]]
Count: TypeAlias = Callable[[], Awaitable[Mapping[str, float]]]


@dataclass
class HealthPoll:
    """A service to poll. It is ready unless the part `needed` is unhealthy.

    `look` returns every part's health, `count` the service's gauges.
    """

    service: str
    needed: str
    look: Look
    count: Count
    health: Health

    def __post_init__(self) -> None:
        self._publisher = HealthPublisher(self.service)
        self._counted_s = -counted_every_s

    async def run(self) -> None:
        """Polls until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._publisher.pause_s)

    async def once(self) -> None:
        """Polls once; a failure is reported as a part's trouble and does not stop the polling."""
        try:
            parts = await self.look()
            self._publisher.publish(parts)
            ready = parts[self.needed].status != "unhealthy"
            await self.health.serving(ready)
            if ready and time.monotonic() > self._counted_s + counted_every_s:
                self._counted_s = time.monotonic()
                for name, value in (await self.count()).items():
                    gauge(name).set(value)
            await metrics_snapshot.of_this_process().keep()
        except ServiceError as error:  # it went down between the two calls
            self._publisher.forget()
            logger.info("%s: %s", self.service, error.message)
        except Exception:
            logger.exception("the health of %s could not be checked", self.service)
            self._publisher.forget()
            await self.health.serving(False)


class HealthPublisher:
    """Publishes the health of a service's parts as metrics, and logs changes."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._published: dict[str, str] = {}
        self._is_known = False

    @property
    def pause_s(self) -> float:
        """How long the next look may wait."""
        is_healthy = self._is_known and not any(LEVELS[each] for each in self._published.values())
        return look_healthy_every_s if is_healthy else look_every_s

    def forget(self) -> None:
        """The health is not known until the next `publish`."""
        self._is_known = False

    def publish(self, parts: Mapping[str, Part]) -> None:
        """Publishes the current health; a part that is no longer listed is healthy again."""
        for name in {*parts, *self._published}:
            status, reason = (parts[name].status, parts[name].reason) if name in parts else ("healthy", "")
            labels = {"segue.service": self._service, "segue.part": name}
            gauge("segue.part.health").set(LEVELS[status], labels)
            if status != self._published.get(name, "healthy"):
                level = logging.INFO if status == "healthy" else logging.WARNING
                logger.log(level, "%s: %s is %s%s", self._service, name, status, f": {reason}" if reason else "")
            self._published[name] = status
        self._is_known = True


@asynccontextmanager
async def poll_health(poll: HealthPoll) -> AsyncIterator[None]:
    """Polls once before the block, if that is quick, and repeatedly during it."""
    async with background_task(f"watching {poll.service}", poll.run):
        with suppress(TimeoutError):
            async with asyncio.timeout(first_look_max_s):
                await poll.health.is_known.wait()
        try:
            yield
        finally:
            await poll.health.stop()


@asynccontextmanager
async def publish_health(service: str, look: Look) -> AsyncIterator[None]:
    """Polls and publishes during the block, for processes whose readiness is kept elsewhere."""

    async def run() -> None:
        publisher = HealthPublisher(service)
        while True:
            try:
                publisher.publish(await look())
                await metrics_snapshot.of_this_process().keep()
            except Exception:  # the next poll may succeed
                publisher.forget()
                logger.exception("the health of %s could not be checked", service)
            await asyncio.sleep(publisher.pause_s)

    async with background_task(f"watching {service}", run):
        yield


@cache
def gauge(name: str) -> metrics._Gauge:
    """The gauge of that name."""
    unit, description = _gauges[name]
    return telemetry.meter().create_gauge(name, unit, description)


_gauges = {
    "segue.part.health": ("{level}", "How a part is: 0 healthy, 1 degraded, 2 unhealthy"),
    "segue.sessions.active": ("{session}", "Sessions that are active, of all users"),
    "segue.redis.memory.used": ("By", "Memory that the sessions' Redis uses"),
    "segue.redis.memory.max": ("By", "Memory that the sessions' Redis may use, where that is limited"),
    "segue.memories": ("{memory}", "Memories stored, of all users"),
    "segue.database.size": ("By", "The memories' database on disk"),
    "segue.index.memories": ("{memory}", "Memories in the index"),
    "segue.events.backlog": ("{event}", "Events that the sink furthest behind does not have yet"),
    "segue.events.missed": (
        "{event}",
        "Events that were dropped before a sink had them, or was told of it",
    ),
    "segue.events.dead": ("{event}", "Events that a sink refused for good"),
    "segue.index.unread": ("{memory}", "Memories whose text is not in the index yet"),
}
