"""The integration service, wired top to bottom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from services.integration.config import IntegrationSettings
from services.integration.operations.delivery import Delivery
from services.integration.operations.health import Condition
from services.integration.operations.intakes import Intakes
from services.integration.operations.relay import Relay
from services.integration.servicer import IntegrationServicer
from services.integration.sinks import Sink
from services.integration.sinks.pinned_http import Poster
from services.integration.sinks.webhook import Webhook
from services.integration.storage.event_log import EventLog, open_log
from services.kit.background_task import Supervisor
from services.kit.health.grpc_health import Health
from services.kit.health.polling import HealthPoll, poll_health
from services.kit.observability import event_loop_lag
from services.kit.observability.providers import providers
from services.kit.private_directory import private_directory
from services.kit.transport import rpc
from services.pb import events_pb2, events_pb2_grpc


class IntegrationApp:
    """A running integration service."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def stop_accepting(self) -> None:
        """Reports the service as unhealthy from now on."""
        await self._health.stop()


@asynccontextmanager
async def open_integration(settings: IntegrationSettings) -> AsyncIterator[IntegrationApp]:
    """Relays events on the settings' address until the context exits."""
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("integration"))
        home = private_directory(settings.home)
        log = await stack.enter_async_context(open_log(home / "events.sqlite", settings.events_max))
        sinks = open_sinks(stack, settings)
        await log.register_sinks([sink.name for sink in sinks])
        relays = await _open_relays(stack, settings, log)
        deliveries = [Delivery(sink, log, settings.webhook_give_up_h * 3600) for sink in sinks]
        supervisor = Supervisor()
        condition = Condition(log, home, relays, deliveries, supervisor)
        servicer = IntegrationServicer(log, Intakes(log), condition)
        health = Health("segue.events.v1.Integration")

        def register(server: rpc.Server) -> None:
            events_pb2_grpc.add_IntegrationServicer_to_server(servicer, server)

        for relay in relays:
            await stack.enter_async_context(supervisor.background_task(f"events of {relay.source}", relay.run))
        for delivery in deliveries:
            await stack.enter_async_context(supervisor.background_task(delivery.sink.name, delivery.run))
        await stack.enter_async_context(rpc.open_server(settings.address, register, health, drain_s=settings.drain_s))
        await stack.enter_async_context(event_loop_lag.measure_lag())
        poll = HealthPoll("integration", "log", condition.check, condition.count, health)
        await stack.enter_async_context(poll_health(poll))
        yield IntegrationApp(health)


def open_sinks(stack: AsyncExitStack, settings: IntegrationSettings) -> Sequence[Sink]:
    """The sinks that the settings name; nothing is connected yet."""
    sinks: list[Sink] = []
    if settings.kafka_servers:
        from services.integration.sinks.kafka import KafkaSink, producer_settings

        kafka = KafkaSink(settings.kafka_topic, producer_settings(settings))
        stack.push_async_callback(kafka.close)
        sinks.append(kafka)
    poster = Poster(settings.webhook_private, settings.webhook_timeout_s)
    secret = settings.webhook_secret.get_secret_value()
    return [*sinks, *(Webhook(url, secret, poster) for url in settings.urls)]


async def _open_relays(stack: AsyncExitStack, settings: IntegrationSettings, log: EventLog) -> list[Relay]:
    targets = {
        "session": settings.session_target,
        "memory": settings.memory_target,
        "quality": settings.quality_target,
    }
    service = events_pb2.DESCRIPTOR.services_by_name["Outbox"]
    relays = []
    for source, target in targets.items():
        channel = await stack.enter_async_context(rpc.open_channel(target, service))
        relays.append(Relay(source, events_pb2_grpc.OutboxStub(channel), log, settings.poll_s))
    return relays
