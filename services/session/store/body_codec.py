"""Encodes records in their rows, in clear or sealed, and the names of projects and directories in columns."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Protocol

from services.kit.encryption.vault import Vault, identity


class Bodies(Protocol):
    """Encodes and decodes rows; `whose` is the table and the row's key."""

    @property
    def mark(self) -> int:
        """The value of SQLite's application_id in the file."""
        ...

    def body(self, whose: tuple[str | int, ...], text: str) -> str:
        """Encodes a record for its column."""
        ...

    def read(self, whose: tuple[str | int, ...], column: str) -> str:
        """Decodes a column that `body` encoded."""
        ...

    def name(self, text: str) -> str:
        """Encodes the name of a project or directory, deterministically."""
        ...

    def read_name(self, column: str) -> str:
        """Decodes a column that `name` encoded."""
        ...


class ClearBodies:
    """Columns in clear."""

    mark = 0

    def body(self, whose: tuple[str | int, ...], text: str) -> str:  # noqa: ARG002  # the Protocol's
        """See Bodies."""
        return text

    def read(self, whose: tuple[str | int, ...], column: str) -> str:  # noqa: ARG002
        """See Bodies."""
        return column

    def name(self, text: str) -> str:
        """See Bodies."""
        return text

    def read_name(self, column: str) -> str:
        """See Bodies."""
        return column


class SealedBodies:
    """Records are sealed and in base64; names are sealed so that equal ones are equal."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.mark = int(vault.id[:8], 16) >> 1 | 1  # a positive 32-bit number derived from this data key

    def body(self, whose: tuple[str | int, ...], text: str) -> str:
        """See Bodies."""
        return b64encode(self._vault.seal("session record", identity(*whose), text.encode())).decode()

    def read(self, whose: tuple[str | int, ...], column: str) -> str:
        """See Bodies; SealBroken if the column belongs to another row."""
        try:
            sealed = b64decode(column, validate=True)
        except ValueError:
            sealed = b""  # cannot be opened
        return self._vault.open("session record", identity(*whose), sealed).decode()

    def name(self, text: str) -> str:
        """See Bodies."""
        return self._vault.seal_name("session name", b"", text) if text else ""

    def read_name(self, column: str) -> str:
        """See Bodies."""
        return self._vault.name("session name", b"", column) if column else ""


def bodies_of(vault: Vault | None) -> Bodies:
    """The encoding for a database that the vault seals, or for one in clear."""
    return SealedBodies(vault) if vault else ClearBodies()
