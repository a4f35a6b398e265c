"""Cells in files, so that a user's texts need not be read again after a start, or after their cell was dropped.

A file says in its name of which version it is: what changed since is brought in when it is read. It holds what the user
has, and nothing that others share.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from services.kit.encryption.vault import Vault
from services.memory.index.contents import Contents
from services.memory.index.maintenance import index_identity
from services.memory.index.pruning import without_removed
from services.memory.index.snapshot import SnapshotFile, SnapshotUnusable

logger = logging.getLogger(__name__)

CELLS = "cells"
ALIVE = "alive"
"""A file that is as old as the last look for what is to be erased from the others."""
away_max_s = 12 * 3_600.0
"""After so long without a look, what was deleted meanwhile may no longer be known: no file is used."""


class CellFile(NamedTuple):
    """A cell as it is in a file: its index's contents, and the version that they are of."""

    contents: Contents
    version: int


@dataclass(frozen=True, slots=True)
class CellFiles:
    """The files of one data directory, sealed as snapshots are. `model` made the vectors."""

    directory: Path
    vault: Vault | None
    model: str

    def open(self, epoch: str) -> None:
        """Makes the directory; removes files of another epoch, and all of them after a long absence."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        alive = self.directory / ALIVE
        is_known = alive.exists() and time.time() - alive.stat().st_mtime < away_max_s
        for path in self.directory.iterdir():
            if path.name != ALIVE and not (is_known and path.name.startswith(_digest(epoch))):
                path.unlink(missing_ok=True)
        alive.touch(mode=0o600)

    def read(self, epoch: str, user: str) -> CellFile | None:
        """The user's, None if there is none that can be used."""
        for path in self._of(epoch, user):
            try:
                contents = SnapshotFile(path, self.vault).read(self._identity(epoch, user))
            except SnapshotUnusable as error:
                logger.info("a user's index is made from the database: its file cannot be used, %s", error)
                path.unlink(missing_ok=True)
            else:
                return CellFile(contents, _version(path))
        return None

    def write(self, epoch: str, user: str, cell: CellFile) -> None:
        """Writes the user's own memories in the place of an earlier file. OSError if that is not possible."""
        earlier = self._of(epoch, user)
        path = self.directory / f"{_digest(epoch)}-{_digest(user)}-{cell.version}.cell"
        contents = without_removed(_own(cell.contents, user))
        SnapshotFile(path, self.vault).write(contents, self._identity(epoch, user))
        for each in earlier:
            if each != path:
                each.unlink(missing_ok=True)

    def erase(self, epoch: str, user: str, version: int) -> None:
        """Removes the user's file if it is of before that version: of what was deleted then it may hold text."""
        for path in self._of(epoch, user):
            if _version(path) < version:
                path.unlink(missing_ok=True)

    def note_alive(self) -> None:
        """Says that the files hold nothing of what is known to be deleted."""
        (self.directory / ALIVE).touch(mode=0o600)

    def _of(self, epoch: str, user: str) -> list[Path]:
        """The latest first."""
        found = self.directory.glob(f"{_digest(epoch)}-{_digest(user)}-*.cell")
        return sorted(found, key=_version, reverse=True)

    def _identity(self, epoch: str, user: str) -> str:
        return f"{index_identity(self.model)}, {epoch}, {_digest(user)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _version(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _own(contents: Contents, user: str) -> Contents:
    """The contents in which other users' memories are removed ones."""
    names = [name for (name,) in contents.names["catalogue.users"]]
    code = names.index(user) if user in names else -1
    alive = contents.arrays["catalogue.alive"] & (contents.arrays["catalogue.user"] == code)
    return Contents({**contents.arrays, "catalogue.alive": alive}, contents.names)
