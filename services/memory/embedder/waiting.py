"""The queue of texts that wait for the model: its limit and its order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import RateLimited
from services.kit.observability import telemetry
from services.memory.embedder import DIMENSIONS

# A request of up to this many texts is interactive; a larger one is an import.
INTERACTIVE_TEXTS_MAX = 8
# Texts a worker takes at once: enough to make the thread switch negligible, few enough (about 40 ms) that a query can
# wait for them.
_BATCH_TEXTS_MAX = 8
_BATCH_CHARACTERS_MAX = 2_000


@dataclass(eq=False)
class Request:
    """The texts of one caller. Workers fill `embeddings`; `done` is resolved on the event loop when all are in."""

    texts: Sequence[str]
    done: asyncio.Future[None]
    embeddings: NDArray[np.float32] = field(init=False)
    token_counts: list[int] = field(init=False)
    taken: int = 0
    finished: int = 0

    def __post_init__(self) -> None:
        self.embeddings = np.empty((len(self.texts), DIMENSIONS), dtype=np.float32)
        self.token_counts = [0] * len(self.texts)

    @property
    def is_interactive(self) -> bool:
        """Whether a user waits for it."""
        return len(self.texts) <= INTERACTIVE_TEXTS_MAX


Position = tuple[Request, int]


class WaitingTexts:
    """First in, first out, but small requests before all larger ones. Used on the event loop only."""

    def __init__(self, texts_max: int) -> None:
        self._texts_max = texts_max
        self._count = 0
        self._interactive: deque[Request] = deque()
        self._bulk: deque[Request] = deque()

    def __len__(self) -> int:
        return self._count

    def put(self, request: Request) -> None:
        """Raises RateLimited if the request does not fit."""
        if self._count + len(request.texts) > self._texts_max:
            raise RateLimited(
                f"{self._count} texts wait to be embedded, {len(request.texts)} more would pass {self._texts_max}",
                "send fewer texts at once, or try again in a moment",
            )
        self._count_waiting(len(request.texts))
        self._queue(request).append(request)

    def take(self) -> list[Position]:
        """The next texts for a worker, empty if none are waiting."""
        batch: list[Position] = []
        queue = self._interactive or self._bulk
        characters = 0
        while queue and len(batch) < _BATCH_TEXTS_MAX and characters < _BATCH_CHARACTERS_MAX:
            request = queue[0]
            batch.append((request, request.taken))
            characters += len(request.texts[request.taken])
            request.taken += 1
            if request.taken == len(request.texts):
                queue.popleft()
        self._count_waiting(-len(batch))
        return batch

    def drop(self, request: Request) -> None:
        """Removes the request's texts that are still waiting."""
        remaining = len(request.texts) - request.taken
        if remaining:
            self._queue(request).remove(request)
            self._count_waiting(-remaining)
            request.taken = len(request.texts)

    def drop_all(self) -> list[Request]:
        """Empties the queue and returns the requests that were in it."""
        requests = [*self._interactive, *self._bulk]
        for request in requests:
            self.drop(request)
        return requests

    def _count_waiting(self, more: int) -> None:
        self._count += more
        telemetry.waiting("embedding_queue").add(more)

    def _queue(self, request: Request) -> deque[Request]:
        return self._interactive if request.is_interactive else self._bulk
