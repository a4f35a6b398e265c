"""Finds the session that a call refers to, checks that it is alive, and makes changes happen once."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from services.kit.background_task import report_success
from services.kit.errors import Conflict, InvalidInput, NotFound, Unavailable
from services.session.domain.sessions import (
    Answer,
    Session,
    State,
    Which,
    abandon,
    check_text,
    has_expired,
    mark_seen,
    name_max_chars,
    normalise_directory,
    threshold_crossing,
)
from services.session.operations.events import QUALITY_THRESHOLD, SESSION_ENDED, Event
from services.session.store import Change, Listing, SessionStore, Stale

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

attempts_max = 100
"""How often a change is retried because another was first; in each round at least one writer succeeds."""
page_max = 100
candidates_max = 10
abandoned_at_once_max = 100
heartbeats_per_lease = 20
"""Calls that only read renew a lease at most this many times within its length."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings for all sessions."""

    lease_s: float = 3600.0
    answers_keep_s: float = 7 * 24 * 3600.0
    answers_max: int = 10_000


def utc_now() -> datetime:
    """Now, aware."""
    return datetime.now(UTC)


async def until_first(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Repeats `attempt` while another writer was first, and returns its result; Conflict after too many attempts."""
    for _ in range(attempts_max):
        with suppress(Stale):
            return await attempt()
    raise Conflict("Too many calls change the same at once.", "Try again.")


def session_event(name: str, session: Session, at: datetime, **data: str | float | bool | None) -> Event:
    """An event of a session."""
    return Event(name, session.user, at, session.id, data)


def session_end_event(session: Session, at: datetime) -> Event:
    """The event that a session ended or was abandoned."""
    quality, count = session.last_quality, session.checkpoints
    return session_event(SESSION_ENDED, session, at, state=str(session.state), quality=quality, checkpoints=count)


def threshold_events(session: Session, score: float | None, threshold: float, at: datetime) -> list[Event]:
    """The event that the quality crossed the threshold, if this score does."""
    direction = threshold_crossing(session.last_quality, score, threshold)
    event = session_event(QUALITY_THRESHOLD, session, at, quality=score, threshold=threshold, direction=direction)
    return [event] if direction else []


class Finding:
    """Looks sessions up for the operations. `now` gives the current time, with a zone."""

    def __init__(self, store: SessionStore, terms: Terms, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._terms = terms
        self._none_expire_before = datetime.min.replace(tzinfo=UTC)
        self.now = now

    async def find(self, user: str, which: Which) -> Session:
        """The session that the call refers to: NotFound, or InvalidInput with the candidates if it is ambiguous."""
        if which.session_id:
            return await self.mine(user, which.session_id)
        await self.abandon_expired()
        if directory := normalise_directory(which.working_directory):
            there = await self._store.active_in(user, directory)
            candidates = [each for each in there if which.project in {"", each.project}]
            if there and not candidates:
                raise _of_another_project(there[0], which.project)
        else:
            candidates = await self._store.session_page(user, Listing(state=State.ACTIVE, limit=candidates_max))
        if not candidates:
            raise NotFound("There is no active session here.", "Call init.")
        if len(candidates) > 1:
            names = [f"{each.id} ({each.project} in {each.working_directory})" for each in candidates]
            raise InvalidInput(
                f"Which session? {len(candidates)} are active: {', '.join(each.id for each in candidates)}.",
                *(f"session_id={name}" for name in names),
            )
        return candidates[0]

    async def active(self, user: str, working_directory: str, project: str) -> Session | None:
        """The active session of the project in a directory; where the project is not known, the one seen last there."""
        there = await self._store.active_in(user, normalise_directory(working_directory))
        return next((each for each in there if project in {"", each.project}), None)

    def heartbeat(self, session: Session) -> Session | None:
        """The session with its lease renewed, if it is active and a renewal is due."""
        due = timedelta(seconds=self._terms.lease_s / heartbeats_per_lease)
        now = self.now()
        return mark_seen(session, now) if session.state is State.ACTIVE and now - session.last_seen_at >= due else None

    async def mine(self, user: str, session_id: str) -> Session:
        """The user's session; another user's looks like a missing one."""
        session = await self._store.session(session_id) if len(session_id) <= name_max_chars else None
        if session is None or session.user != user:
            raise NotFound("There is no such session.", "list_sessions shows yours; init starts one.")
        return session

    async def open(self, user: str, which: Which) -> Session:
        """A session that has not ended."""
        session = await self.find(user, which)
        if session.state is State.ENDED:
            raise Conflict(
                "That session has ended.", "Call init without session_id: it starts a new one with its handoff."
            )
        return session

    async def living(self, user: str, which: Which) -> Session:
        """A session that can continue: not ended, and its directory has no newer active session."""
        session = await self.open(user, which)
        if session.state is State.ABANDONED:
            other = await self.active(user, session.working_directory, session.project)
            if other:
                raise Conflict(
                    "That session was abandoned, and another one works in its directory now.",
                    f"Go on with session_id={other.id}, or end that one first.",
                )
        return session

    async def page(self, user: str, project: str, state: str, limit: int, cursor: str) -> tuple[list[Session], str]:
        """A page of the user's sessions, newest first, and the cursor of the next page, if there is one."""
        if not 1 <= limit <= page_max:
            raise InvalidInput(f"limit is {limit}; it takes 1 to {page_max}.")
        if state and state not in set(State):
            raise InvalidInput(f"state is none of {', '.join(State)}.")
        await self.abandon_expired()
        chosen = State(state) if state else None
        found = await self._store.session_page(user, Listing(project, chosen, limit + 1, _after(cursor)))
        page = found[:limit]
        return page, _cursor(page[-1]) if len(found) > limit else ""

    async def once(
        self, user: str, method: str, operation_id: str, attempt: Callable[[str], Awaitable[Answer]]
    ) -> Answer:
        """The operation's first answer. Without an id, the call gets one of its own, so that it also happens once: a
        store that lost its answer may write again, and find that another write was first."""
        check_text(operation_id, 3 * name_max_chars, "operation_id")
        name = operation_id or str(uuid4())

        async def attempt_once() -> Answer:
            answer = await self._store.earlier_answer(user, name)
            if answer and answer.method != method:
                raise InvalidInput("operation_id belongs to another call.", "Make a new one for each call.")
            return answer or await attempt(name)

        return await until_first(attempt_once)

    async def abandon_expired(self) -> None:
        """Abandons the sessions that have been silent for longer than their lease; looks for none until one can be."""
        now, lease = self.now(), timedelta(seconds=self._terms.lease_s)
        if now < self._none_expire_before:
            return
        expired = await self._store.last_seen_before(now - lease, abandoned_at_once_max)
        if not expired:
            oldest = await self._store.last_seen_before(now, 1)
            self._none_expire_before = (oldest[0].last_seen_at if oldest else now) + lease
        for session in expired:
            if has_expired(session, now, self._terms.lease_s):
                following = abandon(session)
                with suppress(Stale):  # a call has just renewed it
                    await self._store.commit(Change(session=following, events=[session_end_event(following, now)]))

    async def sweep(self, every_s: float) -> None:
        """Until cancelled: abandons expired sessions, and drops answers too old to be requested again."""
        while True:
            try:
                await self.abandon_expired()
                before = self.now() - timedelta(seconds=self._terms.answers_keep_s)
                await self._store.forget_answers(before, self._terms.answers_max)
                report_success()
            except Unavailable as error:
                logger.warning("the sweep is delayed: %s", error.message)
            await asyncio.sleep(every_s)


def _of_another_project(session: Session, project: str) -> NotFound:
    return NotFound(
        f"There is no active session of {project} here: {session.id} is of {session.project}.",
        "Call init.",
        f"Name session_id={session.id}, if that one is meant.",
    )


def _cursor(last: Session) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at.isoformat()} {last.id}".encode()).decode()


def _after(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    try:
        time, _, last = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        created_at = datetime.fromisoformat(time)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("That cursor was not made here.", "Leave it out to begin again.") from error
    if created_at.tzinfo is None or len(last) > name_max_chars:
        raise InvalidInput("That cursor was not made here.", "Leave it out to begin again.")
    return created_at, last
