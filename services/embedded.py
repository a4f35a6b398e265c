"""One-process mode: the same apps in one event loop, which call each other without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.gateway.access.exposure import refuse_exposure
from services.gateway.config import GatewaySettings
from services.gateway.light_import import import_gateway
from services.integration.config import IntegrationSettings
from services.kit.backup import Part
from services.kit.observability.providers import providers
from services.kit.transport.connections import IN_PROCESS
from services.memory.app import open_memory, open_vault
from services.memory.config import MemorySettings
from services.quality.app import open_quality
from services.quality.config import QualitySettings
from services.quality.storage.backup import QualityPart
from services.session.app import open_session
from services.session.config import SessionSettings
from services.session.operations.backup import SessionPart

if TYPE_CHECKING:
    from services.gateway.app import GatewayApp

SOURCES = ("session", "memory", "quality")


def _open_integration(settings: IntegrationSettings) -> AbstractAsyncContextManager[object]:
    from services.integration.app import open_integration  # only for those who want it

    return open_integration(settings)


@asynccontextmanager
async def open_embedded(data_dir: Path, gateway: GatewaySettings) -> AsyncIterator[GatewayApp]:
    """All services on `data_dir` behind a gateway; on leaving, the gateway closes first."""
    refuse_exposure(gateway)  # before anything is made
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("local"))  # before any service sets its own
        address = {name: f"{IN_PROCESS}{name}@{id(stack)}" for name in (*SOURCES, "integration")}
        session = SessionSettings(address=address["session"], directory=data_dir / "session")
        memory = MemorySettings(address=address["memory"], directory=data_dir / "memory", serve="all")
        quality = QualitySettings(address=address["quality"], directory=data_dir / "quality")
        integration = IntegrationSettings(address=address["integration"], directory=data_dir / "integration")
        integration = integration.model_copy(update={f"{name}_target": address[name] for name in SOURCES})
        if integration.is_wanted:
            bound = {"events_max": integration.events_max}
            session, memory = session.model_copy(update=bound), memory.model_copy(update=bound)
            quality = quality.model_copy(update=bound)
        open_vault(memory)  # where that is refused, nothing of the others is begun
        importing = asyncio.create_task(asyncio.to_thread(import_gateway))
        await stack.enter_async_context(open_session(session))
        others: list[Part] = [] if session.redis_url.get_secret_value() else [SessionPart(session.home)]
        others += [] if quality.history_target else [QualityPart(quality.home)]
        await stack.enter_async_context(open_quality(quality))
        await stack.enter_async_context(open_memory(memory, others))
        wanted = (*SOURCES, "integration") if integration.is_wanted else SOURCES
        if integration.is_wanted:
            await stack.enter_async_context(_open_integration(integration))
        targets = {f"{name}_target": address[name] for name in wanted}
        await importing
        from services.gateway.app import open_gateway  # FastMCP imports for as long as databases and model take to open

        yield await stack.enter_async_context(open_gateway(gateway.model_copy(update=targets)))
