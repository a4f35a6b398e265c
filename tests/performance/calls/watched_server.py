"""`python -m tests.performance.calls.watched_server NOTES serve`: a `segue` that tells of its threads on signals.

SIGUSR1 writes the threads' names by their numbers in the system, as JSON, to NOTES/threads. SIGUSR2 begins to sample
where the threads are, and the next one writes what was found to NOTES/stacks, in lines `thread;outermost;…;innermost
microseconds`: the processor time of each thread, divided among the stacks that it was seen in when it did not wait.
Samples are taken on the main thread, between two of its bytecodes, wherever it is; of another thread they show where it
let go of the interpreter last.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

interval_s = 0.001
"""Of the process's processor time; Linux looks at its ticks, some four milliseconds apart."""
WAITING = ("selectors:EpollSelector.select", "threading:Condition.wait", "concurrent.futures.thread:_worker")


class Watch:
    """Answers the signals. Its methods run on the main thread alone."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self._seen = Counter[tuple[int, str]]()
        self._began: dict[int, int] = {}
        self._unused_ns = 0
        self._wakeup = -1

    def begin(self) -> None:
        signal.signal(signal.SIGUSR1, self._tell)
        signal.signal(signal.SIGUSR2, self._turn)
        signal.signal(signal.SIGPROF, self._look)

    def _tell(self, *_: object) -> None:
        self._write("threads", json.dumps({each.native_id: each.name for each in threading.enumerate()}))

    def _turn(self, *_: object) -> None:
        if not self._began:
            self._seen.clear()
            self._began, self._unused_ns = _clocks(), 0
            self._wakeup = signal.set_wakeup_fd(-1)  # else each sample would be a turn of the event loop
            signal.setitimer(signal.ITIMER_PROF, interval_s, interval_s)
            return
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.set_wakeup_fd(self._wakeup)
        self._write("stacks", "".join(f"{stack} {spent // 1000}\n" for stack, spent in self._spent().items()))
        self._began = {}

    def _look(self, _: int, here: FrameType | None) -> None:
        began, main = time.thread_time_ns(), threading.get_ident()
        for thread, frame in sys._current_frames().items():
            stack = _stack(here if here and thread == main else frame)
            if not stack.endswith(WAITING):
                self._seen[thread, stack] += 1
        self._unused_ns += time.thread_time_ns() - began

    def _spent(self) -> Counter[str]:
        """Nanoseconds by thread and stack."""
        names = {each.ident: each.name for each in threading.enumerate()}
        spent = Counter[str]()
        for thread, clock in _clocks().items():
            took = clock - self._began.get(thread, 0)
            took -= self._unused_ns if thread == threading.get_ident() else 0
            seen = {stack: times for (its, stack), times in self._seen.items() if its == thread} or {"not sampled": 1}
            for stack, times in seen.items():
                spent[f"{names.get(thread, '?')};{stack}"] += took * times // sum(seen.values())
        return spent

    def _write(self, name: str, text: str) -> None:
        draft = self._notes / f"{name}.draft"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._notes / name)


def _clocks() -> dict[int, int]:
    """Nanoseconds of processor time by thread; who holds the interpreter sees no thread end."""
    return {thread: time.clock_gettime_ns(time.pthread_getcpuclockid(thread)) for thread in sys._current_frames()}


def _stack(innermost: FrameType) -> str:
    """Modules and functions, outermost first."""
    found, frame = list[str](), innermost
    while True:
        found.append(f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}")
        if frame.f_back is None:
            return ";".join(found[::-1])
        frame = frame.f_back


if __name__ == "__main__":
    from services.cli.__main__ import main

    os.umask(0o077)
    Watch(Path(sys.argv[1])).begin()
    sys.exit(main(sys.argv[2:]))
