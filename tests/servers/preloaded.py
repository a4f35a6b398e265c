"""`segue serve` without its imports, which are most of its start: a process that has them forks each server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.reduction import DupFd
from typing import IO, Any

_modules = (
    "services.cli.__main__",
    "services.cli.commands.serve",
    "services.embedded",
    "services.gateway.app",
    "tests.servers.preloaded",
)


class PreloadedServer:
    """What `subprocess.Popen` offers of a `segue` with these arguments, and with no other environment than this."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], stderr: IO[str] | None) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(list(_modules))
        read, write = os.pipe()
        self.stdout = os.fdopen(read, encoding="utf-8")
        streams = Streams(write, stderr.fileno() if stderr else 2)
        self._process = context.Process(target=_serve, args=(arguments, dict(environment), streams), daemon=True)
        self._process.start()
        os.close(write)

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("segue serve", timeout or 0)
        return self._process.exitcode

    def send_signal(self, signal: int) -> None:
        if self._process.is_alive():
            os.kill(self.pid, signal)

    def kill(self) -> None:
        self._process.kill()


class Streams:
    """The descriptors of a server's output, which go along to the process that is forked."""

    def __init__(self, *descriptors: int) -> None:
        self._descriptors = descriptors

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, tuple(DupFd(each) for each in self._descriptors)

    def take(self) -> None:
        """Makes them this process's own."""
        for number, descriptor in enumerate(self._descriptors, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))


def _received(*descriptors: Any) -> Streams:
    return Streams(*(each.detach() for each in descriptors))


def _serve(arguments: Sequence[str], environment: dict[str, str], streams: Streams) -> None:
    from services.cli.__main__ import main

    streams.take()
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main(arguments))
