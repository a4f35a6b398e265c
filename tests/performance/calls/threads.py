"""What the threads of a server spend, by their kind; and, by samples, in which part of Segue they spend it."""

from __future__ import annotations

import json
import os
import re
import signal
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tests.integration.stack import ROOT, ProcessStack
from tests.patience import PATIENCE_S

LOOP, REST = "event loop", "rest"
KINDS = {
    "MainThread": LOOP,
    "memory-index": "index",
    "embed": "embedder",
    "memory-reader": "readers",
    "memory-writer": "writer",
    "session-store": "session store",
}
"""By the beginning of a thread's name. The rest are others of Python's, and those of DuckDB, which have no name."""
PARTS = {
    "uvicorn": "door",
    "starlette": "door",
    "h11": "door",
    "httptools": "door",
    "sse_starlette": "door",
    "fastmcp": "FastMCP",
    "mcp": "FastMCP",
    "mcp_types": "FastMCP",
    "services.gateway": "gateway",
    "services.kit.transport": "hop",
    "services.pb": "hop",
    "grpc": "hop",
    "services.memory.embedder": "embedder",
    "services.memory.index": "index",
    "services.memory.storage": "store",
    "services.memory": "memory",
    "services.session": "sessions",
    "services.kit.observability": "telemetry",
    "opentelemetry": "telemetry",
}
"""By module: a sample counts for that of its innermost frame that is known, so a library for whoever called it."""

ROOTS = (*sorted((sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")), key=len, reverse=True), f"{ROOT}")
"""Where modules are, the longer path first."""
WATCH = "tests.performance.calls.watched_server:_"
WAITING = {"selectors:select", "threading:wait", "concurrent.futures.thread:_worker", "queue:get"}
_thread = re.compile(r"hread (0x\w+)")
_line = re.compile(r'  File "(?P<file>.*)", line \d+ in (?P<function>.*)')


class WatchedStack(ProcessStack):
    """`segue serve` that tells of its threads; without that, what `ProcessStack` is that shares nothing."""

    is_preloaded = False

    def __init__(self, data_dir: Path, **settings: str) -> None:
        super().__init__(data_dir, **settings)
        self._notes = tempfile.TemporaryDirectory()
        self.program = ("-m", "tests.performance.calls.watched_server", self._notes.name)
        self._kinds: dict[str, str] = {}

    def __exit__(self, *reason: object) -> None:
        super().__exit__(*reason)
        self._notes.cleanup()

    def learn_threads(self) -> None:
        """Asks which thread is which; those that begin later are of the rest."""
        names: dict[str, str] = json.loads(self._told("threads", signal.SIGUSR1))
        self._kinds = {number: _kind(name) for number, name in names.items()}

    def spent_ms(self) -> Counter[str]:
        """Processor time since the start, by kind of thread; of threads that have not ended."""
        assert self.process
        return spent_ms(self.process.pid, self._kinds)

    def begin_sampling(self) -> None:
        """Looks where the threads are, until `end_sampling`; what calls take meanwhile is no figure."""
        assert self.process
        os.kill(self.process.pid, signal.SIGUSR2)

    def end_sampling(self) -> list[str]:
        """Lines `thread;outermost;…;innermost microseconds`: each thread's processor time, divided among the stacks
        that it was seen in when it did not wait."""
        spent: dict[str, tuple[str, int]] = json.loads(self._told("spent", signal.SIGUSR2))
        seen = stacks((Path(self._notes.name) / "samples").read_text(encoding="utf-8", errors="replace"))
        found = []
        for thread, (name, nanoseconds) in spent.items():
            its = seen.get(thread) or Counter({"not sampled": 1})
            found += [
                f"{name};{stack} {nanoseconds * times // its.total() // 1000}" for stack, times in its.most_common()
            ]
        return found

    def _told(self, name: str, by: signal.Signals) -> str:
        assert self.process
        path = Path(self._notes.name) / name
        path.unlink(missing_ok=True)
        os.kill(self.process.pid, by)
        deadline = time.monotonic() + PATIENCE_S
        while not path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)  # it is written in one step
        return path.read_text(encoding="utf-8")


def spent_ms(pid: int, kinds: Mapping[str, str]) -> Counter[str]:
    """Processor time of a process by kind of thread, which is `rest` where a thread's number has none."""
    spent: Counter[str] = Counter()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            kind, nanoseconds = kinds.get(thread.name, REST), int((thread / "schedstat").read_text().split()[0])
            spent.update({kind: nanoseconds / 1e6})
    return spent


def stacks(samples: str) -> dict[str, Counter[str]]:
    """How often each thread was seen in which stack, outermost first, of what `faulthandler` wrote; not where it waits,
    and without what looked."""
    seen: dict[str, Counter[str]] = {}
    for sample in samples.split("\n\n"):
        head, *lines = sample.strip().splitlines() or [""]
        frames = [_frame(each["file"], each["function"]) for line in lines if (each := _line.match(line))]
        frames = [frame for frame in frames if not frame.startswith(WATCH)]
        if (thread := _thread.search(head)) and frames and frames[0] not in WAITING:
            seen.setdefault(thread[1], Counter())[";".join(frames[::-1])] += 1
    return seen


def _frame(file: str, function: str) -> str:
    """`package.module:function`."""
    for root in ROOTS:
        file = file.removeprefix(root)
    return f"{file.removesuffix('.py').removesuffix('/__init__').strip('/').replace('/', '.')}:{function}"


def parts(stacks: Iterable[str]) -> dict[str, float]:
    """What the event loop spends in each part, as a share of all it spends."""
    spent = Counter[str]()
    for line in stacks:
        stack, _, microseconds = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if _kind(thread) == LOOP:
            spent[_part(frames)] += int(microseconds)
    return {name: its / spent.total() for name, its in spent.most_common()}


def flames(call: str, stacks: Iterable[str]) -> Iterator[str]:
    """The lines of a flame graph: below the call the kinds of threads, and of the event loop what it runs alone."""
    for line in stacks:
        stack, _, microseconds = line.rpartition(" ")
        thread, *frames = stack.split(";")
        ran = max((place + 1 for place, frame in enumerate(frames) if frame == "asyncio.events:_run"), default=0)
        yield f"{';'.join([call, _kind(thread), *frames[ran:]])} {microseconds}"


def _kind(name: str) -> str:
    return next((kind for beginning, kind in KINDS.items() if name.startswith(beginning)), REST)


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        module = frame.partition(":")[0]
        while module:
            if module in PARTS:
                return PARTS[module]
            module = module.rpartition(".")[0]
    return "asyncio"
