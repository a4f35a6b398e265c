"""Erasing: what was deleted leaves the database files, too, in the background and within a set time."""

from __future__ import annotations

import asyncio
import logging
import time

from services.kit.beside import report_success
from services.kit.errors import ServiceError
from services.memory.memory_store import MemoryStore

logger = logging.getLogger(__name__)
look_every_s = 5.0


class Erasing:
    """`trouble` says why deleted text is still in a file after that time, and is empty where none is."""

    def __init__(self, store: MemoryStore, within_s: float) -> None:
        self._store = store
        self._within_s = within_s
        self.trouble = ""

    async def run(self) -> None:
        """Erases what an earlier process left at once, and everything else a while after it was deleted."""
        wait_s = 0.0
        while True:
            await self._look(wait_s)
            report_success()
            wait_s = self._within_s
            await asyncio.sleep(min(look_every_s, self._within_s))

    async def _look(self, wait_s: float) -> None:
        try:
            if await self._store.unerased():
                await asyncio.sleep(wait_s)  # more may be deleted: the files are written anew once
                await self.erase()
        except ServiceError as error:
            self.trouble = f"what was deleted is still in the database file: {error.message}"
            logger.warning("%s", self.trouble)

    async def erase(self) -> None:
        """Writes the files anew; Unavailable where that cannot be done now."""
        began = time.perf_counter()
        await self._store.compact()
        self.trouble = ""
        logger.info("what was deleted is erased, in %.1f s", time.perf_counter() - began)
