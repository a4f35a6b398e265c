"""What the session service needs of a store, and one write of it: all or nothing, checked by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.kit.errors import Conflict
from services.kit.token_bucket import Allowance
from services.session.domain.permissions import Audited, Ledger
from services.session.domain.sessions import Answer, Checkpoint, Handoff, Owed, Session, State
from services.session.domain.tokens import TokenStore
from services.session.operations.events import Event, EventSource

audit_max = 2_000
"""Lines of the audit log that are kept for a user, at least, where the settings say nothing else; older ones may go."""


class Stale(Conflict):
    """Something that the change was made from is not so any more: read again, and repeat the change."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. A session or ledger carries the version it was read at, and is stored as the next one."""

    session: Session | None = None
    checkpoint: Checkpoint | None = None
    handoff: Handoff | None = None
    owed: Owed | None = None
    paid: str = ""  # the id of what the session owes no more
    ledger: Ledger | None = None
    audited: Sequence[Audited] = ()
    events: Sequence[Event] = ()
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Which of a user's sessions: newest first, after the one that `after` names (its creation and id)."""

    project: str = ""
    state: State | None = None
    limit: int = 20
    after: tuple[datetime, str] | None = None
    without_handoff: bool = False
    """Only those that were abandoned and have left no handoff since."""


@dataclass(frozen=True, slots=True)
class StoreSize:
    """Bytes in use, and the most there may be."""

    used_bytes: int
    max_bytes: int


class SessionStore(Protocol):
    """Sessions and all that hangs on them. Every method raises Unavailable while the store does not answer."""

    @property
    def events(self) -> EventSource:
        """The events of the changes that are durable."""
        ...

    @property
    def tokens(self) -> TokenStore:
        """The bearer tokens, kept beside the sessions."""
        ...

    @property
    def allowance(self) -> Allowance:
        """How much each user may still call, for all who share this store."""
        ...

    async def commit(self, change: Change) -> None:
        """Writes all of it or nothing; when it returns, it survives a kill.

        Stale where a version has moved on, the directory of an active session has another one, or the
        operation was answered already.
        """
        ...

    async def earlier_answer(self, user: str, operation_id: str) -> Answer | None:
        """What the operation was answered, where it was."""
        ...

    async def forget_answers(self, before: datetime, most: int) -> None:
        """Drops the answers of older operations, and of each user all but the latest `most`."""
        ...

    async def session(self, id: str) -> Session | None:
        """The session, whosever it is."""
        ...

    async def active_in(self, user: str, working_directory: str) -> Session | None:
        """The user's active session in a directory; there is one at most."""
        ...

    async def session_page(self, user: str, listing: Listing) -> list[Session]:
        """The sessions that are meant, by creation and id, newest first."""
        ...

    async def last_seen_before(self, time: datetime, most: int) -> list[Session]:
        """Active sessions of anyone that were last heard of before `time`, longest ago first."""
        ...

    async def finished_before(
        self, time: datetime, most: int, after: tuple[datetime, str] | None = None
    ) -> list[Session]:
        """Sessions of anyone that are not active and were last heard of before `time`, longest ago first, after the
        one that `after` names (when it was last heard of, and its id)."""
        ...

    async def remove_session(self, session: Session) -> None:
        """Removes it with its checkpoints, its handoff and what it owes; Stale where it has changed since."""
        ...

    async def tidy(self) -> None:
        """Brings what earlier versions wrote to what this one keeps; may be repeated, and be interrupted."""
        ...

    async def size(self) -> StoreSize | None:
        """How much the store has of what it may have; None where nothing but the disk limits it."""
        ...

    async def active_count(self) -> int:
        """How many sessions of all users are active."""
        ...

    async def checkpoint(self, session_id: str, number: int) -> Checkpoint | None:
        """One checkpoint."""
        ...

    async def checkpoints(self, session_id: str, most: int) -> list[Checkpoint]:
        """The last ones of the session, oldest first."""
        ...

    async def pending(self, user: str, most: int) -> list[Owed]:
        """What the user's sessions owe, oldest first."""
        ...

    async def handoff(self, session_id: str) -> Handoff | None:
        """What that session left."""
        ...

    async def latest_handoff(self, user: str, project: str) -> Handoff | None:
        """What the project's last session left."""
        ...

    async def ledger(self, user: str) -> Ledger:
        """The user's rules; empty at version 0 where there are none."""
        ...

    async def audit(self, user: str, project: str, most: int) -> list[Audited]:
        """The last lines of the user's log (of `project` where it is not empty), newest first."""
        ...

    async def troubles(self) -> Mapping[str, str]:
        """What of the store is not as it should be, by part: nothing when all is well."""
        ...
