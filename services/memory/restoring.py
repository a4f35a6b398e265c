"""Whether a restored copy of the memories can be used, and holds what its backup says."""

from __future__ import annotations

from pathlib import Path

import duckdb

from services.kit.backup import PartContent
from services.kit.errors import InvalidInput
from services.memory.migration import check_version


def verify_memory(directory: Path, content: PartContent) -> None:
    """NotReady where it is of a newer schema; InvalidInput where it holds less or more. Changes nothing in it."""
    check_version(content.schema, "The backup")
    databases = sorted(directory.glob("*.duckdb"))
    counts = dict.fromkeys(content.counts, 0)
    for path in databases:
        with duckdb.connect(path, read_only=True) as connection:
            for table in counts:
                if not table.isidentifier():
                    raise InvalidInput("The backup's manifest is damaged.")
                row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # an identifier
                counts[table] += row[0] if row else 0
    if len(databases) != content.databases or counts != dict(content.counts):
        raise InvalidInput("The backup does not hold what its manifest says.", "Use another backup.")
