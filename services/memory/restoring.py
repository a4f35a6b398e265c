"""Whether a restored copy of the memories can be used, and holds what its backup says."""

from __future__ import annotations

from pathlib import Path

import duckdb

from services.kit.backup import PartContent
from services.kit.encryption.keyring import read_keyring
from services.kit.encryption.vault import Vault
from services.kit.errors import InvalidInput, NotReady
from services.memory.config import KEY_FILE_SETTING, MemorySettings
from services.memory.database import data_keys
from services.memory.migration import check_version


def require_key(directory: Path) -> Vault | None:
    """What opens a copy of the memories, None where it is not encrypted; NotReady or InvalidInput without its key."""
    settings = MemorySettings(directory=directory)
    key_file = settings.encryption_key_file
    if key_file and read_keyring(directory) is None:
        raise NotReady(
            f"The memories in the backup are not encrypted, and {KEY_FILE_SETTING} is set.",
            f"Unset it, restore, then encrypt them with `segue key encrypt {key_file}`.",
        )
    return settings.place.vault(key_file)


def verify_memory(directory: Path, content: PartContent) -> None:
    """NotReady where it is of a newer schema or its key is not there; InvalidInput where it holds less or more.

    Changes nothing in it.
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
