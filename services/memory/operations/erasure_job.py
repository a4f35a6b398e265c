"""The erasure job: removes deleted text from all files, in the background and within a set time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from services.kit.background_task import report_success
from services.kit.errors import ServiceError, Unavailable
from services.memory.domain.store import MemoryStore

logger = logging.getLogger(__name__)
look_every_s = 5.0
"""The pause between two looks, and the first one before what failed is tried again."""

EraseElsewhere: TypeAlias = Callable[[], Awaitable[None]]
"""Removes everything deleted so far from files other than the databases; Unavailable if that is not possible."""


class Erasing:
    """`trouble` says why deleted text is still in a file after that time, and is empty if none is.

    A deletion counts as erased when its text is in no file: first it leaves the files in `elsewhere`, then the
    databases.
    """

    def __init__(self, store: MemoryStore, within_s: float, elsewhere: Sequence[EraseElsewhere] = ()) -> None:
        self._store = store
        self._within_s = within_s
        self._elsewhere = elsewhere
        self._compacted: Sequence[int] = ()
        self._retry_s = 0.0
        self.trouble = ""

    async def run(self) -> None:
        """Erases deletions after a delay, in which they can be undone; those of an earlier process after what is left
        of it."""
        wait_s = await self._left_s()
        while True:
            await self._look(wait_s)
            report_success()
            wait_s = self._retry_s if self.trouble else self._within_s
            await asyncio.sleep(min(look_every_s, self._within_s))

    async def _left_s(self) -> float:
        """How long the oldest deletion of an earlier process can still be undone."""
        try:
            oldest = await self._store.oldest_unerased()
        except ServiceError:
            return 0.0
        age_s = (datetime.now(UTC) - oldest).total_seconds() if oldest else self._within_s
        return min(max(self._within_s - age_s, 0.0), self._within_s)

    async def _look(self, wait_s: float) -> None:
        try:
            if not await self._store.unerased_count():
                self._settle()
                return
        except ServiceError as error:  # nobody knows what is to be erased; the database's own health says so
            logger.warning("what is to be erased cannot be asked: %s", error.message)
            return
        await asyncio.sleep(wait_s)  # more may be deleted: this rewrites the files only once
        try:
            await self.erase()
        except ServiceError as error:
            self.trouble = f"deleted text is still in a file: {error.message}"
            self._retry_s = min(max(2 * self._retry_s, look_every_s), self._within_s)
            logger.warning("%s", self.trouble)

    def _settle(self) -> None:
        """No deleted text is left in a file."""
        self.trouble = ""
        self._retry_s = 0.0

    async def erase(self) -> None:
        """Rewrites the files; Unavailable if that is not possible now, or not for all of them."""
        began = time.perf_counter()
        removed = await self._store.last_removals()
        try:
            await self._erase_elsewhere()
        except ServiceError:
            await self._compact_unmarked(removed)
            raise
        await self._store.compact(removed)
        self._settle()
        logger.info("erased deleted text in %.1f s", time.perf_counter() - began)

    async def _erase_elsewhere(self) -> None:
        for erase in self._elsewhere:
            await erase()
        if earlier := await asyncio.to_thread(self._store.earlier_databases):
            raise Unavailable(f"{earlier[0].name}, from before the migration, is kept until the next start of Segue.")

    async def _compact_unmarked(self, removed: Sequence[int]) -> None:
        """Erases the text at least from the databases, once for all deletions made so far."""
        if removed != self._compacted:
            await self._store.compact([0] * len(removed))
            self._compacted = removed
