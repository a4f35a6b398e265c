"""The store that the session service needs, and one write to it: all or nothing, checked by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.kit.errors import Conflict
from services.kit.events.outbox import Outbox
from services.kit.token_bucket import Allowance
from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited, Ledger
from services.session.domain.projects import ProjectStore
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, Session, State
from services.session.domain.tokens import TokenStore
from services.session.operations.events import Event, EventSource

audit_max = 2_000
"""The least number of audit lines kept for a user, unless the settings say otherwise; older ones may be removed."""


class Stale(Conflict):
    """The state that the change was computed from is outdated: read again, and repeat the change."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. A session, conversation or ledger carries the version at which it was read, and is stored as the next
    one. A handoff without a place gets the one after the project's last."""

    session: Session | None = None
    conversation: Conversation | None = None
    checkpoint: Checkpoint | None = None
    handoff: Handoff | None = None
    dropped: Handoff | None = None  # one that is to go
    forgotten: Conversation | None = None  # one that is to go
    deferred: DeferredStore | None = None
    settled: str = ""  # the id of a deferred store that is done
    ledger: Ledger | None = None
    audited: Sequence[Audited] = ()
    events: Sequence[Event] = ()
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Selects a user's sessions: newest first, after the one that `after` names (its creation and id)."""

    project: str = ""
    state: State | None = None
    limit: int = 20
    after: tuple[datetime, str] | None = None
    without_handoff: bool = False
    """Only those abandoned without a handoff since."""


@dataclass(frozen=True, slots=True)
class StoreSize:
    """Bytes in use, and the limit."""

    used_bytes: int
    max_bytes: int


class SessionStore(Protocol):
    """Sessions and everything that belongs to them. Every method raises Unavailable while the store is down."""

    @property
    def events(self) -> EventSource:
        """The events of durable changes."""
        ...

    @property
    def outbox(self) -> Outbox:
        """The same events for other programs, where the settings want them."""
        ...

    @property
    def tokens(self) -> TokenStore:
        """The bearer tokens, stored beside the sessions."""
        ...

    @property
    def projects(self) -> ProjectStore:
        """The registries of projects, stored beside the sessions."""
        ...

    @property
    def allowance(self) -> Allowance:
        """The rate limits of each user, shared by all processes on this store."""
        ...

    async def commit(self, change: Change) -> None:
        """Writes all of it or nothing; the change survives a kill once this returns.

        Stale if a version has changed, another session of its project is active in the directory, or the operation
        already has an answer.
        """
        ...

    async def earlier_answer(self, user: str, operation_id: str) -> Answer | None:
        """The operation's stored answer, if there is one."""
        ...

    async def forget_answers(self, before: datetime, most: int) -> None:
        """Drops the answers of older operations, and of each user all but the latest `most`."""
        ...

    async def session(self, id: str) -> Session | None:
        """The session, of any user."""
        ...

    async def active_in(self, user: str, working_directory: str) -> Sequence[Session]:
        """The user's active sessions in a directory, the one seen last first; one at most of each project."""
        ...

    async def session_page(self, user: str, listing: Listing) -> list[Session]:
        """The selected sessions, by creation and id, newest first."""
        ...

    async def last_seen_before(self, time: datetime, most: int) -> list[Session]:
        """Active sessions of all users last seen before `time`, longest ago first."""
        ...

    async def finished_before(
        self, time: datetime, most: int, after: tuple[datetime, str] | None = None
    ) -> list[Session]:
        """Sessions of all users that are not active and were last seen before `time`, longest ago first, after the one
        that `after` names (when it was last seen, and its id)."""
        ...

    async def remove_session(self, session: Session) -> None:
        """Removes it with its checkpoints, handoff and deferred stores; Stale if it has changed since."""
        ...

    async def tidy(self) -> None:
        """Migrates data of earlier versions; may be repeated and interrupted."""
        ...

    async def size(self) -> StoreSize | None:
        """The store's size and its limit; None if only the disk limits it."""
        ...

    async def active_count(self) -> int:
        """How many sessions of all users are active."""
        ...

    async def checkpoint(self, session_id: str, number: int) -> Checkpoint | None:
        """One checkpoint."""
        ...

    async def checkpoints(self, session_id: str, most: int) -> list[Checkpoint]:
        """The session's last checkpoints, oldest first."""
        ...

    async def pending(self, user: str, most: int) -> list[DeferredStore]:
        """The deferred stores of the user's sessions, oldest first."""
        ...

    async def handoff(self, id: str) -> Handoff | None:
        """One handoff: a session's by the session's id, a conversation's by its own."""
        ...

    async def handoffs(self, user: str, project: str, most: int, before: int = 0) -> list[Handoff]:
        """The handoffs of a project, or of all if none is named, the last one first; those before a place, if given."""
        ...

    async def latest_handoff(self, user: str, project: str) -> Handoff | None:
        """The project's last handoff."""
        ...

    async def conversation(self, user: str, id: str) -> Conversation | None:
        """The user's conversation."""
        ...

    async def open_conversations(self, user: str, project: str, most: int) -> list[Conversation]:
        """Those that have not ended, the one heard of last first; of all projects if none is named."""
        ...

    async def old_conversations(self, before: datetime, most: int) -> list[Conversation]:
        """Conversations of all users last heard of before `before`, longest ago first."""
        ...

    async def ledger(self, user: str) -> Ledger:
        """The user's rules; empty at version 0 if there are none."""
        ...

    async def audit(self, user: str, project: str, most: int) -> list[Audited]:
        """The last lines of the user's log (of `project` where it is not empty), newest first."""
        ...

    async def troubles(self) -> Mapping[str, str]:
        """Problems of the store by part; empty if there are none."""
        ...
