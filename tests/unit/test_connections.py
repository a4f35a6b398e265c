"""What is tried again when a call was lost, on a real channel to a real server."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from services.kit import errors, rpc
from services.kit.healthcheck import Health
from services.pb import memory_pb2, memory_pb2_grpc, session_pb2_grpc


class Lossy(memory_pb2_grpc.MemoryServicer):
    """Loses the first two calls of each method."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    async def _lose(self, method: str, context: Any) -> None:
        self.calls[method] += 1
        if self.calls[method] <= 2:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "lost")

    async def Stats(self, _: Any, context: Any) -> memory_pb2.StatsResponse:  # noqa: N802
        await self._lose("Stats", context)
        return memory_pb2.StatsResponse(conversations=7)

    async def Store(self, _: Any, context: Any) -> memory_pb2.StoreResponse:  # noqa: N802
        await self._lose("Store", context)
        return memory_pb2.StoreResponse()


@pytest.fixture
async def lossy(tmp_path: Path) -> AsyncIterator[tuple[Lossy, str]]:
    servicer = Lossy()
    address = f"unix:{tmp_path}/lossy"

    def register(server: rpc.Server) -> None:
        memory_pb2_grpc.add_MemoryServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]

    async with rpc.open_server(address, register, Health("segue.memory.v1.Memory"), drain_s=1):
        yield servicer, address


async def test_a_lost_read_is_sent_again_and_a_lost_write_is_not(lossy: tuple[Lossy, str]) -> None:
    servicer, address = lossy
    async with rpc.open_channel(address, memory_pb2.DESCRIPTOR.services_by_name["Memory"]) as channel:
        stub = memory_pb2_grpc.MemoryStub(channel)  # type: ignore[no-untyped-call]
        stats = await rpc.call(stub.Stats, memory_pb2.StatsRequest(), user="ada", timeout_s=5)
        assert stats.conversations == 7
        with pytest.raises(errors.Unavailable):
            await rpc.call(stub.Store, memory_pb2.StoreRequest(), user="ada", timeout_s=5)
    assert servicer.calls == {"Stats": 3, "Store": 1}


async def test_a_service_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    async with rpc.open_channel(f"unix:{tmp_path}/nobody") as channel:
        stub = session_pb2_grpc.SessionStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(errors.Unavailable, match="does not answer"):
            await rpc.call(stub.Check, memory_pb2.CheckRequest(), user="ada", timeout_s=5)
