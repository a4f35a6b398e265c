"""The index of one user, which follows the store: who stores need not tell it what changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor

from services.memory.domain.rows import Embedded
from services.memory.index.contents import Contents
from services.memory.index.entries import NewEntry
from services.memory.index.memory_index import MemoryIndex
from services.memory.search.voids import Voids

empty_bytes = 500_000
entry_bytes = 1_000
"""What a memory takes besides its vectors and postings: its columns, its share of names, and of what arrays and pages
have in reserve; measured as resident memory, by `tests/performance/postgres/cells.py`."""
posting_bytes = 12
recent_max, recent_max_bytes = 2_000, 16_000
"""Entries that are kept, and the size of the vectors up to which one is."""


class RecentEntries:
    """Entries of memories that were stored just now: their texts need not be read again."""

    def __init__(self) -> None:
        self._entries: OrderedDict[int, NewEntry] = OrderedDict()

    def keep(self, entries: Iterable[NewEntry]) -> None:
        """Keeps them for a while."""
        for each in entries:
            if len(each.context_vector) <= recent_max_bytes:
                self._entries[each.entry.sequence] = each
        while len(self._entries) > recent_max:
            self._entries.popitem(last=False)

    def take(self, sequence: int) -> NewEntry | None:
        """The entry of that memory, which is then no longer kept."""
        return self._entries.pop(sequence, None)


class CellIndex(MemoryIndex):
    """Whoever changed the store may say so by the methods of `MemoryIndex`, to no effect: a change may be undone by the
    time that it is told. `size_bytes` is about what it takes."""

    bring_in = MemoryIndex.add
    take_out = MemoryIndex.remove
    set_times = MemoryIndex.retime
    set_vectors = MemoryIndex.embed
    rule_out = MemoryIndex.set_voids
    absent = MemoryIndex.missing

    def __init__(self, dimensions: int, thread: Executor, recent: RecentEntries) -> None:
        super().__init__(dimensions, thread)
        self._recent = recent
        self._vectors_bytes = 4 * dimensions
        self.size_bytes = empty_bytes

    async def of(self, user: str) -> MemoryIndex:
        raise NotImplementedError(user)

    async def add(self, entries: Sequence[NewEntry]) -> None:
        self._recent.keep(entries)

    async def embed(self, embedded: Sequence[Embedded]) -> None: ...

    async def remove(self, sequences: Iterable[int]) -> None: ...

    async def retime(self, said_s: Mapping[int, float]) -> None: ...

    async def share(self, sequence: int, shared: bool) -> None: ...

    async def set_voids(self, voids: Voids) -> None: ...

    async def judge(self, read: Callable[[], Awaitable[Voids]]) -> bool:  # noqa: ARG002  # of MemoryIndex
        return False

    async def pass_over(self, unreadable: Mapping[int, tuple[str, str]]) -> None: ...

    async def missing(self, sequences: Sequence[int]) -> list[int]:  # noqa: ARG002
        return []

    def note_unreadable(self, unreadable: Mapping[int, tuple[str, str]]) -> None:
        """Records stored memories that cannot be read: user name and id by sequence."""
        self._unreadable |= unreadable

    async def restore(self, contents: Contents) -> None:
        await super().restore(contents)
        self.size_bytes += sum(each.nbytes for each in contents.arrays.values()) + len(self) * entry_bytes

    def note_size(self, entries: Sequence[NewEntry]) -> None:
        """Adds what entries take that were brought in. One without vectors has room for them, too."""
        vectors = sum(max(len(each.content_vector) + len(each.context_vector), self._vectors_bytes) for each in entries)
        self.size_bytes += len(entries) * entry_bytes + vectors
        self.note_texts(entries)

    def note_texts(self, entries: Sequence[NewEntry]) -> None:
        """Adds what their texts take, which are read later where there are many."""
        self.size_bytes += sum(len(each.document.keys) for each in entries) * posting_bytes
