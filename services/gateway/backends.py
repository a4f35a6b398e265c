"""The services behind the gateway: a channel and a stub each, called with identity and a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc.aio
from google.protobuf.message import Message

from services.gateway.auth import current_user
from services.gateway.config import GatewaySettings
from services.kit import healthcheck, rpc
from services.pb.memory_pb2_grpc import MemoryStub

Response = TypeVar("Response", bound=Message)

overhead_s = 0.1
"""Kept back from a tool's deadline for the gateway's own work on the answer."""


class MemoryBackend:
    """The memory service, as one user may call it."""

    def __init__(self, channel: grpc.aio.Channel, timeout_s: float) -> None:
        self._channel = channel
        self._timeout_s = timeout_s
        self.stub = MemoryStub(channel)  # type: ignore[no-untyped-call]  # generated without types

    async def call(
        self, method: Callable[..., Awaitable[Response]], request: Message, timeout_s: float | None = None
    ) -> Response:
        """One call of a method of `stub` for the current user; raises the service's errors."""
        left_s = (timeout_s or self._timeout_s) - overhead_s
        return await rpc.call(method, request, user=current_user(), timeout_s=left_s)

    async def is_serving(self) -> bool:
        """Whether it answers that it takes work."""
        return await healthcheck.is_serving(self._channel)


@asynccontextmanager
async def open_backends(settings: GatewaySettings) -> AsyncIterator[MemoryBackend]:
    """Channels to all services; a service that is down is no error until it is called."""
    async with rpc.open_channel(settings.memory_target) as memory:
        yield MemoryBackend(memory, settings.call_timeout_s)
