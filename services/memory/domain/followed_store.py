"""A store whose users' memories are followed by version: who knows one misses nothing that was committed since."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.memory.domain.corrections import Corrections
from services.memory.domain.rows import Loaded, Sequences
from services.memory.domain.store import Inventory, MemoryStore


@dataclass(frozen=True, slots=True)
class Change:
    """One of them: `what` is stored, removed, changed or embedded."""

    version: int
    what: str
    sequences: Sequence[int]

    @property
    def is_of_vectors(self) -> bool:
        """Whether embeddings were written."""
        return self.what == "embedded"


@dataclass(frozen=True, slots=True)
class UserVersions:
    """The version of a user, and of each other one who ever shared a memory. Versions of different epochs say nothing
    of each other: of a failover, something that was known may have been lost."""

    epoch: str
    of: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Where a memory stands, without its text: its project and session, and when it was last said."""

    sequence: int
    project: str
    session_id: str
    said_s: float
    shared: bool


@dataclass(frozen=True, slots=True)
class UserCorrections:
    """What a user's memories say of force, and the sequences of what they replace, by the key of user and id."""

    corrections: Corrections = field(default_factory=Corrections)
    sequences: Mapping[str, int] = field(default_factory=dict)


class FollowedStore(MemoryStore, Protocol):
    """`MemoryStore`, and the versions of its users. Each change raises its user's version in its own transaction."""

    async def user_versions(self, user: str) -> UserVersions:
        """The versions that matter to what the user may read; those without a change have none."""
        ...

    async def changes(self, user: str, since: int) -> list[Change] | None:
        """What changed of the user's memories after that version, in order; None if that is no longer known."""
        ...

    async def inventory_of(self, model: str, user: str, only: Sequence[int] | None = None) -> Inventory:
        """What the user has now, of these sequences if any are given; only embeddings by `model` count."""
        ...

    def load_of(self, user: str, model: str, sequences: Sequences, *, text: bool) -> AsyncIterator[Loaded]:
        """As `load`, of one user."""
        ...

    async def session_rows(self, user: str, only: Sequence[int] | None = None) -> list[SessionRow]:
        """The user's memories of these sequences; by default all in projects of which any memory is shared, ascending.
        Without those that cannot be read."""
        ...

    async def corrections_of(self, user: str) -> UserCorrections:
        """What replaces what, and what is withdrawn, of the user's memories."""
        ...

    async def removal_versions(self) -> dict[str, int]:
        """Of each user whose memories were deleted or rewritten of late, the version of the last time."""
        ...

    async def owners(self, sequences: Sequence[int]) -> dict[int, str]:
        """Whose the memories are that exist."""
        ...
