"""The quality history's part of a backup: copies its database while in use, and verifies a copy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import duckdb

from services.kit.backup import PartContent
from services.kit.errors import InvalidInput, NotReady, Unavailable
from services.quality.storage.history import connect
from services.quality.storage.schema import MIGRATIONS

FILE = "quality.duckdb"


@dataclass(frozen=True, slots=True)
class QualityPart:
    """The history in `home`, open in this process: a second connection shares its database."""

    home: Path
    name: str = "quality"

    async def copy_to(self, directory: Path) -> PartContent:
        """See Part."""
        return await asyncio.to_thread(self._copy, directory / FILE)

    def _copy(self, target: Path) -> PartContent:
        place = str(target).replace("'", "''")
        try:
            with connect(self.home / FILE) as connection:
                connection.execute(f"ATTACH '{place}' AS backup")
                try:
                    connection.execute("COPY FROM DATABASE quality TO backup")
                    points = connection.execute("SELECT count(*) FROM backup.points").fetchall()[0][0]
                finally:
                    connection.execute("DETACH backup")
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            reason = str(error).split("\n", 1)[0]
            raise Unavailable(f"The backup could not be written: {reason}", "Is there room for it?") from error
        return PartContent(len(MIGRATIONS), 1, {"points": points})


def verify_quality(directory: Path, content: PartContent) -> None:
    """NotReady if its schema is newer; InvalidInput if it does not match the manifest."""
    if content.schema > len(MIGRATIONS):
        raise NotReady(
            f"The backup's history has schema {content.schema}; this version of Segue knows {len(MIGRATIONS)}.",
            "Restore it with the version of Segue that wrote it, or a newer one.",
        )
    path = directory / FILE
    if not path.exists():
        raise InvalidInput("The backup does not hold what its manifest says.", "Use another backup.")
    with duckdb.connect(path, read_only=True) as connection:
        points = connection.execute("SELECT count(*) FROM points").fetchall()[0][0]
    if {"points": points} != dict(content.counts):
        raise InvalidInput("The backup does not hold what its manifest says.", "Use another backup.")
