"""The cells of all users: those that were used last, as far as there is room for them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from services.kit.background_task import report_success
from services.kit.errors import ServiceError, Unavailable
from services.memory.domain.followed_store import FollowedStore, UserVersions
from services.memory.domain.rows import Embedded
from services.memory.index.cells.cell import Cell, Outdated, Whose
from services.memory.index.cells.cell_files import CellFiles
from services.memory.index.cells.cell_index import CellIndex, RecentEntries
from services.memory.index.cells.shared_memories import SharedMemories
from services.memory.index.cells.turns import Turns
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.parts import Around

logger = logging.getLogger(__name__)

threads_max = 4
read_at_once_max = 2_000
"""Memories of a user up to which their texts are read before the first search, at 0.4 ms each."""
write_every_s = 60.0
changes_min = 200
"""Changes of a user's that justify a file while their cell is in use."""


class Cells:
    """Opened with `async with`. Reads nothing of a user who is not asked for."""

    def __init__(
        self,
        store: FollowedStore,
        model: str,
        dimensions: int,
        size_max_bytes: int,
        files: CellFiles | None = None,
        at_once_max: int = read_at_once_max,
    ) -> None:
        self._store = store
        self._model = model
        self._files = files
        self._filing = asyncio.Lock()
        self._removed: Mapping[str, int] = {}
        self._dimensions = dimensions
        self._size_max = size_max_bytes
        self._at_once_max = at_once_max
        self._threads = ThreadPoolExecutor(min(threads_max, os.cpu_count() or 1), "memory-cells")
        self._recent = RecentEntries()
        self._shared = SharedMemories(store, model)
        self._cells: OrderedDict[str, Cell] = OrderedDict()
        self._epoch = ""
        self._unreadable: dict[int, tuple[str, str]] = {}
        self._at_work: set[asyncio.Task[Any]] = set()
        self._reading: dict[str, asyncio.Task[None]] = {}
        self.nobody = self._new_index()
        """Of no user, for work that changes the store and looks for nothing."""

    async def __aenter__(self) -> Cells:
        await self._begin_epoch((await self._store.user_versions("")).epoch)
        with suppress(ServiceError):  # what was deleted while this process was away; tried again when it is erased
            await self.erase()
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self._reading.values():
            each.cancel()
        if tasks := [*self._at_work, *self._reading.values()]:
            await asyncio.wait(tasks)
        with suppress(ServiceError):
            await self.erase()
        for user, cell in self._cells.items():
            await self._write(user, cell)
        self._threads.shutdown()

    async def _begin_epoch(self, epoch: str) -> None:
        self._epoch = epoch
        self._cells.clear()
        self._shared = SharedMemories(self._store, self._model)  # who still waits for the earlier one keeps it
        for each in self._reading.values():
            each.cancel()
        self._reading.clear()
        if self._files:
            await asyncio.to_thread(self._files.open, epoch)

    def _new_index(self) -> CellIndex:
        return CellIndex(self._dimensions, Turns(self._threads), self._recent)

    async def of(self, user: str) -> MemoryIndex:
        """The index in which all is found that the user may read and that was committed before this call."""
        versions = await self._store.user_versions(user)
        task = asyncio.create_task(self._bring_up(user, versions))
        self._at_work.add(task)
        task.add_done_callback(self._drop_task)
        return await asyncio.shield(task)  # who comes again finds it further on

    def _drop_task(self, task: asyncio.Task[Any]) -> None:
        self._at_work.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it with its text

    async def _bring_up(self, user: str, versions: UserVersions) -> CellIndex:
        while versions.epoch != self._epoch:  # or it began yet another one meanwhile
            await self._begin_epoch(versions.epoch)
        cell = self._cells.get(user) or self._new_cell(user)
        self._cells.move_to_end(user)
        try:
            await cell.bring_up(versions, self._shared, self._at_once_max)
        except Outdated:
            self._forget(user, cell)
            if self._files:
                await asyncio.to_thread(self._files.erase, self._epoch, user, versions.of.get(user, 0) + 1)
            return await self._bring_up(user, versions)
        except BaseException:
            if not cell.is_loaded:
                self._forget(user, cell)
            raise
        if cell.index.unread and user not in self._reading and self._cells.get(user) is cell:
            self._reading[user] = asyncio.create_task(self._read_texts(user, cell))
        self._make_room(user)
        return cell.index

    def _new_cell(self, user: str) -> Cell:
        read_file = partial(self._files.read, self._epoch, user) if self._files else None
        cell = Cell(Whose(user, self._store, self._model), self._new_index(), self._recent, read_file)
        self._cells[user] = cell
        self._unreadable = {each: whose for each, whose in self._unreadable.items() if whose[0] != user}
        return cell

    async def _read_texts(self, user: str, cell: Cell) -> None:
        try:
            await cell.read_texts()
        except Exception as error:  # any error: the next search begins again
            logger.warning("texts of a user could not be read: %s", type(error).__name__)
        finally:
            if self._reading.get(user) is asyncio.current_task():
                del self._reading[user]

    def _make_room(self, user: str) -> None:
        """Drops the cells that were used least recently; the last user's stays, whatever its size."""
        size = self.size_bytes
        for other in [each for each in self._cells if each != user]:
            if size <= self._size_max:
                return
            size -= self._cells[other].index.size_bytes
            self._drop(other)

    def _drop(self, user: str) -> None:
        cell = self._cells[user]
        self._forget(user, cell)
        task = asyncio.create_task(self._write(user, cell))
        self._at_work.add(task)
        task.add_done_callback(self._drop_task)

    def _forget(self, user: str, cell: Cell) -> None:
        """Drops the cell if it is still the user's."""
        if self._cells.get(user) is not cell:
            return
        del self._cells[user]
        self._unreadable |= cell.index.unreadable
        if reading := self._reading.pop(user, None):
            reading.cancel()

    # --- files --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Writes what a process that is killed would have to read again, and says that the files are looked after."""
        while True:
            await asyncio.sleep(write_every_s)
            for user, cell in list(self._cells.items()):
                if cell.changes_since_file >= changes_min:
                    await self._write(user, cell)
            report_success()

    async def _write(self, user: str, cell: Cell) -> None:
        """Writes the cell's file unless it would hold what was deleted since; a full disk does no harm."""
        if self._files is None or not cell.changes_since_file:
            return
        epoch = self._epoch
        async with self._filing:
            file = await cell.file()
            if file is None or file.version < self._removed.get(user, 0) or epoch != self._epoch:
                return
            try:
                await asyncio.to_thread(self._files.write, epoch, user, file)
            except OSError as error:
                logger.warning("the index of a user was not written: %s", error.strerror)

    async def erase(self) -> None:
        """Removes the files that may hold what was deleted; Unavailable if that is not possible."""
        if self._files is None:
            return
        async with self._filing:
            self._removed = await self._store.removal_versions()
            try:
                for user, version in self._removed.items():
                    await asyncio.to_thread(self._files.erase, self._epoch, user, version)
                await asyncio.to_thread(self._files.note_alive)
            except OSError as error:
                raise Unavailable(f"An index's file cannot be removed: {error.strerror}.") from error

    # --- for upkeep and health ----------------------------------------------------------------------

    async def around(self, sequences: Sequence[int], count: int) -> list[Around]:
        """As `MemoryIndex.around`, of memories of any user."""
        owners = await self._store.owners(sequences)
        found: dict[int, Around] = {}
        for user in sorted(set(owners.values())):
            its = [each for each in sequences if owners.get(each) == user]
            index = await self.of(user)
            found |= zip(its, await index.around(its, count), strict=True)
        return [found.get(each, ([], [])) for each in sequences]

    async def embed(self, embedded: Sequence[Embedded]) -> None:
        """Nothing: the cells follow the store."""

    @property
    def size_bytes(self) -> int:
        """About what the cells take."""
        return sum(each.index.size_bytes for each in self._cells.values())

    @property
    def loaded_count(self) -> int:
        """The number of users whose cells are loaded."""
        return len(self._cells)

    @property
    def indexed_count(self) -> int:
        """The number of memories in all cells."""
        return sum(len(each.index) for each in self._cells.values())

    @property
    def unread(self) -> int:
        """The number of memories that are found by meaning only, until their text is read."""
        return sum(each.index.unread for each in self._cells.values())

    @property
    def unreadable(self) -> Mapping[int, tuple[str, str]]:
        """The user and id of each memory that could not be read, by sequence, as far as anybody asked for it."""
        known = dict(self._unreadable)
        for each in self._cells.values():
            known |= each.index.unreadable
        return known
