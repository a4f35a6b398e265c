"""The sessions' part of a backup: copies the SQLite database while it is in use, and verifies a copy."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from services.kit.backup import PartContent
from services.kit.encryption.keyring import KEYRING, read_keyring
from services.kit.errors import InvalidInput, NotReady, Unavailable
from services.session.store.schema import MIGRATIONS

FILE = "session.sqlite"
_tables = ("sessions", "checkpoints", "handoffs")


@dataclass(frozen=True, slots=True)
class SessionPart:
    """The sessions in `home`."""

    home: Path
    name: str = "session"

    async def copy_to(self, directory: Path) -> PartContent:
        """See Part."""
        return await asyncio.to_thread(self._copy, directory / FILE)

    def _copy(self, target: Path) -> PartContent:
        if (self.home / KEYRING).exists():
            shutil.copyfile(self.home / KEYRING, target.with_name(KEYRING))
        try:
            with closing(sqlite3.connect(self.home / FILE)) as source, closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
                return PartContent(len(MIGRATIONS), 1, _counts(copy, _tables))
        except sqlite3.OperationalError as error:
            raise Unavailable(f"The backup could not be written: {error}.", "Is there room for it?") from error


def _counts(connection: sqlite3.Connection, tables: Iterable[str]) -> dict[str, int]:
    sql = "SELECT count(*) FROM {}"
    return {table: connection.execute(sql.format(table)).fetchone()[0] for table in tables}


def verify_session(directory: Path, content: PartContent) -> None:
    """Raises NotReady for a newer schema; InvalidInput if it is damaged, or its counts differ from `content`."""
    if content.schema > len(MIGRATIONS):
        raise NotReady(
            f"The backup's sessions have schema {content.schema}; this version of Segue knows {len(MIGRATIONS)}.",
            "Restore it with the version of Segue that wrote it, or a newer one.",
        )
    path = directory / FILE
    if not path.exists() or set(content.counts) - set(_tables):
        raise InvalidInput("The backup does not hold what its manifest says.", "Use another backup.")
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        sound = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        is_sealed = connection.execute("PRAGMA application_id").fetchone() != (0,)
        if is_sealed != (read_keyring(directory) is not None):
            raise InvalidInput("The backup's database and keyring do not belong together.", "Use another backup.")
        if not sound or _counts(connection, content.counts) != dict(content.counts):
            raise InvalidInput("The backup does not hold what its manifest says.", "Use another backup.")
