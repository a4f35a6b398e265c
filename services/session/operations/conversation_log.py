"""The conversations that are at work in directories, and the handoffs that they leave.

They are kept here and not by a gateway: any gateway may hear of a conversation, and a restart forgets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.kit.errors import InvalidInput, NotFound
from services.kit.names import plain_name
from services.session.domain.conversations import (
    Conversation,
    Heard,
    Reason,
    at_work,
    check_heard,
    ending,
    handoff_id,
    has_something_to_say,
    hear,
    is_quiet,
    is_said_already,
    own_words,
    since_last_open,
)
from services.session.domain.handoff import Handoff, write_handoff
from services.session.domain.sessions import (
    Checkpoint,
    Facts,
    Session,
    State,
    check_facts,
    end_session,
    normalise_directory,
)
from services.session.operations.events import Event
from services.session.operations.session_lookup import Finding, session_end_event, threshold_events, until_first
from services.session.store import Change, SessionStore

open_max = 100
handoffs_looked_at_max = 50
checkpoints_handed_off_max = 200


@dataclass(frozen=True, slots=True)
class Closing:
    """A conversation's handoff is to be written; the directory and project are those of one never heard of."""

    id: str
    working_directory: str
    project: str
    facts: Facts
    reason: Reason


@dataclass(frozen=True, slots=True)
class Closed:
    """What came of it; without a handoff there was nothing to say."""

    handoff: Handoff | None
    is_written: bool
    session_ended: bool


