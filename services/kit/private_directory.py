"""Directories that only their owner can access."""

from __future__ import annotations

import os
from pathlib import Path

from services.kit.errors import Unavailable

NO_DATABASE_BELOW = frozenset("?\\")
"""Characters that DuckDB does not accept in a database's path."""


def private_directory(directory: Path) -> Path:
    """The directory, created if missing, and closed to others if we own it; Unavailable if that fails."""
    if NO_DATABASE_BELOW & set(str(directory.absolute())):
        raise Unavailable(f"{directory}: a path with ? or \\ in it can have no database.", "Set SEGUE_DATA_DIR.")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            directory.chmod(0o700)
    except OSError as error:
        raise Unavailable(f"{directory} cannot be created: {error.strerror}.", "Set SEGUE_DATA_DIR.") from error
    return directory
