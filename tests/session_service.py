"""The session service behind its gRPC door, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from services.kit.transport import rpc
from services.pb import session_pb2 as pb
from services.pb.session_pb2_grpc import SessionStub
from services.session.app import open_session
from services.session.config import SessionSettings
from services.session.operations.events import EVERY, Emitter, Event

Response = TypeVar("Response", bound=Message)


class SessionClient:
    """Calls as a user does; `events` is what the service's emitter told."""

    def __init__(self, stub: SessionStub, events: list[Event]) -> None:
        self._stub = stub
        self.events = events

    async def __call__(self, request: Message, user: str = "ada") -> Any:
        """The answer to `request`, whose type says which method is meant."""
        method = getattr(self._stub, type(request).__name__.removesuffix("Request"))
        return await rpc.call(method, request, user=user, timeout_s=30)

    async def start(self, directory: str = "/work/a", user: str = "ada", **fields: Any) -> pb.SessionState:
        """A session in `directory`."""
        request = pb.InitRequest(which=pb.Which(working_directory=directory), **fields)
        answer = await self(request, user)
        session: pb.SessionState = answer.session
        return session


@asynccontextmanager
async def open_service(
    directory: Path, emitter: Emitter | None = None, **settings: Any
) -> AsyncIterator[SessionClient]:
    """A service on `directory` and a client of it."""
    address = f"unix:{directory}/session.sock"
    events: list[Event] = []
    emitter = emitter or Emitter()

    async def keep(event: Event) -> None:
        events.append(event)

    emitter.on(EVERY, keep)
    made = SessionSettings(address=address, directory=directory, **settings)
    async with open_session(made, emitter), rpc.open_channel(address) as channel:
        yield SessionClient(SessionStub(channel), events)