class ConversationLog:
    """The operations on conversations."""

    def __init__(self, store: SessionStore, finding: Finding, quality_threshold: float) -> None:
        self._store = store
        self._finding = finding
        self._quality_threshold = quality_threshold

    async def hear(self, user: str, heard: Heard) -> tuple[Conversation, str]:
        """Notes that a conversation is at work; returns it, and its directory's active session, if there is one."""
        directory = normalise_directory(heard.working_directory)
        heard = replace(heard, working_directory=directory, project=plain_name(heard.project))
        check_heard(heard)
        await self._finding.abandon_expired()

        async def attempt() -> tuple[Conversation, str]:
            now = self._finding.now()
            known = await self._store.conversation(user, heard.id)
            session = await self._finding.active(user, directory, heard.project)
            before = known or await self._new(user, heard, now)
            following = _in_session(hear(before, heard, now), session, heard)
            is_news = following != before or known is None
            due = _joined_session(session, self._finding.heartbeat(session)) if session else None
            if is_news or due:
                await self._store.commit(Change(conversation=following if is_news else None, session=due))
            return following, session.id if session else ""

        return await until_first(attempt)

    async def _new(self, user: str, heard: Heard, now: datetime) -> Conversation:
        latest = await self._store.latest_handoff(user, heard.project)
        place = latest.place if latest else 0
        return Conversation(heard.id, user, heard.working_directory, heard.project, now, now, handoffs_before=place)

    async def open_in(self, user: str, project: str, most: int) -> list[tuple[Conversation, bool]]:
        """A project's conversations that have not ended, the one heard of last first; and whether each is quiet."""
        if not 1 <= most <= open_max:
            raise InvalidInput(f"limit is {most}; it takes 1 to {open_max}.")
        now = self._finding.now()
        found = await self._store.open_conversations(user, plain_name(project), most)
        return [(each, is_quiet(each, now)) for each in found]

    async def handoffs(self, user: str, project: str, directory: str) -> list[Handoff]:
        """The project's handoffs since the directory was last open, the last one first."""
        found = await self._store.handoffs(user, project, handoffs_looked_at_max)
        return since_last_open(found, normalise_directory(directory))

    async def meant(self, user: str, named: str, session: Session) -> str:
        """The conversation that ends with a call in the session: the named one; but the only one at work, where that is
        over or none is named. A client may go on under another id, and name the first one."""
        known = await self._store.conversation(user, named) if named else None
        if named and (known is None or known.is_open):
            return named
        found = await self._at_work(user, named, session.working_directory, session.project)
        return found[0].id if len(found) == 1 else named

    async def _at_work(self, user: str, without: str, directory: str, project: str) -> list[Conversation]:
        every = await self._store.open_conversations(user, project, open_max)
        return at_work(every, without, directory, self._finding.now())

    async def close(self, user: str, closing: Closing) -> Closed:
        """Writes the handoff, unless it says the same already; the session ends with its last conversation."""
        check_facts(closing.facts)
        return await until_first(lambda: self._close(user, closing))

    async def _close(self, user: str, closing: Closing) -> Closed:
        now, facts, reason = self._finding.now(), closing.facts, closing.reason
        known = await self._conversation(user, closing, now)
        earlier = await self._store.handoff(handoff_id(user, known.id))
        session = await self._session_of(known)
        checkpoints = await self._checkpoints(known, session)
        own = own_words(facts, earlier, reason)
        is_same = is_said_already(facts, earlier, reason)
        handoff = earlier if is_same else None
        if not is_same and (checkpoints or has_something_to_say(facts, own)):
            handoff = write_handoff(ending(known, session, earlier, reason, now), checkpoints, facts, own)
        ended = await self._session_to_end(known, session, facts, reason)
        change = Change(
            conversation=replace(known, is_open=_stays_open(known, reason, now)),
            handoff=None if is_same else handoff,
            session=ended,
            events=self._end_events(session, ended, facts, now) if session and ended else [],
        )
        await self._store.commit(change)
        return Closed(handoff, bool(change.handoff), ended is not None)

    async def _conversation(self, user: str, closing: Closing, now: datetime) -> Conversation:
        if found := await self._store.conversation(user, closing.id):
            return found
        directory = normalise_directory(closing.working_directory)
        if not directory:
            raise NotFound("There is no such conversation.")
        heard = Heard(closing.id, directory, plain_name(closing.project))
        check_heard(heard)
        return await self._new(user, heard, now)

    async def _session_of(self, conversation: Conversation) -> Session | None:
        user, project = conversation.user, conversation.project
        active = await self._finding.active(user, conversation.working_directory, project)
        if active or not conversation.session_id:
            return active
        found = await self._store.session(conversation.session_id)
        return found if found and project in {"", found.project} else None

    async def _checkpoints(self, conversation: Conversation, session: Session | None) -> list[Checkpoint]:
        """Those that were made since the conversation began."""
        if session is None:
            return []
        before = conversation.checkpoints_before if session.id == conversation.session_id else 0
        found = await self._store.checkpoints(session.id, checkpoints_handed_off_max)
        return [each for each in found if each.number > before]

    async def _session_to_end(
        self, conversation: Conversation, session: Session | None, facts: Facts, reason: Reason
    ) -> Session | None:
        """The session as ended, if this was its last conversation."""
        if session is None or session.state is not State.ACTIVE or reason is not Reason.ENDED:
            return None
        place = (conversation.working_directory, conversation.project)
        if await self._at_work(conversation.user, conversation.id, *place):
            return None
        return replace(end_session(session, facts.quality, self._finding.now()), has_handoff=True)

    def _end_events(self, before: Session, ended: Session, facts: Facts, now: datetime) -> Sequence[Event]:
        score = facts.quality.overall if facts.quality else None
        return [*threshold_events(before, score, self._quality_threshold, now), session_end_event(ended, now)]


def _in_session(conversation: Conversation, session: Session | None, heard: Heard) -> Conversation:
    """The conversation with the session of its directory. One that begins again may do so after a rename."""
    if heard.begins and heard.working_directory != conversation.working_directory:
        conversation = replace(conversation, working_directory=heard.working_directory)
    if heard.begins and heard.project:
        conversation = replace(conversation, project=heard.project)
    if session is None or session.id == conversation.session_id:
        return conversation
    if conversation.project not in {"", session.project}:  # another project came to its directory
        return conversation
    is_first = heard.begins and conversation.version == 0  # else the session began for it, or it was missed
    return replace(conversation, session_id=session.id, checkpoints_before=session.checkpoints if is_first else 0)


def _joined_session(session: Session, due: Session | None) -> Session | None:
    """The session as it is to be written down: its lease renewed, or its first conversation noted."""
    return replace(due or session, has_conversations=True) if due or not session.has_conversations else None


def _stays_open(conversation: Conversation, reason: Reason, now: datetime) -> bool:
    """One that is only silent may be waiting for its user."""
    if reason is Reason.SILENT:
        return conversation.is_open and not is_quiet(conversation, now)
    return conversation.is_open and reason is Reason.DELETED
