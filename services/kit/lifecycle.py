"""Runs a process: opens everything, waits for a signal, closes in reverse order.

SIGTERM or SIGINT: not ready, then drain, then close. A second signal exits at once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.kit.systems import raise_open_files

logger = logging.getLogger(__name__)

young_max = 10_000
"""Objects made since the garbage collector last looked through the young ones: a call makes some thousand that end with
it, which Python's own 700 would look through several times."""


class App(Protocol):
    """A running service."""

    async def stop_accepting(self) -> None:
        """Reports the app as not ready, so that no new work arrives; leaving its context then drains."""
        ...


async def run_until_signalled(app: AbstractAsyncContextManager[App], stop: asyncio.Event | None = None) -> None:
    """Runs `app` until SIGTERM, SIGINT or `stop`."""
    os.umask(0o077)  # what a service writes is its owner's alone
    raise_open_files()
    stop = stop or asyncio.Event()
    _on_signals(stop)
    gc.disable()  # what is imported and opened stays: to look through it for garbage takes a sixth of the start
    async with app as running:
        gc.freeze()
        gc.enable()
        gc.set_threshold(young_max)
        await stop.wait()
        logger.info("stopping")
        await running.stop_accepting()
    gc.unfreeze()  # else what is left of DuckDB's connections is reported on the terminal as a leak


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def request_stop(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, request_stop, number)
