"""A thread for each of many, of a few that all of them share: what one gives is done one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from threading import Lock
from typing import Any, TypeVar

Result = TypeVar("Result")


class Turns(Executor):
    """Does what it is given in that order, each piece as a turn of its own, so that others have theirs in between."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._lock = Lock()
        self._is_at_work = False

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """The future of the work's result."""
        future: Future[Result] = Future()
        with self._lock:
            self._waiting.append((future, partial(fn, *args, **kwargs)))
            if self._is_at_work:
                return future
            self._is_at_work = True
        self._threads.submit(self._take_turn)
        return future

    def _take_turn(self) -> None:
        with self._lock:
            future, work = self._waiting.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # it is the caller's
                future.set_exception(error)
        with self._lock:
            if not self._waiting:
                self._is_at_work = False
                return
        self._threads.submit(self._take_turn)
