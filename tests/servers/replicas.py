"""The memory service and search replicas as processes of their own, on one PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from services.kit.health import grpc_health
from services.kit.transport import rpc
from tests.integration.stack import free_port
from tests.patience import PATIENCE_S, eventually


class ServiceProcess:
    """One `python -m services.memory`; without a model unless `settings` name one."""

    def __init__(self, serve: str, home: Path, log: IO[bytes], **settings: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._command = [sys.executable, "-m", "services.memory", "--serve", serve]
        self._environment = {
            **os.environ,
            "SEGUE_MEMORY_MODEL_BUILD": "false",
            "SEGUE_MEMORY_ADDRESS": self.address,
            "SEGUE_MEMORY_DIRECTORY": str(home),
            **settings,
        }
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=self._environment, stderr=self._log)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it as its operator does; its exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    async def serves(self) -> None:
        """Waits until it takes calls."""
        async with rpc.open_channel(self.address) as channel:

            async def is_ready() -> bool:
                assert self.process
                assert self.process.poll() is None, "it has ended"
                return not await grpc_health.trouble(channel)

            await eventually(is_ready, 0.1)


class ReplicaProcesses:
    """One that writes, and so many that answer searches."""

    def __init__(self, home: Path, url: str, count: int, **settings: str) -> None:
        self._log = (home / "replicas.log").open("ab")
        settings["SEGUE_MEMORY_DATABASE_URL"] = url
        self.memory = ServiceProcess("memory", home / "memory", self._log, **settings)
        self.replicas = [
            ServiceProcess("search", home / f"search{number}", self._log, **settings) for number in range(count)
        ]

    @property
    def _all(self) -> list[ServiceProcess]:
        return [self.memory, *self.replicas]

    async def __aenter__(self) -> ReplicaProcesses:
        for each in self._all:
            each.start()
        try:
            await asyncio.gather(*(each.serves() for each in self._all))
        except BaseException:
            self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        for each in reversed(self._all):
            with suppress(subprocess.TimeoutExpired):
                each.stop()
        self._log.close()
