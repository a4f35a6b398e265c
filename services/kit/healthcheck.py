"""Health of a service as `grpc.health.v1`, and the command a container's health check runs."""

from __future__ import annotations

import asyncio
import sys
from urllib.request import urlopen

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio  # type: ignore[attr-defined]  # its stubs leave it out

from services.kit import trust

timeout_s = 3.0


class Health:
    """Whether this service takes work; starts as not serving."""

    def __init__(self) -> None:
        self._servicer = aio.HealthServicer()

    def register(self, server: grpc.aio.Server) -> None:
        """Adds the health service to `server`."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def serving(self, is_serving: bool) -> None:
        """Says whether work is taken."""
        status = health_pb2.HealthCheckResponse
        await self._servicer.set("", status.SERVING if is_serving else status.NOT_SERVING)


async def is_serving(channel: grpc.aio.Channel, within_s: float = timeout_s) -> bool:
    """Whether the service behind `channel` says, in time, that it takes work."""
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=within_s, wait_for_ready=False
        )
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _check(target: str) -> bool:
    if target.startswith("http://"):
        with await asyncio.to_thread(urlopen, target, timeout=timeout_s) as answer:  # http only
            return bool(answer.status == 200)
    async with trust.channel(target, [("grpc.default_authority", "segue")]) as channel:
        return await is_serving(channel)


if __name__ == "__main__":  # python -m services.kit.health TARGET
    sys.exit(0 if asyncio.run(_check(sys.argv[1])) else 1)
