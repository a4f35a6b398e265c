"""Compaction of a store in use: copies the database, catches up with changes, and replaces it.

Searches wait only for the replacement, stores also while the copy catches up.
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
from services.memory.storage.duckdb.deletion.deletes import purge
from services.memory.storage.duckdb.writer import Writer

logger = logging.getLogger(__name__)
Connection = duckdb.DuckDBPyConnection

patience_s = 1.0
"""How long searches wait for a long read to end before the replacement is postponed."""
pause_s = 5.0
attempts_max = 12
reopen_every_s = 1.0


class Compaction:
    """Compacts the database at `path`."""

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
        """Records rows that a write job changes in place."""
        if self._touched is not None:
            self._touched.update(sequences)

    async def copy_to(self, copy: Path) -> dict[str, int]:
        """Writes a consistent copy to a new file, while others write, without what was deleted; returns its numbers of
        rows."""
        async with self._running:
            return await self._copy(copy, deleted_too=False)

    async def _copy(self, copy: Path, *, deleted_too: bool) -> dict[str, int]:
        used: list[Connection] = []

        def work() -> dict[str, int]:
            with self._connections.cursor() as cursor:
                used.append(cursor)
                return copy_database(cursor, copy, deleted_too=deleted_too)

        copying = asyncio.create_task(asyncio.to_thread(work))
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            for cursor in used:
                cursor.interrupt()
            await asyncio.wait([copying])
            raise

    async def run(self, erased_to: int | None = None) -> None:
        """Rewrites the database; Unavailable if that is not possible, and nothing is changed.

        Marks deletions up to the number `erased_to` as erased; by default, all made before it began.
        """
        async with self._running:
            try:
                await asyncio.to_thread(compaction_steps.discard, self._path)
                await asyncio.to_thread(compaction_steps.require_room, self._path)
                before = await self._writer.run(self._watch)
                await self._copy(compaction_steps.copy_of(self._path), deleted_too=True)
                await self._replace(before if erased_to is None else min(erased_to, before))
            except OSError as error:
                raise Unavailable(f"The database cannot be rewritten: {error.strerror}.") from error
            finally:
                self._touched = None
                await asyncio.to_thread(compaction_steps.discard, self._path)

    def _watch(self, writing: Connection) -> int:
        """Starts to record the rows that write jobs change; runs between two jobs, before the copy begins.

        Returns the last deletion before that, and drops what those took: no text of it gets into the copy.
        """
        self._touched = set()
        last = compaction_steps.last_removal(writing)
        purge(writing, last)
        return last

    async def _replace(self, erased_to: int) -> None:
        for _ in range(attempts_max):
            replacing = asyncio.create_task(self._attempt(erased_to))
            try:
                if await asyncio.shield(replacing):
                    return
            except asyncio.CancelledError:
                await asyncio.wait([replacing])  # short, and must not be interrupted
                raise
            except Exception:
                while not self._connections.is_open:
                    await self._reopen()
                raise
            await asyncio.sleep(pause_s)
        raise Unavailable("The database cannot be replaced: a read is always open.")

    async def _attempt(self, erased_to: int) -> bool:
        """Tries to replace the database by the copy; returns whether it did."""
        mark = secrets.token_hex(16)
        replaced = False

        def replace(writing: Connection) -> Connection:
            nonlocal replaced
            compaction_steps.catch_up(
                writing, self._path, compaction_steps.Meanwhile(self._touched or (), erased_to, mark)
            )
            writing.execute("CHECKPOINT")  # so that closing is fast
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
        """Reopens the file under the name, old or new: both are complete."""
        logger.error("%s is closed and must be opened again", self._path.name)

        def reopen(_: Connection) -> Connection:
            self._connections.replace(self._open, patience_s)
            return self._connections.writing()

        try:
            await self._writer.replace(reopen)
        except Unavailable as error:
            logger.error("%s", error.message)  # noqa: TRY400  # its message says all
            await asyncio.sleep(reopen_every_s)
