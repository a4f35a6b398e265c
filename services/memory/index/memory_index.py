"""The whole search index, changed and searched by one thread; short looks are taken while that has nothing to do.

Derived from the store: built from it at start, and updated with every committed change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.kit.observability import telemetry
from services.memory.domain.queries import Author, Filter
from services.memory.domain.rows import Embedded
from services.memory.index.asked import Asked, Candidates
from services.memory.index.catalogue import Timeline
from services.memory.index.contents import Contents
from services.memory.index.entries import NewEntry
from services.memory.index.facet_counts import FacetCounts
from services.memory.index.newest_vectors import AtMost, NewestVectors
from services.memory.index.parts import Around, Parts
from services.memory.index.pruning import without_removed
from services.memory.search.voids import NO_VOIDS, Voids

portion = 250
postings_max = 50_000
"""Memories, and terms in them, added in one step of about 15 ms: waiting searches run between the steps."""
glanced_at_max = 20_000
"""Memories of which is found in less than a millisecond what a user has in some projects."""

Result = TypeVar("Result")
Change: TypeAlias = Callable[[Parts], int]
"""A change to the parts; returns the number of memories it changed."""


class MemoryIndex:
    """Opened with `with`; empty at first."""

    def __init__(self, dimensions: int, thread: Executor | None = None) -> None:
        """`thread` does one thing after the other; by default it is a thread of the index's own."""
        self._dimensions = dimensions
        self._parts = Parts(dimensions)
        self._journal: list[Change] | None = None
        """The changes since the copy was made that will replace the parts."""
        self._unreadable: dict[int, tuple[str, str]] = {}
        self.changes = 0
        """The number of memories added, completed, embedded or removed."""
        self.removed = 0
        """The number of memories removed."""
        self.voids = NO_VOIDS
        """What is not in force."""
        self.unread = 0
        """The number of memories whose text is still to be read; until then results are incomplete."""
        self.state = ""
        """What was proven to be in it, where it follows a store's versions: a part of the keys of cached results."""
        self._thread = thread or ThreadPoolExecutor(1, "memory-index")
        self._under_way: set[Future[Any]] = set()
        """What the thread was given and has not finished."""

    def __enter__(self) -> MemoryIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def __len__(self) -> int:
        return len(self._parts)

    async def of(self, user: str) -> MemoryIndex:  # noqa: ARG002  # of `Indexes`
        """The index in which the user's memories are found: this one has everybody's."""
        return self

    @property
    def dead(self) -> int:
        """The number of slots of removed memories, which `shrink` frees."""
        return self._parts.dead

    async def _run(self, name: str, work: Callable[[Parts], Result]) -> Result:
        with telemetry.span(f"index.{name}"):
            given = self._thread.submit(lambda: work(self._parts))
            self._under_way.add(given)
            given.add_done_callback(self._under_way.discard)
            return await asyncio.wrap_future(given)

    async def _glance(self, name: str, work: Callable[[Parts], Result], *, is_short: bool = True) -> Result:
        """The result of short work that changes nothing: at once where the thread has nothing to do, which only this
        event loop can give it; going there and back costs more."""
        if self._under_way or not is_short:
            return await self._run(name, work)
        with telemetry.span(f"index.{name}"):
            return work(self._parts)

    # --- changes ----------------------------------------------------------------------------------

    async def _change(self, name: str, change: Change) -> int:
        def make(parts: Parts) -> int:
            count = change(parts)
            if self._journal is not None:
                self._journal.append(change)
            return count

        count = await self._run(name, make)
        self.changes += count
        return count

    async def add(self, entries: Sequence[NewEntry]) -> None:
        """Makes committed memories findable; memories already indexed stay unchanged."""
        for some in _portions(entries):
            await self._change("add", partial(Parts.add, entries=some))

    async def read(self, entries: Sequence[NewEntry]) -> None:
        """Completes memories that were added without their text, in the order of their addition."""
        for some in _portions(entries):
            await self._change("read", partial(Parts.read, entries=some))

    async def embed(self, embedded: Sequence[Embedded]) -> None:
        """Sets the vectors of indexed memories."""
        await self._change("embed", partial(Parts.embed, embedded=embedded))

    async def remove(self, sequences: Iterable[int]) -> None:
        """Removes memories from the index."""
        gone = list(sequences)
        for each in gone:
            self._unreadable.pop(each, None)
        self.removed += await self._change("remove", partial(Parts.remove, sequences=gone))

    async def retime(self, said_s: Mapping[int, float]) -> None:
        """Sets when memories were last said (seconds since 1970), by sequence."""
        await self._change("retime", partial(Parts.retime, said_s=said_s))

    async def retime_exactly(self, sequences: NDArray[np.int64], said_s: NDArray[np.float64]) -> None:
        """Sets when the memories under these sequences were last said, if it differs."""
        await self.retime(await self._run("outdated", lambda parts: parts.stale_times(sequences, said_s)))

    async def share(self, sequence: int, shared: bool) -> None:
        """Sets whether others can find a memory."""
        await self._change("share", partial(Parts.share, sequence=sequence, shared=shared))

    async def share_exactly(self, sequences: NDArray[np.int64]) -> None:
        """Makes exactly these memories visible to others."""
        await self._change("share", partial(Parts.share_exactly, sequences=sequences))

    async def set_voids(self, voids: Voids) -> None:
        """Sets what is not in force; what says the same word for word is not, either."""
        await self._change("set_voids", partial(Parts.set_voids, voids=voids))
        self.voids = await self._run("voids", lambda parts: parts.voids)

    async def judge(self, read: Callable[[], Awaitable[Voids]]) -> bool:
        """Sets what is not in force, as `read` says it now; whether that is another than before."""
        before = self.voids.of
        await self.set_voids(await read())
        return self.voids.of != before

    # --- memories that cannot be indexed ------------------------------------------------------------

    async def pass_over(self, unreadable: Mapping[int, tuple[str, str]]) -> None:
        """Records stored memories that cannot be read: user name and id by sequence."""
        if unreadable:
            await self.remove(unreadable)
            self._unreadable |= unreadable

    @property
    def unreadable(self) -> Mapping[int, tuple[str, str]]:
        """The recorded ones that are still stored."""
        return self._unreadable

    async def missing(self, sequences: Sequence[int]) -> list[int]:
        """Those of `sequences` that are not indexed."""
        return await self._glance("missing", lambda parts: parts.missing(sequences))

    # --- the session around a memory --------------------------------------------------------------

    async def latest(self, user: str, project: str, session_id: str, before_s: float) -> int | None:
        """The sequence of the session's last memory not later than `before_s` (seconds since 1970)."""
        return await self._glance("latest", lambda parts: parts.latest(user, project, session_id, before_s))

    async def around(self, sequences: Sequence[int], count: int) -> list[Around]:
        """For each of `sequences`, up to `count` memories before and after it in its session, in the order of time."""
        return await self._glance("around", lambda parts: [parts.around(each, count) for each in sequences])

    # --- searching --------------------------------------------------------------------------------

    async def candidates(self, user: str, projects: Sequence[str], asked: Asked, only: Filter) -> Candidates:
        """The candidates: the best by words and by both vectors, and their neighbours in the session.

        From the first of `projects` and those linked to it, or from all if none are given; only what the filter passes.
        """
        return await self._run("candidates", lambda parts: parts.candidates(user, projects, asked, only))

    async def newest(self, user: str, projects: Sequence[str], asked: Asked, only: Filter, most: int) -> Candidates:
        """The newest `most` of all that matches by words or by meaning, and their neighbours in the session."""
        return await self._run("newest", lambda parts: parts.newest(user, projects, asked, only, most))

    async def timeline(self, user: str, projects: Sequence[str], only: Filter, author: Author = Author.ALL) -> Timeline:
        """All that the filter passes, in the order of time; of one moment in the order of storing."""
        return await self._run("timeline", lambda parts: parts.timeline(user, projects, only, author))

    async def newest_vectors(self, user: str, projects: Sequence[str], only: Filter, most: AtMost) -> NewestVectors:
        """Those of the user's own newest memories that the filter passes, in the order of time."""
        return await self._run("newest_vectors", lambda parts: parts.newest_vectors(user, projects, only, most))

    async def holds_any(self, user: str, projects: Sequence[str], only: Filter) -> bool:
        """Whether the filter passes anything."""
        return await self._run("holds_any", lambda parts: parts.holds_any(user, projects, only))

    async def look(self, name: str, work: Callable[[Parts], Result]) -> Result:
        """The result of several looks at the parts in one turn of the index's thread: going there and back costs more
        than a look. The work changes nothing."""
        return await self._run(name, work)

    async def glance(self, user: str, projects: Sequence[str], name: str, work: Callable[[Parts], Result]) -> Result:
        """The same of looks that are short where it is known what the user has in the projects."""
        is_short = len(self) <= glanced_at_max or self._parts.knows(user, projects)
        return await self._glance(name, work, is_short=is_short)

    async def matching(self, user: str, projects: Sequence[str], asked: Asked, only: Filter) -> NDArray[np.int64]:
        """The sequences of all that matches by words or by meaning."""
        return await self._run("matching", lambda parts: parts.matching(user, projects, asked, only))

    async def count(self, sequences: NDArray[np.int64]) -> FacetCounts:
        """What those are that are known: how many of each project, kind, tag and month."""
        return await self._run("count", lambda parts: parts.count(sequences))

    # --- as a whole -------------------------------------------------------------------------------

    async def contents(self) -> Contents:
        """A copy of the whole index; later changes do not show in it."""
        return await self._run("contents", Parts.contents)

    async def restore(self, contents: Contents) -> None:
        """Restores an empty index from a snapshot."""
        await self._run("restore", lambda parts: parts.restore(contents))

    async def held_sequences(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The indexed sequences, and which of them have vectors."""
        return await self._run("held", Parts.held_sequences)

    async def shrink(self) -> None:
        """Frees the slots of removed memories and unused names; searches and changes continue meanwhile."""
        try:
            contents = await self._run("contents", self._copy)
            smaller = await asyncio.to_thread(self._without_removed, contents)
            await self._run("shrink", lambda _: self._exchange(smaller))
        finally:
            self._journal = None

    def _copy(self, parts: Parts) -> Contents:
        self._journal = []
        return parts.contents()

    def _without_removed(self, contents: Contents) -> Parts:
        smaller = Parts(self._dimensions)
        smaller.restore(without_removed(contents))
        smaller.set_voids(self.voids)
        return smaller

    def _exchange(self, smaller: Parts) -> None:
        for change in self._journal or ():
            change(smaller)
        self._parts, self._journal = smaller, None


def _portions(entries: Sequence[NewEntry]) -> Iterator[Sequence[NewEntry]]:
    """The entries in order, in portions that are added in one step."""
    some: list[NewEntry] = []
    postings = 0
    for entry in entries:
        size = len(entry.document.keys)
        if some and (len(some) >= portion or postings + size > postings_max):
            yield some
            some, postings = [], 0
        some.append(entry)
        postings += size
    if some:
        yield some
