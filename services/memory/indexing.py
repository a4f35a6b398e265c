"""Keeps the index what the store says: read from a snapshot and the store at the start, and written now and then."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from threading import Lock

import numpy as np

from services.kit.beside import report_success
from services.memory.index.entries import NewEntry, bare_entry, new_entry
from services.memory.index.memory_index import Contents, MemoryIndex
from services.memory.index.shrinking import without_removed
from services.memory.index.snapshot import SnapshotFile, SnapshotUnusable
from services.memory.loading import Loaded, Sequences
from services.memory.memories import Kind, Memory
from services.memory.memory_store import MemoryStore
from services.memory.text import TERMS_VERSION

logger = logging.getLogger(__name__)

INDEX_VERSION = 4
"""Moves on when the index keeps something else of a memory than before."""
read_at_start_max = 2_000
"""Texts that are read before the service serves; more of them are read beside it: 0.4 ms each."""
portion = 500
snapshot_changes_min = 1_000
"""What makes a snapshot worth its writing when a process begins or ends."""
look_every_s = 1.0


class Indexing:
    """Opened by `open_indexing`. `unread` says how many memories are not found by their words yet."""

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
        self._writing = Lock()
        self._waiting: Sequences = np.zeros(0, np.int64)

    @property
    def unread(self) -> int:
        """Memories that are found by meaning alone until their text is read."""
        return len(self._waiting)

    @property
    def indexed(self) -> int:
        """Memories that can be found."""
        return len(self._index)

    @property
    def _identity(self) -> str:
        return f"index {INDEX_VERSION}, terms {TERMS_VERSION}, model {self._model}"

    async def start(self) -> None:
        """Brings the empty index to what is stored; of many texts that no snapshot has, all but the words."""
        if self._snapshot:
            try:
                await self._index.restore(await asyncio.to_thread(self._snapshot.read, self._identity))
            except SnapshotUnusable as error:
                logger.info("the index is built from the database: its snapshot cannot be used, %s", error)
        self._written = self._index.changes
        missing = await self._compare()
        at_once = len(missing) <= read_at_start_max
        async for loaded in self._store.load(self._model, missing, text=at_once):
            await self._index.add(await asyncio.to_thread(_entries if at_once else _bare_entries, loaded))
        if not at_once:
            self._waiting = missing

    async def _compare(self) -> Sequences:
        """Takes out what is not stored any more, or not as it is indexed; the sequences that are then missing."""
        held, has_vectors = await self._index.held()
        inventory = await self._store.inventory(self._model)
        stored, embedded = inventory.sequences, inventory.embedded
        await self._index.share_exactly(stored[inventory.shared])
        stale = held[np.isin(held, stored[embedded]) & ~has_vectors]
        gone = np.concatenate((np.setdiff1d(held, stored), stale))
        await self._index.remove(gone.tolist())
        return np.concatenate((np.setdiff1d(stored, held), stale))

    async def run(self) -> None:
        """Reads what is unread, then writes a snapshot whenever enough has changed."""
        while len(self._waiting):
            async for loaded in self._store.load(self._model, self._waiting[:portion], text=True):
                await self._index.read(await asyncio.to_thread(_entries, loaded))
            self._waiting = self._waiting[portion:]
            report_success()
        least = self.least_at_ends
        while True:
            await self.write(least)
            least = self._every
            report_success()
            await asyncio.sleep(look_every_s)

    async def write(self, least: int) -> None:
        """Writes a snapshot if at least so much has changed and all is read; a full disk is no harm.

        What was removed is in none that is written, and leaves the one that is there in time.
        """
        changes, removed = self._index.changes, self._index.removed
        if self._snapshot is None:
            return
        if removed > self._removed and self._erase_at_s is None:
            self._erase_at_s = time.monotonic() + self._erase_within_s
        must_erase = self._erase_at_s is not None and time.monotonic() >= self._erase_at_s
        if len(self._waiting) or not (must_erase or changes - self._written >= least):
            if must_erase:
                await self._discard(self._snapshot)
            return
        try:
            await asyncio.to_thread(self._write, self._snapshot, await self._index.contents(), removed > 0)
        except OSError as error:
            logger.warning("no snapshot of the index was written: %s", error.strerror)
            if must_erase:
                await self._discard(self._snapshot)
        self._written, self._removed, self._erase_at_s = changes, removed, None

    async def close(self) -> None:
        """Writes the last snapshot, if it is worth it or the one that is there has what was removed."""
        await self.write(1 if self._index.removed > self._removed else self.least_at_ends)

    async def _discard(self, snapshot: SnapshotFile) -> None:
        def discard() -> None:
            with self._writing:
                snapshot.path.unlink(missing_ok=True)

        await asyncio.to_thread(discard)
        self._erase_at_s = None

    def _write(self, snapshot: SnapshotFile, contents: Contents, has_removed: bool) -> None:
        with self._writing:  # a thread goes on when its caller is cancelled
            snapshot.write(without_removed(contents) if has_removed else contents, self._identity)


@asynccontextmanager
async def open_indexing(indexing: Indexing) -> AsyncIterator[Indexing]:
    """An index that is ready; on leaving, a snapshot of it is written."""
    await indexing.start()
    try:
        yield indexing
    finally:
        await indexing.close()


def _entries(loaded: Loaded) -> list[NewEntry]:
    return [
        new_entry(int(loaded.sequence[place]), loaded.user[place], _memory(loaded, place), *_vectors(loaded, place))
        for place in range(len(loaded.sequence))
    ]


def _bare_entries(loaded: Loaded) -> list[NewEntry]:
    return [
        bare_entry(int(loaded.sequence[place]), loaded.user[place], _memory(loaded, place), *_vectors(loaded, place))
        for place in range(len(loaded.sequence))
    ]


def _vectors(loaded: Loaded, place: int) -> tuple[bytes, bytes]:
    return loaded.content_vector[place], loaded.context_vector[place]


def _memory(loaded: Loaded, place: int) -> Memory:
    return Memory(
        content=loaded.content[place],
        kind=Kind(loaded.kind[place]),
        project=loaded.project[place],
        timestamp=datetime.fromtimestamp(float(loaded.timestamp_s[place]), UTC),
        session_id=loaded.session_id[place],
        role=loaded.role[place],
        tags=tuple(loaded.tags[place]),
        metadata=json.loads(loaded.metadata[place]),
        shared=bool(loaded.shared[place]),
    )
