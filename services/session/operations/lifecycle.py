"""The lifecycle of sessions: init, checkpoint, end, handoff, and deferred stores.

Every change is computed from the stored state, checked by version, and repeated if another call was first. A call with
an operation id is carried out once: a repetition gets the first answer.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from services.kit.errors import InvalidInput, NotFound
from services.session.domain.handoff import write_handoff
from services.session.domain.sessions import (
    Answer,
    Checkpoint,
    DeferredStore,
    Facts,
    Handoff,
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
    threshold_crossing,
    with_deferred,
    without_deferred,
)
from services.session.operations.events import (
    CHECKPOINT_CREATED,
    INIT_COMPLETED,
    INIT_STARTED,
    QUALITY_THRESHOLD,
    Event,
)
from services.session.operations.handoffs import Handoffs
from services.session.operations.session_lookup import Finding, session_end_event, session_event, until_first
from services.session.store import Change, Listing, SessionStore, Stale

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

deferred_listed_max = 100
handed_off_at_once_max = 10
checkpoints_handed_off_max = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer of `init`."""

    session: Session
    resumed: bool
    previous: Handoff | None


class Lifecycle:
    """The session operations; an event is emitted when the quality crosses `quality_threshold`."""

    def __init__(self, store: SessionStore, finding: Finding, quality_threshold: float) -> None:
        self._store = store
        self._finding = finding
        self.handoffs = Handoffs(store, finding)
        self._quality_threshold = quality_threshold

    async def init(self, user: str, opening: Opening, operation_id: str = "") -> Opened:
        """A new session, the active one of the directory, or the named one; with the last handoff."""
        check_text(opening.project, name_max_chars, "project")
        check_facts(opening.abandoned)
        answer = await self._finding.once(user, "Init", operation_id, lambda name: self._init(user, opening, name))
        session = await self._finding.mine(user, answer.session_id)
        previous = await self._store.handoff(answer.details["previous"]) if answer.details["previous"] else None
        return Opened(session, bool(answer.details["resumed"]), previous)

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
                *self._threshold(session, score),
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
            events = [created, *self._threshold(session, score)]
            change = Change(session=following, checkpoint=checkpoint, events=events)
            return await self._commit("Checkpoint", id, change, number=checkpoint.number)

        answer = await self._finding.once(user, "Checkpoint", operation_id, attempt)
        stored = await self._store.checkpoint(answer.session_id, answer.details["number"])
        if stored is None:
            raise NotFound("That checkpoint is gone.")
        return await self._finding.mine(user, answer.session_id), stored

    async def end(self, user: str, which: Which, facts: Facts, operation_id: str = "") -> tuple[Session, Handoff]:
        """Ends the session permanently; returns it with its handoff."""
        check_facts(facts)

        async def attempt(id: str) -> Answer:
            session = await self._finding.open(user, which)
            following = replace(end_session(session, facts.quality, self._finding.now()), has_handoff=True)
            checkpoints = await self._store.checkpoints(session.id, checkpoints_handed_off_max)
            score = facts.quality.overall if facts.quality else None
            change = Change(
                session=following,
                handoff=write_handoff(following, checkpoints, facts),
                events=[*self._threshold(session, score), session_end_event(following, self._finding.now())],
            )
            return await self._commit("End", id, change)

        answer = await self._finding.once(user, "End", operation_id, attempt)
        session = await self._finding.mine(user, answer.session_id)
        return session, await self.handoff(user, session.id, session.project)

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
            found = await self._store.handoff(session.id)
        else:
            found = await self._store.latest_handoff(user, project)
        if found is None:
            raise NotFound("There is no handoff yet.", "One is written when a session ends.")
        return found

    # --- the parts of a change ------------------------------------------------------------------

    async def _commit(self, method: str, operation_id: str, change: Change, **details: str | int | bool) -> Answer:
        session_id, user = (change.session.id, change.session.user) if change.session else ("", "")
        answer = Answer(user, operation_id, method, self._finding.now(), session_id, details)
        await self._store.commit(replace(change, answer=answer))
        return answer

    async def _init(self, user: str, opening: Opening, operation_id: str) -> Answer:
        await self._finding.abandon_expired()
        session = await self._to_open(user, opening)
        previous = await self._previous(session, opening.abandoned)
        resumed = session.version > 0
        event = session_event(INIT_STARTED, session, self._finding.now(), resumed=resumed, project=session.project)
        change = Change(session=mark_seen(session, self._finding.now()), events=[event])
        before = previous.session_id if previous else ""
        return await self._commit("Init", operation_id, change, resumed=resumed, previous=before)

    async def _to_open(self, user: str, opening: Opening) -> Session:
        if opening.which.session_id:
            return await self._finding.living(user, opening.which)
        new = open_session(user, opening, self._finding.now())
        return await self._store.active_in(user, new.working_directory) or new

    async def _previous(self, session: Session, facts: Facts) -> Handoff | None:
        """The project's last handoff, after abandoned sessions without one have theirs."""
        listing = Listing(session.project, State.ABANDONED, handed_off_at_once_max, without_handoff=True)
        for left in await self._store.session_page(session.user, listing):
            if left.has_handoff or left.id == session.id:
                continue
            known = facts if left.working_directory == session.working_directory else Facts()
            checkpoints = await self._store.checkpoints(left.id, checkpoints_handed_off_max)
            following = replace(record_quality(left, known.quality), has_handoff=True)
            handoff = write_handoff(following, checkpoints, known)
            await self._store.commit(Change(session=following, handoff=handoff))
        return await self._store.latest_handoff(session.user, session.project)

    def _threshold(self, session: Session, score: float | None) -> list[Event]:
        threshold = self._quality_threshold
        direction = threshold_crossing(session.last_quality, score, threshold)
        event = session_event(
            QUALITY_THRESHOLD, session, self._finding.now(), quality=score, threshold=threshold, direction=direction
        )
        return [event] if direction else []
