"""The session service, wired top to bottom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from services.kit.background_task import Supervisor
from services.kit.encryption.reencryption import discard_unfinished, require_settled
from services.kit.encryption.vault import Vault
from services.kit.events.outbox_servicer import OutboxServicer
from services.kit.health.grpc_health import Health
from services.kit.health.polling import HealthPoll, poll_health
from services.kit.observability import event_loop_lag
from services.kit.observability.providers import providers
from services.kit.private_directory import private_directory
from services.kit.transport import rpc
from services.pb import access_pb2_grpc, events_pb2_grpc, projects_pb2_grpc, session_pb2_grpc
from services.session.access_servicer import AccessServicer
from services.session.config import SessionSettings
from services.session.domain.tokens import Tokens
from services.session.operations.events import Emitter, deliver
from services.session.operations.health import Condition
from services.session.operations.lifecycle import Lifecycle
from services.session.operations.permission_service import Deciding
from services.session.operations.project_changes import ProjectChanges
from services.session.operations.project_news import ProjectNews
from services.session.operations.project_registry import ProjectRegistry
from services.session.operations.session_lookup import Finding, Terms
from services.session.operations.session_retention import Retention
from services.session.projects_servicer import ProjectsServicer
from services.session.servicer import SessionServicer
from services.session.store import SessionStore
from services.session.store.sqlite import open_sqlite


class SessionApp:
    """A running session service. Handlers added to `emitter` receive every event, at least once."""

    def __init__(self, health: Health, emitter: Emitter) -> None:
        self._health = health
        self.emitter = emitter

    async def stop_accepting(self) -> None:
        """Health reports not serving from now on."""
        await self._health.stop()


@asynccontextmanager
async def open_session(settings: SessionSettings, emitter: Emitter | None = None) -> AsyncIterator[SessionApp]:
    """Serves sessions on the settings' address until the context exits; `emitter` receives the events."""
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("session"))
        store, directory = await open_store(stack, settings)
        finding = Finding(store, Terms(settings.lease_s, settings.answers_keep_s, settings.answers_max))
        retention = Retention(store, finding, timedelta(days=settings.keep_days))
        supervisor = Supervisor()
        condition = Condition(store, directory, supervisor)
        servicer = SessionServicer(
            Lifecycle(store, finding, settings.quality_threshold),
            finding,
            Deciding(store, finding, settings.learn_after),
            condition,
        )
        access = AccessServicer(Tokens(store.tokens), store.allowance)
        registry = ProjectRegistry(store.projects, finding.now)
        changes = ProjectChanges(store, registry, finding.now)
        projects = ProjectsServicer(registry, changes, ProjectNews(store))
        emitter = emitter or Emitter()
        health = Health("segue.session.v1.Session")

        def register(server: rpc.Server) -> None:
            session_pb2_grpc.add_SessionServicer_to_server(servicer, server)
            access_pb2_grpc.add_AccessServicer_to_server(access, server)
            projects_pb2_grpc.add_ProjectsServicer_to_server(projects, server)
            events_pb2_grpc.add_OutboxServicer_to_server(OutboxServicer([store.outbox]), server)

        for name, run in (
            ("events", lambda: deliver(store.events, emitter.emit)),
            ("sweep", lambda: finding.sweep(settings.sweep_s)),
            ("session_retention", retention.run),
        ):
            await stack.enter_async_context(supervisor.background_task(name, run))
        await stack.enter_async_context(rpc.open_server(settings.address, register, health, drain_s=settings.drain_s))
        await stack.enter_async_context(event_loop_lag.measure_lag())
        poll = HealthPoll("session", "store", condition.look, condition.count, health)
        await stack.enter_async_context(poll_health(poll))
        yield SessionApp(health, emitter)


async def open_store(stack: AsyncExitStack, settings: SessionSettings) -> tuple[SessionStore, Path | None]:
    """The store, and its data directory if it has one."""
    if url := settings.redis_url.get_secret_value():
        from services.session.store.redis import open_redis  # a single machine does not need the package

        store = open_redis(
            url,
            timeout_s=settings.redis_timeout_s,
            stream_max=settings.stream_max,
            audit_max=settings.audit_max,
            events_max=settings.events_max,
        )
        return await stack.enter_async_context(store), None
    vault = open_vault(settings)
    home = private_directory(settings.home)
    store_of = open_sqlite(
        home / "session.sqlite",
        queue_max=settings.queue_max,
        vault=vault,
        audit_max=settings.audit_max,
        events_max=settings.events_max,
    )
    opened = await stack.enter_async_context(store_of)
    await asyncio.to_thread(discard_unfinished, home)
    return opened, home


def open_vault(settings: SessionSettings) -> Vault | None:
    """The vault that seals the sessions; a missing, wrong or unusable key is refused, and nothing is changed."""
    require_settled(settings.home)
    return settings.place.ready_vault(settings.encryption_key_file)
