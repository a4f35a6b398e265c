"""What is tried again when a call was lost, on a real channel to a real server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from services.kit import errors
from services.kit.health.grpc_health import Health
from services.kit.transport import rpc
from services.pb import memory_pb2, memory_pb2_grpc, session_pb2, session_pb2_grpc


class Lossy(memory_pb2_grpc.MemoryServicer):
    """Loses the first two calls of each method, by that status; one that checks takes for ever."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self.calls: Counter[str] = Counter()
        self.is_checking = asyncio.Event()
        self._status = status

    async def _lose(self, method: str, context: Any) -> None:
        self.calls[method] += 1
        if self.calls[method] <= 2:
            await context.abort(self._status, "lost")

    async def Stats(self, _: Any, context: Any) -> memory_pb2.StatsResponse:  # noqa: N802
        await self._lose("Stats", context)
        return memory_pb2.StatsResponse(conversations=7)

    async def Store(self, _: Any, context: Any) -> memory_pb2.StoreResponse:  # noqa: N802
        await self._lose("Store", context)
        return memory_pb2.StoreResponse()

    async def Check(self, _: Any, context: Any) -> memory_pb2.CheckResponse:  # noqa: N802, ARG002
        self.is_checking.set()
        await asyncio.sleep(60)
        return memory_pb2.CheckResponse()


@asynccontextmanager
async def serving(servicer: Lossy, address: str) -> AsyncIterator[str]:
    """Its address, until it ends without waiting for anything."""

    def register(server: rpc.Server) -> None:
        memory_pb2_grpc.add_MemoryServicer_to_server(servicer, server)

    async with rpc.open_server(address, register, Health("segue.memory.v1.Memory"), drain_s=0):
        yield address


@pytest.fixture(params=["unix", "in-process"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a server in another process, and of one in this: calls have the same outcome."""
    return f"{request.param}:{tmp_path}/lossy"


@pytest.fixture(params=[grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def lossy(request: pytest.FixtureRequest, address: str) -> AsyncIterator[tuple[Lossy, str]]:
    servicer = Lossy(request.param)  # type: ignore[abstract]  # what the test calls
    async with serving(servicer, address):
        yield servicer, address


async def test_a_lost_read_is_sent_again_and_a_lost_write_is_not(lossy: tuple[Lossy, str]) -> None:
    servicer, address = lossy
    async with rpc.open_channel(address, memory_pb2.DESCRIPTOR.services_by_name["Memory"]) as channel:
        stub = memory_pb2_grpc.MemoryStub(channel)
        stats = await rpc.call(stub.Stats, memory_pb2.StatsRequest(), user="ada", timeout_s=5)
        assert stats.conversations == 7
        with pytest.raises(errors.Unavailable):
            await rpc.call(stub.Store, memory_pb2.StoreRequest(), user="ada", timeout_s=5)
    assert servicer.calls == {"Stats": 3, "Store": 1}


async def test_a_service_that_ends_over_a_call_is_said_and_is_no_bug(address: str) -> None:
    servicer = Lossy(grpc.StatusCode.UNAVAILABLE)  # type: ignore[abstract]  # what the test calls
    async with AsyncExitStack() as ending:
        await ending.enter_async_context(serving(servicer, address))
        async with rpc.open_channel(address) as channel:
            stub = memory_pb2_grpc.MemoryStub(channel)
            calling = asyncio.create_task(rpc.call(stub.Check, memory_pb2.CheckRequest(), user="ada", timeout_s=30))
            await asyncio.wait_for(servicer.is_checking.wait(), 10)
            await ending.aclose()
            with pytest.raises(errors.Unavailable, match="does not answer"):
                await calling


async def test_a_service_that_is_not_there_is_said_at_once(address: str) -> None:
    async with rpc.open_channel(address) as channel:
        stub = session_pb2_grpc.SessionStub(channel)
        with pytest.raises(errors.Unavailable, match="does not answer"):
            await rpc.call(stub.Check, session_pb2.CheckRequest(), user="ada", timeout_s=5)
