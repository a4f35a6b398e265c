"""Encodes a memory's text in its row: in clear, or sealed so that nothing can be read without the key."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from services.kit.encryption.vault import Vault, identity
from services.memory.domain.memories import Memory


class Texts(NamedTuple):
    """All text of a memory, as in its columns; `metadata` is JSON."""

    content: str
    project: str
    session_id: str
    role: str
    tags: Sequence[str]
    metadata: str

    @classmethod
    def of(cls, memory: Memory) -> Texts:
        """The texts of a memory."""
        metadata = json.dumps(dict(memory.metadata))
        return cls(memory.content, memory.project, memory.session_id, memory.role, memory.tags, metadata)


class LinkTexts(NamedTuple):
    """All text of a project link."""

    source: str
    target: str
    description: str


class Whose(NamedTuple):
    """The memory that a text is bound to: it cannot be opened as another memory's. An earlier version of a memory has
    its number, negative, as sequence."""

    sequence: int
    id: str
    user: str


class Rows(Protocol):
    """Encodes texts and vectors for their columns, and decodes them."""

    @property
    def data_key(self) -> str:
        """The data key's id; empty if nothing is sealed."""
        ...

    def fingerprint(self, memory: Memory, user: str) -> UUID:
        """Equal for memories that count as the same."""
        ...

    def name(self, project: str) -> str:
        """The column value of a project's name, always the same; empty for an empty one."""
        ...

    def read_name(self, column: str) -> str:
        """Decodes the result of `name`."""
        ...

    def texts(self, whose: Whose, texts: Texts) -> Texts:
        """The columns of a memory."""
        ...

    def read(self, whose: Whose, columns: Texts) -> Texts:
        """Decodes the result of `texts`."""
        ...

    def vector(self, sequence: int, place: str, vector: bytes) -> bytes:
        """The column of one of a memory's vectors, `content` or `context`."""
        ...

    def read_vector(self, sequence: int, place: str, column: bytes) -> bytes:
        """Decodes the result of `vector`."""
        ...

    def link(self, user: str, texts: LinkTexts) -> LinkTexts:
        """The columns of a link."""
        ...

    def read_link(self, user: str, columns: LinkTexts) -> LinkTexts:
        """Decodes the result of `link`."""
        ...

    def secret(self, secret: bytes) -> str:
        """The column of the key of digests."""
        ...

    def read_secret(self, column: str) -> bytes:
        """Decodes the result of `secret`."""
        ...


class ClearRows:
    """Columns in clear text."""

    data_key = ""

    def fingerprint(self, memory: Memory, user: str) -> UUID:
        return memory.fingerprint(user)

    def name(self, project: str) -> str:
        return project

    def read_name(self, column: str) -> str:
        return column

    def texts(self, whose: Whose, texts: Texts) -> Texts:  # noqa: ARG002  # the Protocol's
        return texts

    def read(self, whose: Whose, columns: Texts) -> Texts:  # noqa: ARG002
        return columns

    def vector(self, sequence: int, place: str, vector: bytes) -> bytes:  # noqa: ARG002
        return vector

    def read_vector(self, sequence: int, place: str, column: bytes) -> bytes:  # noqa: ARG002
        return column

    def link(self, user: str, texts: LinkTexts) -> LinkTexts:  # noqa: ARG002
        return texts

    def read_link(self, user: str, columns: LinkTexts) -> LinkTexts:  # noqa: ARG002
        return columns

    def secret(self, secret: bytes) -> str:
        return b64encode(secret).decode()

    def read_secret(self, column: str) -> bytes:
        return _decode(column)


class SealedRows:
    """`content` holds all text of a memory, sealed and in base64; equal project names are sealed to equal values.

    The sealed data are a line of JSON and the content. They are bound to the row's sequence, id, user and project; a
    vector is bound to its sequence and place, a link's description to its user and projects.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.data_key = vault.id

    def fingerprint(self, memory: Memory, user: str) -> UUID:
        """Keyed, so that contents cannot be guessed and verified."""
        return UUID(bytes=self._vault.digest("fingerprint", memory.fingerprint(user).bytes)[:16])

    def name(self, project: str) -> str:
        return self._vault.seal_name("project", b"", project) if project else ""

    def read_name(self, column: str) -> str:
        return self._vault.name("project", b"", column) if column else ""

    def texts(self, whose: Whose, texts: Texts) -> Texts:
        head = json.dumps([texts.session_id, texts.role, list(texts.tags), texts.metadata])
        plain = head.encode() + b"\n" + texts.content.encode()
        project = self.name(texts.project)
        sealed = b64encode(self._vault.seal("memory", identity(*whose, project), plain)).decode()
        return Texts(sealed, project, "", "", (), "")

    def read(self, whose: Whose, columns: Texts) -> Texts:
        """Raises SealBroken if the row belongs to another memory."""
        plain = self._vault.open("memory", identity(*whose, columns.project), _decode(columns.content))
        head, _, content = plain.partition(b"\n")
        session_id, role, tags, metadata = json.loads(head)
        project = self.read_name(columns.project)
        return Texts(content.decode(), project, session_id, role, tags, metadata)

    def vector(self, sequence: int, place: str, vector: bytes) -> bytes:
        return self._vault.seal("embedding", identity(sequence, place), vector)

    def read_vector(self, sequence: int, place: str, column: bytes) -> bytes:
        """Empty for an empty column."""
        return self._vault.open("embedding", identity(sequence, place), column) if column else b""

    def link(self, user: str, texts: LinkTexts) -> LinkTexts:
        source, target = self.name(texts.source), self.name(texts.target)
        sealed = self._vault.seal("link", identity(user, source, target), texts.description.encode())
        return LinkTexts(source, target, b64encode(sealed).decode())

    def read_link(self, user: str, columns: LinkTexts) -> LinkTexts:
        whose = identity(user, columns.source, columns.target)
        description = self._vault.open("link", whose, _decode(columns.description)).decode()
        return LinkTexts(self.read_name(columns.source), self.read_name(columns.target), description)

    def secret(self, secret: bytes) -> str:
        return b64encode(self._vault.seal("digest key", b"", secret)).decode()

    def read_secret(self, column: str) -> bytes:
        return self._vault.open("digest key", b"", _decode(column))


def _decode(column: str) -> bytes:
    """The decoded column; empty, which no vault opens, if it is not base64."""
    try:
        return b64decode(column, validate=True)
    except ValueError:
        return b""


def is_sealed(rows: Rows) -> bool:
    """Whether `content` holds all text."""
    return bool(rows.data_key)


def rows_of(vault: Vault | None) -> Rows:
    """The row encoding with the vault, or in clear without one."""
    return SealedRows(vault) if vault else ClearRows()
