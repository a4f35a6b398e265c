"""What a record's JSON is in its row: as it is, or sealed; and what columns call projects and directories."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Protocol

from services.kit.encryption.vault import Vault, identity


class Bodies(Protocol):
    """The way of records into their rows and back; `whose` is the table and the row's key."""

    @property
    def mark(self) -> int:
        """What SQLite's application_id says of the file."""
        ...

    def body(self, whose: tuple[str | int, ...], text: str) -> str:
        """The column of a record."""
        ...

    def read(self, whose: tuple[str | int, ...], column: str) -> str:
        """What `body` was given."""
        ...

    def name(self, text: str) -> str:
        """What columns call a project or a directory, each time the same."""
        ...

    def read_name(self, column: str) -> str:
        """What `name` was given."""
        ...


class ClearBodies:
    """Columns hold what they say."""

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
        self.mark = int(vault.id[:8], 16) >> 1 | 1  # a positive number of 32 bits, of this data key

    def body(self, whose: tuple[str | int, ...], text: str) -> str:
        """See Bodies."""
        return b64encode(self._vault.seal("session record", identity(*whose), text.encode())).decode()

    def read(self, whose: tuple[str | int, ...], column: str) -> str:
        """See Bodies; SealBroken where the row is another's."""
        try:
            sealed = b64decode(column, validate=True)
        except ValueError:
            sealed = b""  # no vault opens that
        return self._vault.open("session record", identity(*whose), sealed).decode()

    def name(self, text: str) -> str:
        """See Bodies."""
        return self._vault.seal_name("session name", b"", text) if text else ""

    def read_name(self, column: str) -> str:
        """See Bodies."""
        return self._vault.name("session name", b"", column) if column else ""


def bodies_of(vault: Vault | None) -> Bodies:
    """How a database is written that the vault seals, or nothing does."""
    return SealedBodies(vault) if vault else ClearBodies()
