"""The lifecycle of sessions: init, checkpoint, end, handoff, and deferred stores.

Every change is computed from the stored state, checked by version, and repeated if another call was first. A call with
an operation id is carried out once: a repetition gets the first answer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5

from services.kit.errors import Conflict, InvalidInput, NotFound
from services.kit.names import plain_name
from services.session.domain.conversations import Reason, own_words
from services.session.domain.handoff import Ending, Handoff, write_handoff
from services.session.domain.projects import alias_key
from services.session.domain.sessions import (
    Answer,
    Checkpoint,
    DeferredStore,
    Facts,
    NewCheckpoint,
    Opening,
    Quality,
    Session,
    State,
    Which,
    add_checkpoint,
    check_checkpoint,
    check_facts,
    check_pending,
    check_quality,
    check_text,
    end_session,
    mark_seen,
    name_max_chars,
    open_session,
    record_quality,
    with_deferred,
    without_deferred,
)
from services.session.operations.conversation_log import (
    Closing,
    ConversationLog,
    checkpoints_handed_off_max,
    handoffs_looked_at_max,
)
from services.session.operations.events import (
    CHECKPOINT_CREATED,
    INIT_COMPLETED,
    INIT_STARTED,
)
from services.session.operations.handoffs import Handoffs
from services.session.operations.session_lookup import (
    Finding,
    session_end_event,
    session_event,
    threshold_events,
    until_first,
)
from services.session.store import Change, Listing, SessionStore, Stale

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

deferred_listed_max = 100
handed_off_at_once_max = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer of `init`."""

    session: Session
    resumed: bool
    previous: Handoff | None
    handoffs: Sequence[Handoff] = ()


