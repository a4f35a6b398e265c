"""The services behind the gateway: one channel and stub each, called with the user's identity and a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import grpc.aio
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from grpc.aio import UnaryStreamMultiCallable, UnaryUnaryMultiCallable

from services.gateway.access.identity import current_user
from services.gateway.config import GatewaySettings
from services.kit.errors import ServiceError
from services.kit.health import grpc_health
from services.kit.transport import rpc
from services.kit.transport.connections import Balancing
from services.pb import access_pb2, events_pb2, memory_pb2, projects_pb2, quality_pb2, session_pb2, telemetry_pb2
from services.pb.access_pb2_grpc import AccessStub
from services.pb.events_pb2_grpc import IntegrationStub
from services.pb.memory_pb2_grpc import MemoryStub, SearchStub
from services.pb.projects_pb2_grpc import ProjectsStub
from services.pb.quality_pb2_grpc import QualityStub
from services.pb.session_pb2_grpc import SessionStub
from services.pb.telemetry_pb2_grpc import TelemetryStub

Stub = TypeVar("Stub")
Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

figures_timeout_s = 2.0
overhead_s = 0.1
"""Reserved from a tool's deadline for the gateway's own work on the answer."""


class Backend(Generic[Stub]):
    """One service, called on behalf of a user."""

    def __init__(self, name: str, channel: grpc.aio.Channel, stub: Stub, timeout_s: float) -> None:
        self.name = name
        self._channel = channel
        self._timeout_s = timeout_s
        self.stub = stub
        self.admit: Callable[[Message], Awaitable[None]] | None = None
        """Called before each call of a user; any exception it raises cancels the call."""

    async def call(
        self,
        method: UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        timeout_s: float | None = None,
        user: str = "",
    ) -> Response:
        """One call of a method of `stub` for the current user, or the given one; raises the service's errors."""
        left_s = (timeout_s or self._timeout_s) - overhead_s
        if self.admit:
            await self.admit(request)
        try:
            return await rpc.call(method, request, user=user or current_user(), timeout_s=left_s)
        except ServiceError as error:
            error.service = self.name
            raise

    async def stream(
        self, method: UnaryStreamMultiCallable[Request, Response], request: Request, timeout_s: float
    ) -> AsyncIterator[Response]:
        """The same for a method that returns a stream."""
        try:
            async for each in rpc.stream(method, request, user=current_user(), timeout_s=timeout_s - overhead_s):
                yield each
        except ServiceError as error:
            error.service = self.name
            raise

    async def trouble(self) -> str:
        """Why the service accepts no calls, as far as the gateway can see; empty if it accepts them."""
        return await grpc_health.trouble(self._channel)

    async def figures(self) -> telemetry_pb2.FiguresResponse:
        """What it measured; of replicas, one."""
        stub = TelemetryStub(self._channel)
        answer: telemetry_pb2.FiguresResponse = await self.call(
            stub.Figures, telemetry_pb2.FiguresRequest(), figures_timeout_s
        )
        return answer


MemoryBackend: TypeAlias = Backend[MemoryStub]
SearchBackend: TypeAlias = Backend[SearchStub]
SessionBackend: TypeAlias = Backend[SessionStub]
QualityBackend: TypeAlias = Backend[QualityStub]
AccessBackend: TypeAlias = Backend[AccessStub]
ProjectsBackend: TypeAlias = Backend[ProjectsStub]
IntegrationBackend: TypeAlias = Backend[IntegrationStub]


class MemoryAndSearchStub(MemoryStub):
    """What the memory service answers, of which search replicas answer what is derived."""

    def __init__(self, memory: grpc.aio.Channel, search: grpc.aio.Channel) -> None:
        super().__init__(memory)
        derived = SearchStub(search)
        self.Search, self.Explain, self.List = derived.Search, derived.Explain, derived.List
        self.More, self.Get = derived.More, derived.Get
        self.ListProposedReplacements = derived.ListProposedReplacements


@dataclass(frozen=True, slots=True)
class Backends:
    """All of them."""

    session: SessionBackend
    memory: MemoryBackend
    quality: QualityBackend
    access: AccessBackend
    """Tokens and rate limits, in the session service's process."""
    projects: ProjectsBackend
    """The registry of projects, in the same process."""
    integration: IntegrationBackend | None = None
    """Events for others, where somebody wants them."""
    search: SearchBackend | None = None
    """The search replicas, where there are any; searches go to them by `memory` all the same."""

    @property
    def all(self) -> Sequence[Backend[Any]]:
        """One backend per process."""
        wanted = (self.search, self.integration)
        return (self.session, self.memory, self.quality, *(each for each in wanted if each))


def _channel(
    target: str, *files: FileDescriptor, balancing: Balancing = "round_robin"
) -> AbstractAsyncContextManager[grpc.aio.Channel]:
    services = (service for file in files for service in file.services_by_name.values())
    return rpc.open_channel(target, *services, balancing=balancing)


@asynccontextmanager
async def open_backends(settings: GatewaySettings) -> AsyncIterator[Backends]:
    """Opens channels to all services; a service that is down raises no error until it is called."""
    async with AsyncExitStack() as stack:
        kept_by_session = (session_pb2.DESCRIPTOR, access_pb2.DESCRIPTOR, projects_pb2.DESCRIPTOR)
        session = await stack.enter_async_context(_channel(settings.session_target, *kept_by_session))
        memory = await stack.enter_async_context(_channel(settings.memory_target, memory_pb2.DESCRIPTOR))
        quality = await stack.enter_async_context(_channel(settings.quality_target, quality_pb2.DESCRIPTOR))
        timeout_s = settings.call_timeout_s
        integration: IntegrationBackend | None = None
        if target := settings.integration_target:
            channel = await stack.enter_async_context(_channel(target, events_pb2.DESCRIPTOR))
            integration = Backend("integration", channel, IntegrationStub(channel), timeout_s)
        stub = MemoryStub(memory)
        search: SearchBackend | None = None
        if target := settings.search_target:
            opening = _channel(target, memory_pb2.DESCRIPTOR, balancing=settings.search_balancing)
            channel = await stack.enter_async_context(opening)
            stub = MemoryAndSearchStub(memory, channel)
            search = Backend("search", channel, SearchStub(channel), timeout_s)
        yield Backends(
            Backend("session", session, SessionStub(session), timeout_s),
            Backend("memory", memory, stub, timeout_s),
            Backend("quality", quality, QualityStub(quality), timeout_s),
            Backend("session", session, AccessStub(session), timeout_s),
            Backend("session", session, ProjectsStub(session), timeout_s),
            integration,
            search,
        )
