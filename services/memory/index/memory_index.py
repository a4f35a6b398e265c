"""All that search reads, kept together: catalogue, words and vectors, changed and searched by one thread.

Derived from the store: it is built from it at start, and every committed change is told to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from opentelemetry import trace

from services.memory.changes import Embedded
from services.memory.index.catalogue import Catalogue, Slots
from services.memory.index.entries import NewEntry
from services.memory.index.labels import Labels
from services.memory.index.session_vectors import SessionVectors
from services.memory.index.vectors import Scores, Vectors
from services.memory.index.words import Words
from services.memory.likeness import Likeness
from services.memory.queries import EVERYTHING, Filter
from services.memory.ranking import Signals
from services.memory.text import DateSpan

depth = 200
"""Candidates taken from each signal; a right answer below that in all of them is not found."""
reach = 2
"""Neighbours in the session, to each side, that become candidates with a memory."""

Result = TypeVar("Result")
Around: TypeAlias = tuple[list[int], list[int]]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may answer: sequences, and what ranking needs to know of each."""

    sequence: NDArray[np.int64]
    likeness: Likeness
    signals: Signals


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as the index takes it; `vector` is None without an embedding (unit length otherwise)."""

    terms: Sequence[str]
    words: frozenset[str]
    vector: NDArray[np.float32] | None
    dates: Sequence[DateSpan] = ()


class MemoryIndex:
    """Opened with `with`; empty at first."""

    def __init__(self, dimensions: int) -> None:
        self._catalogue = Catalogue()
        self._words = Words()
        self._labels = Labels()
        self._content = Vectors(dimensions)
        self._context = Vectors(dimensions)
        self._session_vectors = SessionVectors(dimensions)
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
        slots = self._catalogue.add([each.entry for each in fresh])
        self._words.append([each.terms for each in fresh])
        self._labels.append([each.label for each in fresh])
        self._content.append([each.content_vector for each in fresh])
        self._context.append([each.context_vector for each in fresh])
        self._session_vectors.add(self._session(slots), self._content.of(slots))

    async def embed(self, embedded: Sequence[Embedded]) -> None:
        """Gives memories that are indexed their vectors."""

        def put() -> None:
            known = [(slot, each) for each in embedded if (slot := self._catalogue.slot(each.sequence)) is not None]
            slots = np.asarray([slot for slot, _ in known], np.int64)
            self._session_vectors.remove(self._session(slots), self._content.of(slots))
            self._content.put(slots, [each.content_vector for _, each in known])
            self._context.put(slots, [each.context_vector for _, each in known])
            self._session_vectors.add(self._session(slots), self._content.of(slots))

        await self._run("embed", put)

    async def remove(self, sequences: Iterable[int]) -> None:
        """Forgets memories."""

        def drop() -> None:
            slots = self._catalogue.remove(sequences)
            self._session_vectors.remove(self._session(slots), self._content.of(slots))

        await self._run("remove", drop)

    async def latest(self, user: str, project: str, session_id: str, before_s: float) -> int | None:
        """The sequence of the session's last memory not later than `before_s` (seconds since 1970)."""

        def look() -> int | None:
            slot = self._catalogue.latest(user, project, session_id, before_s)
            return None if slot is None else self._sequence(slot)

        return await self._run("latest", look)

    async def around(self, sequences: Sequence[int], count: int) -> list[Around]:
        """For each of `sequences`, those of up to `count` memories before and after it, in the order of time."""
        return await self._run("around", lambda: [self._around(each, count) for each in sequences])

    def _around(self, sequence: int, count: int) -> Around:
        slot = self._catalogue.slot(sequence)
        before, after = self._catalogue.around(slot, count) if slot is not None else ([], [])
        return [self._sequence(each) for each in before], [self._sequence(each) for each in after]

    def _sequence(self, slot: int) -> int:
        return int(self._catalogue.column("sequence")[slot])

    async def candidates(self, user: str, projects: Sequence[str], asked: Asked, only: Filter) -> Candidates:
        """All that may answer: the best by words and by both vectors, and their neighbours in the session.

        Of the first of `projects` and those linked to it, or of all where there are none; only what the filter passes.
        """
        return await self._run("candidates", lambda: self._candidates(user, projects, asked, only))

    def _candidates(self, user: str, projects: Sequence[str], asked: Asked, only: Filter) -> Candidates:
        allowed = self._allowed(user, projects, only)
        searched = self._searched(allowed, asked)
        direct = [searched[name] for name in ("words", "vector", "context_vector") if name in searched]
        chosen = self._chosen(allowed, direct)
        places = np.searchsorted(allowed, chosen)
        values = {name: scores[places].astype(np.float64) for name, scores in searched.items()}
        holds, term_shares = self._words.held(asked.terms, allowed, chosen)
        sessions = self._session(chosen)
        signals = Signals(
            words=values["words"],
            session_words=values["session_words"],
            vector=values.get("vector"),
            context_vector=values.get("context_vector"),
            session_vector=self._session_scores(asked, sessions),
            in_session=sessions >= 0,
            holds=holds,
            term_shares=term_shares,
            length=self._words.lengths(chosen),
            by_named_speaker=self._by_named_speaker(chosen, asked.words),
            asks=self._catalogue.column("asks")[chosen],
            answers=self._answers(chosen),
            before=self._places("before", chosen),
            after=self._places("after", chosen),
            timestamp_s=self._catalogue.column("timestamp_s")[chosen],
            linked=self._linked(user, projects, chosen),
            dates=asked.dates,
        )
        return Candidates(
            self._catalogue.column("sequence")[chosen], self._catalogue.column("likeness")[chosen], signals
        )

    def _allowed(self, user: str, projects: Sequence[str], only: Filter) -> Slots:
        """The slots that are searched."""
        allowed = self._catalogue.select(user, projects)
        if only == EVERYTHING:
            return allowed
        return self._labels.matching(only, self._catalogue.matching(only, user, allowed))

    def _linked(self, user: str, projects: Sequence[str], chosen: Slots) -> NDArray[np.bool_]:
        """Which are of another project than the one that was asked for."""
        if len(projects) < 2:
            return np.zeros(len(chosen), np.bool_)
        return ~self._catalogue.of_project(user, projects[0], chosen)

    def _searched(self, allowed: Slots, asked: Asked) -> dict[str, Scores]:
        """Each signal for all of `allowed`."""
        sessions = self._sessions(allowed)
        searched = {
            "words": self._words.scores(asked.terms, allowed),
            "session_words": self._words.session_scores(asked.terms, allowed, sessions),
        }
        if asked.vector is not None:
            missing = ~self._content.present(allowed)
            for name, vectors in (("vector", self._content), ("context_vector", self._context)):
                searched[name] = vectors.scores(asked.vector, allowed)
                searched[name][missing] = np.nan
        return searched

    def _session_scores(self, asked: Asked, sessions: NDArray[np.int64]) -> NDArray[np.float64] | None:
        return None if asked.vector is None else self._session_vectors.scores(asked.vector, sessions).astype(np.float64)

    def _session(self, slots: Slots) -> NDArray[np.int64]:
        """The session of each of `slots`, -1 for none."""
        return self._catalogue.column("session")[slots].astype(np.int64)

    def _sessions(self, slots: Slots) -> NDArray[np.int64]:
        """Sessions numbered from 0 among `slots`; -1 without one."""
        known, numbers = np.unique(self._catalogue.column("session")[slots], return_inverse=True)
        without = len(known) > 0 and known[0] < 0
        return np.asarray(numbers - without, np.int64)

    def _chosen(self, allowed: Slots, signals: Sequence[Scores]) -> Slots:
        """The slots of the best by any signal, with their neighbours; ascending. Words that do not occur are no sign,
        any vector is one."""
        best = []
        for scores, least in zip(signals, (0.0, -1.0, -1.0), strict=False):
            hit = np.flatnonzero(scores > least)
            if len(hit) > depth:
                hit = hit[np.argpartition(-scores[hit], depth)[:depth]]
            best.append(allowed[hit])
        chosen = np.unique(np.concatenate(best))
        for direction in ("before", "after"):
            neighbours = chosen
            for _ in range(reach):
                neighbours = self._beside(direction, neighbours)
                neighbours = neighbours[_inside(neighbours, allowed)]
                chosen = np.concatenate((chosen, neighbours))
        return np.unique(chosen)

    def _beside(self, direction: str, slots: Slots) -> Slots:
        """The slots just before or after in the session, -1 for none."""
        return self._catalogue.column(direction)[slots].astype(np.int64)

    def _places(self, direction: str, chosen: Slots) -> NDArray[np.int64]:
        """The places in `chosen`, which is ascending, of each one's neighbours; -1 for none and for those not in it."""
        beside = self._beside(direction, chosen)
        places = np.minimum(np.searchsorted(chosen, beside), max(len(chosen) - 1, 0))
        return np.where((beside >= 0) & (chosen[places] == beside), places, -1) if len(chosen) else places

    def _by_named_speaker(self, chosen: Slots, words: frozenset[str]) -> NDArray[np.bool_]:
        """Those said by the one whom the query names; nobody where it names several."""
        named = self._catalogue.speakers(words)
        speakers = self._catalogue.column("speaker")[chosen]
        present = [code for code in named if (speakers == code).any()]
        return np.asarray(speakers == present[0] if len(present) == 1 else np.zeros(len(chosen), np.bool_))

    def _answers(self, chosen: Slots) -> NDArray[np.bool_]:
        """Those that follow a question in their session."""
        before = self._beside("before", chosen)
        return np.asarray((before >= 0) & self._catalogue.column("asks")[before] if len(chosen) else before >= 0)


def _inside(slots: Slots, allowed: Slots) -> NDArray[np.bool_]:
    """Which of `slots` are in `allowed`, which is ascending."""
    places = np.minimum(np.searchsorted(allowed, slots), len(allowed) - 1)
    return np.asarray((slots >= 0) & (allowed[places] == slots) if len(allowed) else slots >= 0)