class Lifecycle:
    """The session operations; an event is emitted when the quality crosses `quality_threshold`."""

    def __init__(self, store: SessionStore, finding: Finding, quality_threshold: float) -> None:
        self._store = store
        self._finding = finding
        self.handoffs = Handoffs(store)
        self._quality_threshold = quality_threshold
        self.conversations = ConversationLog(store, finding, quality_threshold)

    async def init(self, user: str, opening: Opening, operation_id: str = "") -> Opened:
        """A new session, the active one of the directory, or the named one; with the last handoff."""
        check_text(opening.project, name_max_chars, "project")
        check_facts(opening.abandoned)
        answer = await self._finding.once(user, "Init", operation_id, lambda name: self._init(user, opening, name))
        session = await self._finding.mine(user, answer.session_id)
        found = [await self._store.handoff(each) for each in answer.details["handoffs"].split()]
        handoffs = [each for each in found if each]
        own = [each for each in handoffs if each.working_directory == session.working_directory]
        return Opened(session, bool(answer.details["resumed"]), next(iter([*own, *handoffs]), None), handoffs)

    async def complete_init(self, user: str, which: Which, quality: Quality | None, operation_id: str = "") -> Session:
        """Marks `init` as complete; the quality is the session's first."""
        check_quality(quality)

        async def attempt(id: str) -> Answer:
            session, now = await self._finding.living(user, which), self._finding.now()
            following = replace(
                record_quality(mark_seen(session, now), quality), initialized_at=session.initialized_at or now
            )
            score = quality.overall if quality else None
            events = [
                session_event(INIT_COMPLETED, session, self._finding.now(), quality=score),
                *threshold_events(session, score, self._quality_threshold, self._finding.now()),
            ]
            return await self._commit("CompleteInit", id, Change(session=following, events=events))

        answer = await self._finding.once(user, "CompleteInit", operation_id, attempt)
        return await self._finding.mine(user, answer.session_id)

    async def checkpoint(
        self, user: str, which: Which, new: NewCheckpoint, operation_id: str = ""
    ) -> tuple[Session, Checkpoint]:
        """Adds a checkpoint to a session."""
        check_checkpoint(new)

        async def attempt(id: str) -> Answer:
            session = await self._finding.living(user, which)
            following, checkpoint = add_checkpoint(session, new, self._finding.now())
            score = new.quality.overall if new.quality else None
            created = session_event(
                CHECKPOINT_CREATED,
                session,
                self._finding.now(),
                checkpoint_id=checkpoint.id,
                number=checkpoint.number,
                quality=score,
                git_commit=checkpoint.git_commit,
            )
            events = [created, *threshold_events(session, score, self._quality_threshold, self._finding.now())]
            change = Change(session=following, checkpoint=checkpoint, events=events)
            return await self._commit("Checkpoint", id, change, number=checkpoint.number)

        answer = await self._finding.once(user, "Checkpoint", operation_id, attempt)
        stored = await self._store.checkpoint(answer.session_id, answer.details["number"])
        if stored is None:
            raise NotFound("That checkpoint is gone.")
        return await self._finding.mine(user, answer.session_id), stored

    async def end(
        self, user: str, which: Which, facts: Facts, operation_id: str = "", conversation: str = ""
    ) -> tuple[Session, Handoff]:
        """Ends the work of a conversation in the session, or of a caller that has none; returns it with its handoff.

        The session ends with the last conversation in it. Whoever ends a session that has ended leaves another handoff.
        """
        check_facts(facts)
        session = await self._finding.find(user, which)
        if meant := await self.conversations.meant(user, conversation, session):
            place = session.working_directory
            closed = await self.conversations.close(user, Closing(meant, place, session.project, facts, Reason.ENDED))
            if closed.handoff:
                return await self._finding.mine(user, session.id), closed.handoff
        answer = await self._finding.once(
            user, "End", operation_id, lambda name: self._end(user, session.id, facts, name)
        )
        session = await self._finding.mine(user, answer.session_id)
        left = await self._store.handoff(answer.details.get("handoff", session.id))
        return session, left or await self.handoff(user, session.id, session.project)

    async def _end(self, user: str, session_id: str, facts: Facts, operation_id: str) -> Answer:
        session, now = await self._finding.mine(user, session_id), self._finding.now()
        own = own_words(facts, None)
        if session.state is State.ENDED and not own:
            await self._finding.open(user, Which(session.id))  # Conflict
        is_another = session.state is State.ENDED
        following = session if is_another else replace(end_session(session, facts.quality, now), has_handoff=True)
        checkpoints = await self._store.checkpoints(session.id, checkpoints_handed_off_max)
        key = str(uuid5(NAMESPACE_URL, f"{session.id} {operation_id}")) if is_another else session.id
        ending = replace(Ending.of_session(following, key), ended_at=now)
        score = facts.quality.overall if facts.quality else None
        events = [*threshold_events(session, score, self._quality_threshold, now), session_end_event(following, now)]
        change = Change(
            session=following,
            handoff=write_handoff(ending, checkpoints, facts, own),
            events=[] if is_another else events,
        )
        return await self._commit("End", operation_id, change, handoff=key)

    async def get(self, user: str, which: Which, checkpoints_most: int) -> tuple[Session, list[Checkpoint]]:
        """A session in any state, with its last checkpoints, oldest first; renews an active session's lease."""
        session = await self._finding.find(user, which)
        if due := self._finding.heartbeat(session):
            with suppress(Stale):  # the other call has renewed it
                await self._store.commit(Change(session=due))
        checkpoints = await self._store.checkpoints(session.id, checkpoints_most) if checkpoints_most else []
        return session, checkpoints

    async def defer(self, user: str, which: Which, id: str, kind: str, payload: str) -> DeferredStore:
        """Defers a task that another service could not do yet; an `id` is stored once per session."""
        session = await self._finding.find(user, which)
        deferred = DeferredStore(id, session.id, user, kind, payload, self._finding.now())
        check_pending(deferred)

        async def attempt(operation_id: str) -> Answer:
            current = await self._finding.mine(user, session.id)
            return await self._commit(
                "Owe", operation_id, Change(session=with_deferred(current, deferred), deferred=deferred)
            )

        await self._finding.once(user, "Owe", f"owe {session.id} {id}", attempt)
        return deferred

    async def settle_pending(self, user: str, session_id: str, id: str) -> bool:
        """Removes a deferred store; returns whether it existed."""

        async def attempt() -> bool:
            session = await self._finding.mine(user, session_id)
            if id not in session.deferred:
                return False
            await self._store.commit(Change(session=without_deferred(session, id), settled=id))
            return True

        return await until_first(attempt)

    async def pending(self, user: str, limit: int) -> list[DeferredStore]:
        """The deferred stores of the user's sessions, oldest first."""
        if not 1 <= limit <= deferred_listed_max:
            raise InvalidInput(f"limit is {limit}; it takes 1 to {deferred_listed_max}.")
        return await self._store.pending(user, limit)

    async def handoff(self, user: str, session_id: str, project: str) -> Handoff:
        """The handoff of that session, or the project's last one."""
        if session_id:
            session = await self._finding.mine(user, session_id)
            found = await self._store.handoff(session.id) or await self._of_conversation(session)
        else:
            found = await self._store.latest_handoff(user, project)
        if found is None:
            raise NotFound("There is no handoff yet.", "One is written when a session ends.")
        return found

    async def _of_conversation(self, session: Session) -> Handoff | None:
        """The last handoff that a conversation left in the session."""
        found = await self._store.handoffs(session.user, session.project, handoffs_looked_at_max)
        return next((each for each in found if each.session_id == session.id), None)

    # --- the parts of a change ------------------------------------------------------------------

    async def _commit(self, method: str, operation_id: str, change: Change, **details: str | int | bool) -> Answer:
        session_id, user = (change.session.id, change.session.user) if change.session else ("", "")
        answer = Answer(user, operation_id, method, self._finding.now(), session_id, details)
        await self._store.commit(replace(change, answer=answer))
        return answer

    async def _init(self, user: str, opening: Opening, operation_id: str) -> Answer:
        await self._finding.abandon_expired()
        session = await self._to_open(user, opening)
        await self._hand_off_abandoned(session, opening.abandoned)
        handoffs = await self.conversations.handoffs(user, session.project, session.working_directory)
        resumed = session.version > 0
        event = session_event(INIT_STARTED, session, self._finding.now(), resumed=resumed, project=session.project)
        following = mark_seen(session, self._finding.now())
        following = replace(following, has_conversations=session.has_conversations or bool(opening.conversation))
        keys = " ".join(each.key for each in handoffs)
        return await self._commit(
            "Init", operation_id, Change(session=following, events=[event]), resumed=resumed, handoffs=keys
        )

    async def _to_open(self, user: str, opening: Opening) -> Session:
        if opening.which.session_id:
            session = await self._finding.living(user, opening.which)
            await self._require_project(session, plain_name(opening.project))
            return session
        new = open_session(user, opening, self._finding.now())
        return await self._finding.active(user, new.working_directory, plain_name(opening.project)) or new

    async def _require_project(self, session: Session, project: str) -> None:
        """Conflict where the directory is of another project than the session; a label may have changed meanwhile."""
        keys = [alias_key(session.project), alias_key(project)]
        registered = await self._store.projects.find(session.user, keys)
        its_own, here = ({each.id for each in registered.at(key)} for key in keys)
        if its_own and here and not its_own & here:
            raise Conflict(
                f"That session is of {session.project}, and the directory is of {project}.",
                "Call init without session_id: it goes on with the session of the project that is there.",
            )

    async def _hand_off_abandoned(self, session: Session, facts: Facts) -> None:
        """Writes the handoffs of the project's abandoned sessions; where there were conversations, those leave them."""
        listing = Listing(session.project, State.ABANDONED, handed_off_at_once_max, without_handoff=True)
        for left in await self._store.session_page(session.user, listing):
            if left.has_handoff or left.id == session.id:
                continue
            known = facts if left.working_directory == session.working_directory else Facts()
            following = replace(record_quality(left, known.quality), has_handoff=True)
            handoff = None
            if not left.has_conversations:
                checkpoints = await self._store.checkpoints(left.id, checkpoints_handed_off_max)
                handoff = write_handoff(Ending.of_session(following), checkpoints, known, own_words(known, None))
            await self._store.commit(Change(session=following, handoff=handoff))
