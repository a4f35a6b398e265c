"""Keeps the index in step with the store: restores it from a snapshot at the start, and writes snapshots."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from threading import Lock

import numpy as np

from services.kit.background_task import report_success
from services.kit.errors import Unavailable
from services.memory.domain.rows import Sequences
from services.memory.domain.store import MemoryStore
from services.memory.index.contents import Contents
from services.memory.index.loaded_entries import loaded_entries
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.pruning import without_removed
from services.memory.index.snapshot import SnapshotFile, SnapshotUnusable
from services.memory.search.result_cache import Generations
from services.memory.search.voids import read_voids
from services.memory.text.terms import TERMS_VERSION

logger = logging.getLogger(__name__)

INDEX_VERSION = 8
"""Incremented when the index derives anything else from a memory than before."""
read_at_start_max = 2_000
"""Texts read before the service starts serving, at 0.4 ms each; if there are more, all are read in the background."""
portion = 500
snapshot_changes_min = 1_000
"""Changes that justify a snapshot when a process starts or stops."""
look_every_s = 1.0
retry_after_s = 60.0
"""The time from a failed snapshot to the next attempt."""
dead_min = 5_000
"""Slots of removed memories that justify shrinking the index, if they are also more than the living ones."""


def index_identity(model: str) -> str:
    """Names all that an index depends on besides memories: what is derived of them, and the model of their vectors."""
    return f"index {INDEX_VERSION}, terms {TERMS_VERSION}, model {model}"


class Indexing:
    """Opened by `open_indexing`. `unread` counts memories that are not found by their words yet."""

    def __init__(
        self,
        store: MemoryStore,
        index: MemoryIndex,
        model: str,
        snapshot: SnapshotFile | None,
        snapshot_every_changes: int = 10_000,
        erase_within_s: float = 600.0,
    ) -> None:
        self._store = store
        self._index = index
        self._model = model
        self._snapshot = snapshot
        self._every = snapshot_every_changes
        self.least_at_ends = min(snapshot_changes_min, snapshot_every_changes)
        self._written = 0
        self._removed = 0
        self._erase_within_s = erase_within_s
        self._erase_at_s: float | None = None
        self._not_before_s = 0.0
        self._replacing = asyncio.Lock()
        self._writing = Lock()
        self._waiting: Sequences = np.zeros(0, np.int64)

    @property
    def unread(self) -> int:
        """The number of memories found by meaning only, until their text is read."""
        return self._index.unread

    @property
    def unreadable(self) -> Mapping[int, tuple[str, str]]:
        """The user and id of each stored memory that cannot be read, by sequence."""
        return self._index.unreadable

    @property
    def indexed_count(self) -> int:
        """The number of memories that can be found."""
        return len(self._index)

    @property
    def _identity(self) -> str:
        return index_identity(self._model)

    async def start(self) -> None:
        """Brings the empty index up to date with the store; if many texts are missing, their words are read later."""
        if self._snapshot:
            await asyncio.to_thread(self._snapshot.discard_draft)
            try:
                await self._index.restore(await asyncio.to_thread(self._snapshot.read, self._identity))
            except SnapshotUnusable as error:
                logger.info("the index is built from the database: its snapshot cannot be used, %s", error)
                if self._snapshot.path.exists():
                    self._removed = _unknown
        self._written = self._index.changes
        missing = await self._compare()
        at_once = len(missing) <= read_at_start_max
        async for loaded in self._store.load(self._model, missing, text=at_once):
            made = await asyncio.to_thread(loaded_entries, loaded, text=at_once)
            await self._index.add(made.entries)
            await self._index.pass_over(made.unreadable)
        if not at_once:
            self._wait_for(missing)
        await self._index.set_voids(await read_voids(self._store))

    def _wait_for(self, waiting: Sequences) -> None:
        self._waiting, self._index.unread = waiting, len(waiting)

    async def _compare(self) -> Sequences:
        """Removes entries that are no longer stored, or stored differently; returns the sequences to add."""
        held, has_vectors = await self._index.held_sequences()
        inventory = await self._store.inventory(self._model)
        stored, embedded = inventory.sequences, inventory.embedded
        await self._index.share_exactly(stored[inventory.shared])
        stale = held[np.isin(held, stored[embedded]) & ~has_vectors]
        gone = np.concatenate((np.setdiff1d(held, stored), stale))
        await self._index.remove(gone.tolist())
        await self._index.retime_exactly(stored, inventory.said_s)
        return np.concatenate((np.setdiff1d(stored, held), stale))

    async def run(self, generations: Generations | None = None) -> None:
        """Reads the unread texts; then writes a snapshot and shrinks the index whenever enough has changed.

        Results found before all texts were read are outdated, so `generations` are moved then.
        """
        if len(self._waiting):
            await self._read()
            await self._index.set_voids(self._index.voids)  # what says the same is known now
            if generations:
                await generations.move_all()
        least = self.least_at_ends
        while True:
            await self.write(least)
            least = self._every
            if self._index.dead >= dead_min and self._index.dead > len(self._index):
                await self._index.shrink()
            report_success()
            await asyncio.sleep(look_every_s)

    async def _read(self) -> None:
        while len(self._waiting):
            async for loaded in self._store.load(self._model, self._waiting[:portion], text=True):
                made = await asyncio.to_thread(loaded_entries, loaded, text=True)
                await self._index.read(made.entries)
                await self._index.pass_over(made.unreadable)
            self._wait_for(self._waiting[portion:])
            report_success()

    async def write(self, least: int) -> None:
        """Writes a snapshot if at least `least` memories have changed and all texts are read; a full disk does no harm.

        Deleted memories are in no new snapshot, and are removed from the existing one in time.
        """
        if self._snapshot is None:
            return
        if self._index.removed > self._removed and self._erase_at_s is None:
            self._erase_at_s = time.monotonic() + self._erase_within_s
        if self._erase_at_s is not None and time.monotonic() >= self._erase_at_s:
            await self._erase_in_time()
        elif self._is_worth(least):
            async with self._replacing:
                await self._replace(self._snapshot)

    async def _erase_in_time(self) -> None:
        try:
            await self.erase()
        except Unavailable as error:
            logger.warning("the index's snapshot still holds deleted memories: %s", error.message)
            self._erase_at_s = time.monotonic() + retry_after_s

    def _is_worth(self, least: int) -> bool:
        has_changed = self._index.changes - self._written >= least
        return has_changed and not len(self._waiting) and time.monotonic() >= self._not_before_s

    async def erase(self) -> None:
        """Removes everything deleted so far from the snapshot; Unavailable if that is not possible."""
        if self._snapshot is None:
            return
        async with self._replacing:
            removed = self._index.removed
            if removed > self._removed and (len(self._waiting) or not await self._replace(self._snapshot)):
                await self._discard(self._snapshot)
                self._removed, self._erase_at_s = removed, None

    async def close(self) -> None:
        """Writes a last snapshot if enough has changed, or if the existing one holds deleted memories."""
        self._not_before_s = 0.0
        await self.write(self.least_at_ends)
        with suppress(Unavailable):  # the next process tries again
            await self.erase()

    async def _replace(self, snapshot: SnapshotFile) -> bool:
        """Writes a new snapshot; False if that failed, and what the file holds is then unknown."""
        changes, removed = self._index.changes, self._index.removed
        try:
            await asyncio.to_thread(self._write, snapshot, await self._index.contents())
        except OSError as error:
            logger.warning("no snapshot of the index was written: %s", error.strerror)
            self._not_before_s = time.monotonic() + retry_after_s
            return False
        self._written, self._removed, self._erase_at_s = changes, removed, None
        return True

    async def _discard(self, snapshot: SnapshotFile) -> None:
        def discard() -> None:
            with self._writing:
                snapshot.discard()

        try:
            await asyncio.to_thread(discard)
        except OSError as error:
            raise Unavailable(f"{snapshot.path.name} cannot be removed: {error.strerror}.") from error

    def _write(self, snapshot: SnapshotFile, contents: Contents) -> None:
        with self._writing:  # the thread continues if its caller is cancelled
            snapshot.write(without_removed(contents), self._identity)


_unknown = -1
"""The count for an unreadable snapshot: it may hold any deleted memory."""


@asynccontextmanager
async def open_indexing(indexing: Indexing) -> AsyncIterator[Indexing]:
    """Opens an index that is ready for search; writes a snapshot on exit."""
    await indexing.start()
    try:
        yield indexing
    finally:
        await indexing.close()
