"""The client on stdin and stdout: output to it, and whether it is still alive.

A client that exits closes stdin, or sends a signal. One that is killed may leave both pipes open in a child of its own;
this process then gets another parent, which is checked every two seconds.
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
    """The client has exited; raised in the main thread, wherever it is blocked."""


class Output:
    """Writes lines to stdout without Python's buffers: a thread that is killed at exit must not hold their lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        """Writes the whole line; blocks while the client does not read."""
        with self._lock:
            rest = memoryview(line + b"\n")
            try:
                while rest:
                    rest = rest[os.write(1, rest) :]
            except BrokenPipeError:  # the client is gone: make no more calls on its behalf
                leave()


def leave() -> None:
    """Have the main thread end the session."""
    os.kill(os.getpid(), HANG_UP)


def while_client_lives(work: Callable[[], None]) -> None:
    """Runs `work` in the main thread; raises ClientGone in it once, on a signal or when the parent exits."""
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
    """Writes a line to stderr, without the content of messages."""
    with contextlib.suppress(OSError):
        os.write(2, f"segue connect: {' '.join(text.split())}\n".encode())
