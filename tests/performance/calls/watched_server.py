"""`python -m tests.performance.calls.watched_server NOTES serve`: a `segue` that tells of its threads on signals.

SIGUSR1 writes the threads' names by their numbers in the system, as JSON, to NOTES/threads. SIGUSR2 begins to sample
where the threads are, into NOTES/samples, as `faulthandler` writes it, and the next one writes NOTES/spent: by thread,
as `faulthandler` calls it, its name and its nanoseconds of processor time meanwhile. Samples are taken on the main
thread between two of its bytecodes, wherever it is; another thread is seen where it lets go of the interpreter next.
`faulthandler` holds the interpreter while it looks: walking the frames of a thread that runs on is not safe.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

interval_s = 0.001
"""Of the process's processor time; Linux looks at its ticks, some four milliseconds apart."""
switch_s = 0.0001
"""How soon another thread has to let the main thread look at it; Python's own 5 ms are longer than most of the work."""


class Watch:
    """Answers the signals. Its methods run on the main thread alone."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self._samples: IO[bytes] | None = None
        self._began: dict[int, int] = {}
        self._unused_ns = 0
        self._wakeup, self._switch_s = -1, sys.getswitchinterval()

    def begin(self) -> None:
        signal.signal(signal.SIGUSR1, self._tell)
        signal.signal(signal.SIGUSR2, self._turn)
        signal.signal(signal.SIGPROF, self._look)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})  # for threads to come: the main thread shall get it

    def _tell(self, *_: object) -> None:
        self._write("threads", {each.native_id: each.name for each in threading.enumerate()})

    def _turn(self, *_: object) -> None:
        if self._samples:
            self._end()
            return
        self._samples = (self._notes / "samples").open("wb")
        self._began, self._unused_ns = _clocks(), 0
        self._wakeup = signal.set_wakeup_fd(-1)  # else each sample would be a turn of the event loop
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
        sys.setswitchinterval(switch_s)
        signal.setitimer(signal.ITIMER_PROF, interval_s, interval_s)

    def _end(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF})
        sys.setswitchinterval(self._switch_s)
        signal.set_wakeup_fd(self._wakeup)
        names = {each.ident: each.name for each in threading.enumerate()}
        spent = {thread: clock - self._began.get(thread, 0) for thread, clock in _clocks().items()}
        spent[threading.get_ident()] -= self._unused_ns
        if self._samples:
            self._samples.close()
            self._samples = None
        self._write("spent", {f"{thread:#018x}": (names.get(thread, "?"), its) for thread, its in spent.items()})

    def _look(self, *_: object) -> None:
        began = time.thread_time_ns()
        if self._samples:
            faulthandler.dump_traceback(self._samples, all_threads=True)
            os.write(self._samples.fileno(), b"\n")
        self._unused_ns += time.thread_time_ns() - began

    def _write(self, name: str, content: object) -> None:
        draft = self._notes / f"{name}.draft"
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(self._notes / name)


def _clocks() -> dict[int, int]:
    """Nanoseconds of processor time by thread; who holds the interpreter sees no thread end."""
    return {thread: time.clock_gettime_ns(time.pthread_getcpuclockid(thread)) for thread in sys._current_frames()}


if __name__ == "__main__":
    from services.cli.__main__ import main

    os.umask(0o077)
    Watch(Path(sys.argv[1])).begin()
    sys.exit(main(sys.argv[2:]))
