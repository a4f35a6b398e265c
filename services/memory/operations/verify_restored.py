"""Verifies that a restored copy of the memories can be used, and matches its manifest."""

from __future__ import annotations

from pathlib import Path

import duckdb

from services.kit.backup import PartContent
from services.kit.encryption.vault import Vault
from services.kit.errors import InvalidInput
from services.memory.config import MemorySettings
from services.memory.storage.database_file.migration import check_version
from services.memory.storage.database_file.opening import data_keys


def require_key(directory: Path) -> Vault | None:
    """The vault that opens the copy, None if it is not encrypted; NotReady or InvalidInput without its key."""
    settings = MemorySettings(directory=directory)
    return settings.place.backup_vault(settings.encryption_key_file)


def verify_memory(directory: Path, content: PartContent) -> None:
    """NotReady if its schema is newer or its key is missing; InvalidInput if it does not match the manifest.

    Does not change the copy.
    """
    check_version(content.schema, "The backup")
    vault = require_key(directory)
    databases = sorted(directory.glob("*.duckdb"))
    counts = dict.fromkeys(content.counts, 0)
    for path in databases:
        with duckdb.connect(path, read_only=True) as connection:
            if data_keys(connection) != ([vault.id] if vault else []):
                raise InvalidInput("The backup's database and keyring do not belong together.", "Use another backup.")
            for table in counts:
                if not table.isidentifier():
                    raise InvalidInput("The backup's manifest is damaged.")
                row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # an identifier
                counts[table] += row[0] if row else 0
    if len(databases) != content.databases or counts != dict(content.counts):
        raise InvalidInput("The backup does not hold what its manifest says.", "Use another backup.")
