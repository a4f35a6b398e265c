"""Backups of the memories while they are in use: on request, and on a schedule if one is set."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.kit.background_task import report_success
from services.kit.backup import Manifest, Part, PartContent, newest_of, prune, write_backup
from services.kit.encryption.keyring import KEYRING
from services.kit.errors import Conflict, InvalidInput, ServiceError
from services.memory.domain.store import MemoryStore
from services.memory.operations.written_backups import Written, WrittenBackups
from services.memory.storage.database_file.schema import MIGRATIONS
from services.memory.storage.shard_count import COUNT_FILE

logger = logging.getLogger(__name__)
look_every_s = 600.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The directory of scheduled backups, how often they are written, and how many are kept."""

    directory: Path
    every: timedelta
    keep: int


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """The memory databases in `home`, as a part of a backup."""

    store: MemoryStore
    home: Path
    name: str = "memory"

    async def copy_to(self, directory: Path) -> PartContent:
        """See Part."""
        copies = await self.store.copy_to(directory)
        for name in (COUNT_FILE, KEYRING):
            if (self.home / name).exists():
                await asyncio.to_thread(shutil.copyfile, self.home / name, directory / name)
        counts = {name: sum(copy[name] for copy in copies) for name in copies[0]}
        return PartContent(len(MIGRATIONS), len(copies), counts)


class Backups:
    """Backups of the data directory with the id `server`, written one at a time.

    `trouble` says why the last scheduled backup failed, and is empty if it did not.
    """

    def __init__(
        self, parts: Sequence[Part], schedule: Schedule | None, server: str, written: WrittenBackups | None = None
    ) -> None:
        self._parts = parts
        self._server = server
        self._written = written
        self._writing = asyncio.Lock()
        self.schedule = schedule
        self.trouble = ""

    async def make(self, directory: Path, now: datetime | None = None) -> tuple[Path, Manifest]:
        """Writes a backup to the directory, unless cancelled; Conflict while another one is being written."""
        if not directory.is_absolute():
            raise InvalidInput("The directory of a backup must be an absolute path on the server's machine.")
        if self._writing.locked():
            raise Conflict("Another backup is being written.", "Try again when it is done.")
        async with self._writing:
            made = await write_backup(directory, self._parts, self._server, now or datetime.now(UTC))
            if self._written:
                await self._written.note(*made)
        logger.info("backup written: %d files, %d bytes", len(made[1].files), made[1].bytes)
        return made

    async def written(self) -> Sequence[Written]:
        """Those that this server wrote, the newest first, as far as it knows."""
        return await self._written.all(self.schedule.directory if self.schedule else None) if self._written else ()

    async def run(self) -> None:
        """Writes a backup whenever one is due by the wall clock: a laptop may have been asleep."""
        while self.schedule:
            await self.make_if_due(self.schedule, datetime.now(UTC))
            report_success()
            await asyncio.sleep(look_every_s)

    async def make_if_due(self, schedule: Schedule, now: datetime) -> None:
        """Writes a backup if this server's newest is old enough, and prunes its oldest ones."""
        try:
            newest = await asyncio.to_thread(newest_of, schedule.directory, self._server, now)
            if newest and now - newest < schedule.every:
                return
            await self.make(schedule.directory, now)
            removed = await asyncio.to_thread(prune, schedule.directory, self._server, schedule.keep, now)
            for path in removed:
                logger.info("old backup removed: %s", path.name)
            if self._written:
                await self._written.forget(removed)
            self.trouble = ""
        except (ServiceError, OSError) as error:
            self.trouble = error.message if isinstance(error, ServiceError) else str(error.strerror)
            logger.error("the scheduled backup failed: %s", self.trouble)  # noqa: TRY400  # its message says all
