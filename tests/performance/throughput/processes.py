"""`python -m tests.performance.throughput.processes DATA [CLIENTS]`: one process beside a process for each service.

`DATA` is the data directory of a server that ended, and is not written to: each side gets a copy. Both are asked in
turns: new searches of one client, and of several at once, who have connections of their own and no library for the
protocol.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from tests.integration.stack import ProcessStack, free_port
from tests.patience import PATIENCE_S, until
from tests.performance.calls.plain_client import PlainClient
from tests.performance.calls.threads import LOOP, REST, spent_ms
from tests.performance.rows import Row, spread
from tests.performance.searches import asked

SERVICES = ("session", "quality", "memory", "gateway")
rounds, of_one, of_each = 6, 40, 15


class Processes:
    """The services on a data directory, each a process of its own; they call each other through sockets of files."""

    def __init__(self, data: Path) -> None:
        self._data, self._port = data, free_port()
        address = {name: f"unix:{data / name}.sock" for name in SERVICES[:3]}
        self._settings = {
            **{f"SEGUE_{name.upper()}_ADDRESS": its for name, its in address.items()},
            **{f"SEGUE_{name.upper()}_DIRECTORY": str(data / name) for name in address},
            **{f"SEGUE_GATEWAY_{name.upper()}_TARGET": its for name, its in address.items()},
            "SEGUE_GATEWAY_PORT": str(self._port),
        }
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/mcp"

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in zip(SERVICES, self._running, strict=True)}

    def __enter__(self) -> Self:
        for name in SERVICES:
            words = [sys.executable, "-m", f"services.{name}"]
            self._running.append(subprocess.Popen(words, env=os.environ | self._settings))
        until(self._is_ready)
        return self

    def _is_ready(self) -> bool:
        with suppress(OSError), urlopen(self.url.removesuffix("mcp") + "ready", timeout=PATIENCE_S):
            return True
        return False

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.terminate()
            process.wait(PATIENCE_S)


@dataclass
class Side:
    """What is measured of one of the two."""

    url: str
    pids: dict[str, int]
    wall_ms: list[float] = field(default_factory=list)
    spent_ms: Counter[str] = field(default_factory=Counter)
    rates: list[float] = field(default_factory=list)
    at_once_ms: list[float] = field(default_factory=list)
    """Processor time of a search beside others."""

    @property
    def all_ms(self) -> float:
        """Processor time of a search alone."""
        return self.spent_ms.total() / len(self.wall_ms)

    def measure(self, turn: int, clients: int) -> None:
        """Adds a turn."""
        before = self._spent()
        took = _search(self.url, f"{turn} alone", of_one)
        middle = self._spent()
        rate = _rate(self.url, turn, clients)
        if turn < 0:  # it warms up
            return
        self.wall_ms += took
        self.spent_ms += middle - before
        self.rates.append(rate)
        self.at_once_ms.append((self._spent() - middle).total() / clients / of_each)

    def _spent(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for name, pid in self.pids.items():
            its = spent_ms(pid, {str(pid): LOOP})
            found.update({f"{name}, event loop": its[LOOP], f"{name}, other threads": its[REST]})
        return found


def rows(data: Path, clients: int) -> Iterator[Row]:
    """The lines of the report."""
    with tempfile.TemporaryDirectory() as name:
        copies = [Path(shutil.copytree(data, Path(name) / each, symlinks=True)) for each in ("one", "several")]
        with ProcessStack(copies[0]) as one, Processes(copies[1]) as several:
            assert one.process
            sides = {
                "one process": Side(one.url, {"all": one.process.pid}),
                "a process for each service": Side(several.url, several.pids),
            }
            for turn in range(-1, rounds):
                for side in sides.values():
                    side.measure(turn, clients)
    first = sides["one process"]
    for name, side in sides.items():
        yield from _lines(name, side, first, clients)


def _lines(name: str, side: Side, first: Side, clients: int) -> Iterator[Row]:
    wall, rate = spread(side.wall_ms).p50, statistics.median(side.rates)
    of_first = wall / spread(first.wall_ms).p50
    yield Row(f"{name}: a new search, p50", wall, "ms", f"{of_first:.2f} x one process")
    yield Row(f"{name}: its processor time", side.all_ms, "ms", f"{side.all_ms / first.all_ms:.2f} x one process")
    for thread, its in side.spent_ms.items():
        yield Row(f"{name}: of it {thread}", its / len(side.wall_ms), "ms")
    of_first = rate / statistics.median(first.rates)
    yield Row(f"{name}: {clients} clients at once", rate, "searches/s", f"{of_first:.2f} x one process")
    yield Row(f"{name}: processor time of one of these", statistics.median(side.at_once_ms), "ms")


def _search(url: str, name: str, count: int) -> list[float]:
    """Milliseconds of each."""
    client, took = PlainClient(url), []
    for number in range(count):
        began = time.perf_counter()
        client.call("reflect_on_past", asked(f"{name} {number}"))
        took.append((time.perf_counter() - began) * 1e3)
    client.close()
    return took


def _rate(url: str, turn: int, clients: int) -> float:
    """Searches a second of so many clients."""

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(lambda number: _search(url, f"{turn} at once {number}", of_each), range(clients)))
    return clients * of_each / (time.perf_counter() - began)


def main() -> None:
    """Prints the rows."""
    ProcessStack.is_preloaded = False
    for row in rows(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8):
        print(f"{row.name:60} {row.value:8.2f} {row.unit:10} {row.note}", flush=True)


if __name__ == "__main__":
    main()
