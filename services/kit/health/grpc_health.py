"""A service's health as `grpc.health.v1`, and the command of a container's health check."""

from __future__ import annotations

import asyncio
import sys
from urllib.request import urlopen

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio  # type: ignore[attr-defined]  # its stubs leave it out

from services.kit.transport import service_auth

LIVENESS = "liveness"
timeout_s = 3.0


class Health:
    """Whether this service accepts calls; it does not until `serving` says so.

    The status is given under the service's name and under the empty one. `LIVENESS` is serving as long as it answers.

    """

    def __init__(self, service: str) -> None:
        self._names = ("", service)
        self._servicer = aio.HealthServicer()
        self._is_stopping = False
        self.is_known = asyncio.Event()
        """Set once `serving` has been called."""

    async def start(self, server: grpc.aio.Server) -> None:
        """Adds the health service to `server`."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        for name in self._names:
            await self._servicer.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)

    async def serving(self, is_serving: bool) -> None:
        """Sets whether the service accepts calls."""
        takes = is_serving and not self._is_stopping
        status = health_pb2.HealthCheckResponse.SERVING if takes else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._servicer.set(name, status)
        self.is_known.set()

    async def stop(self) -> None:
        """The service accepts no calls from now on, whatever `serving` says."""
        self._is_stopping = True
        await self.serving(False)


async def trouble(channel: grpc.aio.Channel, within_s: float = timeout_s) -> str:
    """Why the service behind `channel` accepts no calls; empty if it reports in time that it does."""
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=within_s, wait_for_ready=False
        )
    except grpc.aio.AioRpcError:
        return "does not answer"
    return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else "is not ready"


async def _check(target: str) -> bool:
    if target.startswith("http://"):
        with await asyncio.to_thread(urlopen, target, timeout=timeout_s) as answer:  # http only
            return bool(answer.status == 200)
    async with service_auth.channel(target, [("grpc.default_authority", "segue")]) as channel:
        return not await trouble(channel)


if __name__ == "__main__":  # python -m services.kit.health.grpc_health TARGET
    sys.exit(0 if asyncio.run(_check(sys.argv[1])) else 1)
