"""The client at the other end of stdin and stdout: what is written to it, and whether it is still there.

A client that ends closes stdin, or signals. One that is killed may leave both pipes open in a child of its own; then
this process has another parent than before, which is looked for every two seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

PARENT_LOOK_S = 2.0
HANG_UP = getattr(signal, "SIGHUP", signal.SIGTERM)  # which Windows does not have
SIGNALS = tuple(dict.fromkeys((HANG_UP, signal.SIGINT, signal.SIGTERM)))


class ClientGone(BaseException):
    """Nobody is there to answer to; raised in the main thread, whatever it waits for."""


class Output:
    """Lines of stdout, past Python's buffers: a thread that is cut short at exit must not hold their lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        """Write the line whole; waits while the client does not read."""
        with self._lock:
            rest = memoryview(line + b"\n")
            try:
                while rest:
                    rest = rest[os.write(1, rest) :]
            except BrokenPipeError:  # answers reach nobody: so no more calls are made in its name
                leave()


def leave() -> None:
    """Have the main thread end the session."""
    os.kill(os.getpid(), HANG_UP)


def while_client_lives(work: Callable[[], None]) -> None:
    """Do the work, in the main thread; ClientGone is raised in it once, when a signal comes or the parent ends."""
    with contextlib.suppress(ClientGone):
        for number in SIGNALS:
            signal.signal(number, _raise_client_gone)
        threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
        work()


def _raise_client_gone(number: int, frame: object) -> None:
    del number, frame
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)  # a second one ends this process at once
    raise ClientGone


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_S)
    leave()


def note(text: str) -> None:
    """A line on stderr, which never tells what a message says."""
    with contextlib.suppress(OSError):
        os.write(2, f"segue connect: {' '.join(text.split())}\n".encode())
