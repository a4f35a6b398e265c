"""All that search reads, kept together: catalogue, words and vectors, changed and searched by one thread.

Derived from the store: it is built from it at start, and every committed change is told to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace

from services.memory.index.catalogue import Catalogue, Entry, Slots
from services.memory.index.vectors import Vectors
from services.memory.index.words import Words
from services.memory.store import Embedded
from services.memory.text import terms

depth = 200
"""Candidates taken from each signal; a right answer below that in all of them is not found."""
reach = 2
"""Neighbours in the session, to each side, that become candidates with a memory."""

Result = TypeVar("Result")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A committed memory on its way into the index; vectors are float16 bytes, empty where there are none."""

    entry: Entry
    content: str
    content_vector: bytes = b""
    context_vector: bytes = b""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a search ranks: arrays of one length, a value for each candidate. No vector signals without a query vector.

    `words` and `session_words` are BM25 scores; `vector` and `context_vector` cosines; `session` is -1 without one;
    `position` counts within the session; `total` is how many memories matched in any way.
    """

    sequence: NDArray[np.int64]
    words: Floats
    session_words: Floats
    vector: Floats | None
    context_vector: Floats | None
    session: NDArray[np.int64]
    position: NDArray[np.int64]
    timestamp_s: Floats
    embedded: NDArray[np.bool_]


class MemoryIndex:
    """Opened with `with`; empty at first."""

    def __init__(self, dimensions: int) -> None:
        self._catalogue = Catalogue()
        self._words = Words()
        self._content = Vectors(dimensions)
        self._context = Vectors(dimensions)
        self._thread = ThreadPoolExecutor(1, "memory-index")
        self._tracer = trace.get_tracer("segue.memory")

    def __enter__(self) -> MemoryIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    async def _run(self, name: str, work: Callable[[], Result]) -> Result:
        with self._tracer.start_as_current_span(f"index.{name}"):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def add(self, entries: Sequence[NewEntry]) -> None:
        """Makes committed memories findable; one that is known already is left as it is."""
        await self._run("add", lambda: self._add(entries))

    def _add(self, entries: Sequence[NewEntry]) -> None:
        fresh = [each for each in entries if self._catalogue.slot(each.entry.sequence) is None]
        self._catalogue.add([each.entry for each in fresh])
        self._words.append([terms(each.content) for each in fresh])
        self._content.append([each.content_vector for each in fresh])
        self._context.append([each.context_vector for each in fresh])

    async def embed(self, embedded: Sequence[Embedded]) -> None:
        """Gives memories that are indexed their vectors."""

        def put() -> None:
            known = [(slot, each) for each in embedded if (slot := self._catalogue.slot(each.sequence)) is not None]
            slots = np.asarray([slot for slot, _ in known], np.int64)
            self._content.put(slots, [each.content_vector for _, each in known])
            self._context.put(slots, [each.context_vector for _, each in known])

        await self._run("embed", put)

    async def remove(self, sequences: Iterable[int]) -> None:
        """Forgets memories."""
        await self._run("remove", lambda: self._catalogue.remove(sequences))

    async def latest(self, user: str, project: str, session_id: str, before_s: float) -> int | None:
        """The sequence of the session's last memory not later than `before_s` (seconds since 1970)."""

        def look() -> int | None:
            slot = self._catalogue.latest(user, project, session_id, before_s)
            return None if slot is None else self._sequence(slot)

        return await self._run("latest", look)

    async def around(self, sequence: int, count: int) -> tuple[list[int], list[int]]:
        """The sequences of up to `count` memories before and after, in the order of time."""

        def look() -> tuple[list[int], list[int]]:
            slot = self._catalogue.slot(sequence)
            before, after = self._catalogue.around(slot, count) if slot is not None else ([], [])
            return [self._sequence(each) for each in before], [self._sequence(each) for each in after]

        return await self._run("around", look)

    def _sequence(self, slot: int) -> int:
        return int(self._catalogue.column("sequence")[slot])

    async def candidates(
        self, user: str, project: str, query_terms: Sequence[str], query: NDArray[np.float32] | None
    ) -> Candidates:
        """The signals of all that may answer: the best by words and by both vectors, and their neighbours."""
        return await self._run("candidates", lambda: self._candidates(user, project, query_terms, query))

    def _candidates(
        self, user: str, project: str, query_terms: Sequence[str], query: NDArray[np.float32] | None
    ) -> Candidates:
        allowed = self._catalogue.select(user, project)
        words = self._words.scores(query_terms, allowed)
        groups = self._groups(allowed)
        sessions = self._words.group_scores(query_terms, allowed, groups)
        content = self._content.scores(query, allowed) if query is not None else None
        context = self._context.scores(query, allowed) if query is not None else None
        chosen = self._chosen(allowed, [each for each in (words, content, context) if each is not None])
        places = np.searchsorted(allowed, chosen)
        return Candidates(
            sequence=self._catalogue.column("sequence")[chosen],
            words=words[places].astype(np.float64),
            session_words=sessions[places].astype(np.float64),
            vector=None if content is None else content[places].astype(np.float64),
            context_vector=None if context is None else context[places].astype(np.float64),
            session=groups[places],
            position=np.asarray([self._catalogue.position(slot) for slot in chosen.tolist()], np.int64),
            timestamp_s=self._catalogue.column("timestamp_s")[chosen],
            embedded=self._content.present(chosen),
        )

    def _groups(self, slots: Slots) -> NDArray[np.int64]:
        """Sessions numbered from 0 among `slots`; -1 without one."""
        sessions = self._catalogue.column("session")[slots]
        if not len(sessions):
            return np.zeros(0, np.int64)
        known, numbers = np.unique(sessions, return_inverse=True)
        return np.asarray(numbers - (known[0] < 0), np.int64)

    def _chosen(self, allowed: Slots, signals: Sequence[NDArray[np.float32]]) -> Slots:
        """The slots of the best by any signal that is above 0, with their neighbours; ascending."""
        chosen: set[int] = set()
        for scores in signals:
            hit = np.flatnonzero(scores > 0)
            if len(hit) > depth:
                hit = hit[np.argpartition(-scores[hit], depth)[:depth]]
            chosen.update(allowed[hit].tolist())
        for slot in list(chosen):
            before, after = self._catalogue.around(slot, reach)
            chosen.update(before, after)
        return np.asarray(sorted(chosen), np.int64)
