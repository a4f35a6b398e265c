"""`end` when memory does not take the handoff: it is ended all the same, and says what becomes of the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from services.gateway.app import open_gateway
from services.gateway.config import GatewaySettings
from services.kit import errors
from services.kit.health.grpc_health import Health
from services.kit.transport import rpc
from services.pb import memory_pb2, memory_pb2_grpc
from services.session.app import open_session
from services.session.config import SessionSettings


class Refusing(memory_pb2_grpc.MemoryServicer):
    """Finds nothing, and stores nothing for as long as there is a `trouble`."""

    trouble: Exception | None = None
    stored = 0

    async def Search(self, *_: object) -> memory_pb2.SearchResponse:  # noqa: N802
        return memory_pb2.SearchResponse(search_strategy="hybrid")

    async def List(self, *_: object) -> memory_pb2.ListResponse:  # noqa: N802
        return memory_pb2.ListResponse()

    async def Store(self, request: memory_pb2.StoreRequest, _: object) -> memory_pb2.StoreResponse:  # noqa: N802
        if self.trouble:
            raise self.trouble
        self.stored += len(request.memories)
        return memory_pb2.StoreResponse(outcomes=[memory_pb2.StoreOutcome() for _ in request.memories])


@asynccontextmanager
async def gateway(directory: Path, memory: Refusing) -> AsyncIterator[str]:
    """A gateway with that memory service; its address."""
    session, address, nowhere = (f"unix:{directory}/{name}" for name in ("session", "memory", "nowhere"))

    def register(server: rpc.Server) -> None:
        memory_pb2_grpc.add_MemoryServicer_to_server(memory, server)

    targets: dict[str, Any] = {"session_target": session, "memory_target": address, "quality_target": nowhere}
    async with (
        rpc.open_server(address, register, Health("segue.memory.v1.Memory"), drain_s=0),
        open_session(SessionSettings(address=session, directory=directory)),
        open_gateway(GatewaySettings(port=0, **targets)) as opened,
    ):
        yield opened.url


async def end_of_session(url: str, session: str) -> dict[str, Any]:
    async with Client(url) as mcp:
        asked = {"session_id": session, "summary": "The parser works."}
        content: dict[str, Any] = (await mcp.call_tool("end", asked)).structured_content
        return content


async def session_of(url: str) -> str:
    async with Client(url) as mcp:
        begun = await mcp.call_tool("init", {"working_directory": "/elsewhere/shop"})
        name: str = begun.structured_content["session_id"]
        return name


@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble",
    [
        errors.Unavailable("It does not answer."),
        errors.DeadlineExceeded("It took too long."),
        errors.NotReady("It starts."),
        errors.RateLimited("Too many writes are waiting."),
        errors.OverQuota("There is no room."),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_what_a_later_attempt_can_store_is_pending_once_and_then_stored(
    tmp_path: Path, trouble: errors.ServiceError
) -> None:
    memory = Refusing()  # type: ignore[abstract]  # what the test calls
    async with gateway(tmp_path, memory) as url:
        session = await session_of(url)
        memory.trouble = trouble
        ended = await end_of_session(url, session)
        assert "The parser works." in ended["handoff"]
        assert len(ended["pending"]) == 1
        assert ended["memory_trouble"]
        assert await end_of_session(url, session) == ended
        memory.trouble = None
        await session_of(url)
        assert memory.stored == 1
        assert (await end_of_session(url, session))["pending"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble",
    [
        errors.InvalidInput("All of it is private."),
        errors.TooLarge("content has too many bytes."),
        errors.Denied("Not here."),
        RuntimeError("a bug"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
async def test_what_can_never_be_stored_is_told_and_not_kept(tmp_path: Path, trouble: Exception) -> None:
    memory = Refusing()  # type: ignore[abstract]  # what the test calls
    async with gateway(tmp_path, memory) as url:
        session = await session_of(url)
        memory.trouble = trouble
        ended = await end_of_session(url, session)
        assert "The parser works." in ended["handoff"]
        assert (ended["pending"], ended["memory_persisted"]) == ([], False)
        assert ended["memory_trouble"]
        assert "a bug" not in ended["memory_trouble"]


async def test_something_pending_that_turns_out_never_to_be_stored_does_not_stay_for_ever(tmp_path: Path) -> None:
    memory = Refusing()  # type: ignore[abstract]  # what the test calls
    async with gateway(tmp_path, memory) as url:
        session = await session_of(url)
        memory.trouble = errors.Unavailable("It does not answer.")
        assert (await end_of_session(url, session))["pending"]
        memory.trouble = errors.TooLarge("content has too many bytes.")
        ended = await end_of_session(url, session)
        assert ended["pending"] == []
        assert "too many bytes" in ended["memory_trouble"]
