"""Compaction while the store is in use: the copy, what came meanwhile, and the moment in which it takes the name.

Searches wait for that moment alone, stores also while what came meanwhile is copied.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb

from services.kit.errors import Unavailable
from services.memory.storage.database_file import compaction_steps
from services.memory.storage.database_file.opening import copy_database
from services.memory.storage.duckdb.connections import Connections
from services.memory.storage.duckdb.writer import Writer

logger = logging.getLogger(__name__)
Connection = duckdb.DuckDBPyConnection

patience_s = 1.0
"""How long searches wait for a long read to end before the replacement is put off."""
pause_s = 5.0
attempts_max = 12
reopen_every_s = 1.0


class Compaction:
    """Of the database at `path`."""

    def __init__(
        self, path: Path, connections: Connections, writer: Writer, open_database: Callable[[], Connection]
    ) -> None:
        self._path = path
        self._connections = connections
        self._writer = writer
        self._open = open_database
        self._running = asyncio.Lock()
        self._touched: set[int] | None = None

    def touch(self, sequences: Iterable[int]) -> None:
        """For a write job: it changes these rows in place."""
        if self._touched is not None:
            self._touched.update(sequences)

    async def copy_to(self, copy: Path) -> dict[str, int]:
        """Writes the database as it is at one moment to a new file, while others write; its numbers of rows."""
        async with self._running:
            return await self._copy(copy)

    async def _copy(self, copy: Path) -> dict[str, int]:
        used: list[Connection] = []

        def work() -> dict[str, int]:
            with self._connections.cursor() as cursor:
                used.append(cursor)
                return copy_database(cursor, copy)

        copying = asyncio.create_task(asyncio.to_thread(work))
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            for cursor in used:
                cursor.interrupt()
            await asyncio.wait([copying])
            raise

    async def run(self, erased_to: int | None = None) -> None:
        """Returns when the database is written anew; Unavailable, and all is as it was, where that cannot be done.

        Removals up to the number `erased_to`, without one all that were made before it began, are then erased.
        """
        async with self._running:
            try:
                await asyncio.to_thread(compaction_steps.discard, self._path)
                await asyncio.to_thread(compaction_steps.require_room, self._path)
                before = await self._writer.run(self._watch)
                await self._copy(compaction_steps.copy_of(self._path))
                await self._replace(before if erased_to is None else min(erased_to, before))
            except OSError as error:
                raise Unavailable(f"It cannot be written anew: {error.strerror}.") from error
            finally:
                self._touched = None
                await asyncio.to_thread(compaction_steps.discard, self._path)

    def _watch(self, writing: Connection) -> int:
        """From here on, what write jobs touch is known: before the copy begins, and between two of them.

        The last removal before it: no text of that or an earlier one comes into the copy.
        """
        self._touched = set()
        return compaction_steps.last_removal(writing)

    async def _replace(self, erased_to: int) -> None:
        for _ in range(attempts_max):
            replacing = asyncio.create_task(self._attempt(erased_to))
            try:
                if await asyncio.shield(replacing):
                    return
            except asyncio.CancelledError:
                await asyncio.wait([replacing])  # it is a moment, and must not end in the middle
                raise
            except Exception:
                while not self._connections.is_open:
                    await self._reopen()
                raise
            await asyncio.sleep(pause_s)
        raise Unavailable("Something reads the database all the time.")

    async def _attempt(self, erased_to: int) -> bool:
        """Whether the copy has taken the database's place."""
        mark = secrets.token_hex(16)
        replaced = False

        def replace(writing: Connection) -> Connection:
            nonlocal replaced
            compaction_steps.catch_up(
                writing, self._path, compaction_steps.Meanwhile(self._touched or (), erased_to, mark)
            )
            writing.execute("CHECKPOINT")  # so that closing takes no time
            writing.close()
            replaced = self._connections.replace(lambda: self._open_copy(mark), patience_s)
            return self._connections.writing()

        await self._writer.replace(replace)
        return replaced

    def _open_copy(self, mark: str) -> Connection:
        compaction_steps.put_in_place(self._path)
        connection = self._open()
        if not compaction_steps.has_mark(connection, mark):
            connection.close()
            raise RuntimeError("the database that was replaced is still open")
        return connection

    async def _reopen(self) -> None:
        """Whichever of the two has the name now is whole."""
        logger.error("%s is closed and must be opened again", self._path.name)

        def reopen(_: Connection) -> Connection:
            self._connections.replace(self._open, patience_s)
            return self._connections.writing()

        try:
            await self._writer.replace(reopen)
        except Unavailable as error:
            logger.error("%s", error.message)  # noqa: TRY400  # its message says all
            await asyncio.sleep(reopen_every_s)
