"""What a memory's text is in its row: as it is, or sealed so that nothing of it can be read without the key."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from services.kit.encryption.vault import Vault, identity
from services.memory.domain.memories import Memory


class Texts(NamedTuple):
    """All text of a memory, as its columns hold it; `metadata` is JSON."""

    content: str
    project: str
    session_id: str
    role: str
    tags: Sequence[str]
    metadata: str

    @classmethod
    def of(cls, memory: Memory) -> Texts:
        """The memory's."""
        metadata = json.dumps(dict(memory.metadata))
        return cls(memory.content, memory.project, memory.session_id, memory.role, memory.tags, metadata)


class LinkTexts(NamedTuple):
    """All text of a link between projects."""

    source: str
    target: str
    description: str


class Whose(NamedTuple):
    """Which memory a text belongs to: with another's it cannot be read."""

    sequence: int
    id: str
    user: str


class Rows(Protocol):
    """The way of texts and vectors into their columns and back."""

    @property
    def data_key(self) -> str:
        """The data key's id; empty where nothing is sealed."""
        ...

    def fingerprint(self, memory: Memory, user: str) -> UUID:
        """Equal for what counts as the same memory."""
        ...

    def name(self, project: str) -> str:
        """What columns call a project, each time the same; empty for an empty one."""
        ...

    def read_name(self, column: str) -> str:
        """What `name` was given."""
        ...

    def texts(self, whose: Whose, texts: Texts) -> Texts:
        """The columns of a memory."""
        ...

    def read(self, whose: Whose, columns: Texts) -> Texts:
        """What `texts` was given."""
        ...

    def vector(self, sequence: int, place: str, vector: bytes) -> bytes:
        """The column of one of a memory's vectors, `content` or `context`."""
        ...

    def read_vector(self, sequence: int, place: str, column: bytes) -> bytes:
        """What `vector` was given."""
        ...

    def link(self, user: str, texts: LinkTexts) -> LinkTexts:
        """The columns of a link."""
        ...

    def read_link(self, user: str, columns: LinkTexts) -> LinkTexts:
        """What `link` was given."""
        ...


class ClearRows:
    """Columns hold what they say."""

    data_key = ""

    def fingerprint(self, memory: Memory, user: str) -> UUID:
        """See Rows."""
        return memory.fingerprint(user)

    def name(self, project: str) -> str:
        """See Rows."""
        return project

    def read_name(self, column: str) -> str:
        """See Rows."""
        return column

    def texts(self, whose: Whose, texts: Texts) -> Texts:  # noqa: ARG002  # the Protocol's
        """See Rows."""
        return texts

    def read(self, whose: Whose, columns: Texts) -> Texts:  # noqa: ARG002
        """See Rows."""
        return columns

    def vector(self, sequence: int, place: str, vector: bytes) -> bytes:  # noqa: ARG002
        """See Rows."""
        return vector

    def read_vector(self, sequence: int, place: str, column: bytes) -> bytes:  # noqa: ARG002
        """See Rows."""
        return column

    def link(self, user: str, texts: LinkTexts) -> LinkTexts:  # noqa: ARG002
        """See Rows."""
        return texts

    def read_link(self, user: str, columns: LinkTexts) -> LinkTexts:  # noqa: ARG002
        """See Rows."""
        return columns


class SealedRows:
    """`content` holds all text of a memory, sealed and in base64; equal names of projects are equal when sealed, too.

    What is sealed is a line of JSON, then the content. It is bound to the row's sequence, id, user and project, a
    vector to its sequence and place, a link's description to its user and projects.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.data_key = vault.id

    def fingerprint(self, memory: Memory, user: str) -> UUID:
        """See Rows; keyed, so that nobody can try contents out."""
        return UUID(bytes=self._vault.digest("fingerprint", memory.fingerprint(user).bytes)[:16])

    def name(self, project: str) -> str:
        """See Rows."""
        return self._vault.seal_name("project", b"", project) if project else ""

    def read_name(self, column: str) -> str:
        """See Rows."""
        return self._vault.name("project", b"", column) if column else ""

    def texts(self, whose: Whose, texts: Texts) -> Texts:
        """See Rows."""
        head = json.dumps([texts.session_id, texts.role, list(texts.tags), texts.metadata])
        plain = head.encode() + b"\n" + texts.content.encode()
        project = self.name(texts.project)
        sealed = b64encode(self._vault.seal("memory", identity(*whose, project), plain)).decode()
        return Texts(sealed, project, "", "", (), "")

    def read(self, whose: Whose, columns: Texts) -> Texts:
        """See Rows; SealBroken where the row is another's."""
        plain = self._vault.open("memory", identity(*whose, columns.project), _decode(columns.content))
        head, _, content = plain.partition(b"\n")
        session_id, role, tags, metadata = json.loads(head)
        project = self.read_name(columns.project)
        return Texts(content.decode(), project, session_id, role, tags, metadata)

    def vector(self, sequence: int, place: str, vector: bytes) -> bytes:
        """See Rows."""
        return self._vault.seal("embedding", identity(sequence, place), vector)

    def read_vector(self, sequence: int, place: str, column: bytes) -> bytes:
        """See Rows; empty where there is none."""
        return self._vault.open("embedding", identity(sequence, place), column) if column else b""

    def link(self, user: str, texts: LinkTexts) -> LinkTexts:
        """See Rows."""
        source, target = self.name(texts.source), self.name(texts.target)
        sealed = self._vault.seal("link", identity(user, source, target), texts.description.encode())
        return LinkTexts(source, target, b64encode(sealed).decode())

    def read_link(self, user: str, columns: LinkTexts) -> LinkTexts:
        """See Rows."""
        whose = identity(user, columns.source, columns.target)
        description = self._vault.open("link", whose, _decode(columns.description)).decode()
        return LinkTexts(self.read_name(columns.source), self.read_name(columns.target), description)


def _decode(column: str) -> bytes:
    """Nothing, which no vault opens, for what is no base64."""
    try:
        return b64decode(column, validate=True)
    except ValueError:
        return b""


def rows_of(vault: Vault | None) -> Rows:
    """How a database is written that the vault seals, or nothing does."""
    return SealedRows(vault) if vault else ClearRows()
