"""A session's lifecycle: init, checkpoint and end, each over all services."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from google.protobuf.timestamp_pb2 import Timestamp

from services.gateway.backends import Backends
from services.gateway.directory.client_reports import Asked
from services.gateway.directory.whereabouts import which_at
from services.gateway.directory.working_directory import Place, Workplace
from services.gateway.workflows.conversations import ENDED, Conversations, Where
from services.gateway.workflows.deferred_stores import retry, store_or_defer
from services.gateway.workflows.handoffs.conversation_facts import facts_of
from services.gateway.workflows.handoffs.derived_texts import DerivedTexts
from services.gateway.workflows.handoffs.git_facts import git_facts
from services.gateway.workflows.quality import Assessed, assess
from services.kit.errors import NotFound, ServiceError
from services.pb import memory_pb2, session_pb2
from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, Policy

learned_max = 50
said_max = 50
made_of_max = 100
"""The memories that a handoff names as what it was made of."""
related_chars, related_context_chars = 300, 100
"""What `init` shows of a memory that belongs to the work, and of what stands around it."""
LEARNED_AS = {"solution": "solutions", "fix": "solutions", "pattern": "patterns", "decision": "decisions"}
"""The learning that a reflection's tag marks; without one of these tags it is an insight."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The result of `init`."""

    session: session_pb2.SessionState
    resumed: bool
    place: Place
    quality: Assessed
    handoff: session_pb2.HandoffDocument | None
    handoffs: Sequence[session_pb2.HandoffDocument]
    memories: Sequence[memory_pb2.Found]
    memory_trouble: str
    cleared_copies: Sequence[dict[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of `checkpoint`; `git` is None if the place cannot be seen."""

    checkpoint: session_pb2.CheckpointRecord
    place: Place
    quality: Assessed
    git: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of `end`."""

    session: session_pb2.SessionState
    handoff: session_pb2.HandoffDocument
    handoff_path: str | None
    quality: Assessed
    learned: dict[str, list[str]]
    pending: Sequence[str]
    memory_trouble: str
    file_name: str = ""
    """Of the handoff's copy in the project; empty where the directory is another's by now."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The workflows; `policy` is what a checkpoint commits by default, `on_ref` whether beside the branch."""

    backends: Backends
    workplace: Workplace
    policy: Policy
    handoff_tokens: int
    on_ref: bool = False

    @property
    def conversations(self) -> Conversations:
        """What is known of conversations."""
        return Conversations(self.backends, self.workplace)

    @property
    def derived_texts(self) -> DerivedTexts:
        """What was made of memories, and goes with them."""
        return DerivedTexts(self.backends, self.workplace)

    async def init(self, asked: Asked, session_id: str) -> Begun:
        """Starts or resumes a session: its place, the last handoff, and related memories."""
        if session_id and not asked.directory:
            asked = asked.at((await self._session(session_pb2.Which(session_id=session_id))).working_directory)
        place = await self.workplace.look(asked)
        where = Where(place.name, asked.at(place.directory))
        await self.conversations.settle("", where)
        if asked.conversation:
            await self.conversations.hear(asked.conversation, where)
        which = session_pb2.Which(session_id=session_id, working_directory=place.directory)
        request = session_pb2.InitRequest(
            which=which,
            project=place.name,
            root=place.root,
            abandoned=session_pb2.Facts(git=git_facts(place)),
            operation_id=str(uuid4()),
            conversation=asked.conversation,
        )
        session = self.backends.session
        begun: session_pb2.InitResponse = await session.call(session.stub.Init, request)
        handoffs = [
            each
            for each in await self.derived_texts.current(await self.conversations.handoffs(where))
            if not each.conversation or each.conversation != asked.conversation
        ]
        handoff = next((each for each in handoffs if each.working_directory == place.directory), None)
        handoff = handoff or next(iter(handoffs), None)
        quality, (memories, trouble) = await asyncio.gather(
            assess(self.backends, place, remember_shown=True), self._recall_related(place, handoff)
        )
        completing = session_pb2.CompleteInitRequest(
            which=session_pb2.Which(session_id=begun.session.id), quality=quality.message, operation_id=str(uuid4())
        )
        completed: session_pb2.SessionResponse = await session.call(session.stub.CompleteInit, completing)
        await retry(self.backends)
        copies = await self.derived_texts.clear_copies(place)
        return Begun(completed.session, begun.resumed, place, quality, handoff, handoffs, memories, trouble, copies)

    async def _recall_related(
        self, place: Place, handoff: session_pb2.HandoffDocument | None
    ) -> tuple[Sequence[memory_pb2.Found], str]:
        """Memories of the project related to the open work; or why there are none."""
        if not self.handoff_tokens:
            return [], ""
        subject = " ".join([handoff.summary, *handoff.next_steps][:5]) if handoff else ""
        request = memory_pb2.SearchRequest(
            query=(subject or place.name)[:2_000],
            limit=10,
            project=place.name,
            include_related_projects=True,
            max_tokens=self.handoff_tokens,
            min_score=0.0,
            content_max_chars=related_chars,
            context_max_chars=related_context_chars,
        )
        try:
            answer: memory_pb2.SearchResponse = await self.backends.memory.call(
                self.backends.memory.stub.Search, request
            )
        except ServiceError as error:
            return [], f"memory: {error.message}"
        return [each for each in answer.results if "handoff" not in each.memory.tags], ""

    async def checkpoint(
        self,
        asked: Asked,
        which: session_pb2.Which,
        note: str,
        commit: bool | None,
        operation_id: str = "",
        on_ref: bool | None = None,
    ) -> Recorded:
        """Measures, commits what the policy allows, and records it; in this order, so that nothing is recorded that was
        not done. If the client makes the commit, this takes two calls with one operation id."""
        state = await self._session(await self._which(asked, which))
        place = await self._place(asked, state)
        made = place.client.committed_checkpoint() if place.client else None
        operation_id = made[0] if made else operation_id or str(uuid4())
        quality = await assess(self.backends, place, operation_id, "checkpoint")
        wanted = self._commit(state, place, quality, note, commit, operation_id)
        wanted = replace(wanted, ref=self.on_ref if on_ref is None else on_ref)
        git = await self.workplace.commit(place, wanted)
        request = session_pb2.CheckpointRequest(
            which=session_pb2.Which(session_id=state.id),
            note=note,
            quality=quality.message,
            git_commit=git.commit_hash or "" if git else "",
            git_message=git.message if git and git.created else "",
            git_skipped_reason="" if git and git.created else git.message if git else place.trouble,
            files_changed=git.files_changed if git else [],
            operation_id=operation_id,
        )
        session = self.backends.session
        answer: session_pb2.CheckpointResponse = await session.call(session.stub.Checkpoint, request)
        return Recorded(answer.checkpoint, place, quality, git)

    def _commit(
        self,
        state: session_pb2.SessionState,
        place: Place,
        quality: Assessed,
        note: str,
        commit: bool | None,
        operation_id: str,
    ) -> CheckpointRequest:
        policy: Policy = self.policy if commit is None else "off" if not commit else _at_least_tracked(self.policy)
        report = quality.report
        metrics = {} if report is None else {"project_health": report.project_health}
        return CheckpointRequest(
            project=place.name,
            session_id=state.id,
            quality_score=report.overall_score if report else None,
            metrics=metrics,
            policy=policy,
            checkpoint_id=operation_id,
            note=note or None,
            quality_coverage=report.evidence_coverage if report else None,
        )

    async def end(self, asked: Asked, which: session_pb2.Which, facts: session_pb2.Facts) -> Ended:
        """Ends the session, or the part in it of the conversation that the client names: writes the handoff to the
        project and the store, and the caller's own words to memory."""
        state = await self._session(await self._which(asked, which))
        place = await self._place(asked, state)
        quality = await assess(self.backends, place, f"end-{state.id}")
        digest = sha256(facts.SerializeToString(deterministic=True)).hexdigest()[:16]  # another's words are another end
        learned, made_of = await self._session_learnings(state)
        said = await self._facts_of_talk(asked.conversation, state)
        said.MergeFrom(facts)
        said.MergeFrom(self._present_facts(place, learned, quality))
        said.MergeFrom(session_pb2.Facts(made_of=_others(said.made_of, made_of)))
        session = self.backends.session
        request = session_pb2.EndRequest(
            which=session_pb2.Which(session_id=state.id),
            facts=said,
            operation_id=f"end-{state.id}-{digest}",
            conversation=asked.conversation,
        )
        answer: session_pb2.EndResponse = await session.call(session.stub.End, request)
        return await self._leave(place, answer.session, answer.handoff, quality, learned)

    async def end_conversation(self, asked: Asked, project: str, facts: session_pb2.Facts) -> Ended | None:
        """Ends a conversation, as its client says, with what is stored of it; and the session with its last one.

        None if there is nothing to leave, or nothing new."""
        try:
            state = await self._session(await which_at(self.workplace, asked))
        except NotFound:  # it was never begun, or the model has ended it
            state = session_pb2.SessionState(working_directory=asked.directory, project=project)
        place = await self._place(asked, state)
        quality = await assess(self.backends, place, f"end-{asked.conversation}")
        learned, made_of = await self._session_learnings(state) if state.id else (no_learnings(), [])
        facts.MergeFrom(self._present_facts(place, learned, quality))
        facts.MergeFrom(session_pb2.Facts(made_of=_others(facts.made_of, made_of)))
        where = Where(project, asked.at(place.directory))
        closed = await self.conversations.close(asked.conversation, where, facts, ENDED)
        if not closed.is_written:
            return None
        return await self._leave(place, state, closed.handoff, quality, learned)

    def _present_facts(self, place: Place, learned: dict[str, list[str]], quality: Assessed) -> session_pb2.Facts:
        return session_pb2.Facts(
            insights=learned["insights"],
            solutions=learned["solutions"],
            patterns=learned["patterns"],
            decisions=learned["decisions"],
            git=git_facts(place),
            quality=quality.message,
        )

    async def _leave(
        self,
        place: Place,
        session: session_pb2.SessionState,
        handoff: session_pb2.HandoffDocument,
        quality: Assessed,
        learned: dict[str, list[str]],
    ) -> Ended:
        """The handoff's copy in the project; and in memory, if it has words that are not stored there yet."""
        is_its_own = not place.is_anothers and await self._is_of(handoff.project, place)
        name = handoff.file_name if is_its_own else ""  # so that no client leaves it there either
        path = await self.workplace.leave_handoff(place, name, handoff.markdown) if name else None
        left = await retry(self.backends)
        remembered = await store_or_defer(self.backends, session.id, _summary(handoff))
        pending = list(dict.fromkeys([*remembered.pending, *left]))
        return Ended(session, handoff, path, quality, learned, pending, remembered.trouble, name)

    async def _facts_of_talk(self, conversation: str, state: session_pb2.SessionState) -> session_pb2.Facts:
        """What is stored of the conversation so far; nothing, if memory does not answer: it ends without. The caller's
        own words are made of all of it."""
        with suppress(ServiceError):
            facts = await facts_of(self.backends, conversation, is_summed_up=True)
            return facts if facts.made_of else session_pb2.Facts(made_of=await self._said_in(state))
        return session_pb2.Facts()

    async def _said_in(self, state: session_pb2.SessionState) -> list[str]:
        """The ids of what was said in the project since the session began: a summary in the model's words is of it."""
        request = memory_pb2.ListRequest(
            project=state.project,
            filter=memory_pb2.Filter(content_type="conversation", since=state.created_at),
            author="mine",
            limit=said_max,
        )
        answer: memory_pb2.ListResponse = await self.backends.memory.call(self.backends.memory.stub.List, request)
        return [each.id for each in answer.memories]

    async def _session_learnings(self, state: session_pb2.SessionState) -> tuple[dict[str, list[str]], list[str]]:
        """The reflections stored in the project since the session began, grouped by their tags; and their ids."""
        learned = no_learnings()
        request = memory_pb2.SearchRequest(
            query="insight solution pattern decision lesson",
            limit=learned_max,
            min_score=0.0,
            project=state.project,
            filter=memory_pb2.Filter(content_type="reflection", since=state.created_at),
        )
        try:
            found: memory_pb2.SearchResponse = await self.backends.memory.call(
                self.backends.memory.stub.Search, request
            )
        except ServiceError:
            return learned, []
        for each in sorted(found.results, key=lambda result: result.memory.timestamp.ToNanoseconds()):
            kinds = [LEARNED_AS[tag.casefold()] for tag in each.memory.tags if tag.casefold() in LEARNED_AS]
            if "handoff" not in each.memory.tags:
                learned[kinds[0] if kinds else "insights"].append(each.memory.content)
        return learned, [each.memory.id for each in found.results if "handoff" not in each.memory.tags]

    async def _session(self, which: session_pb2.Which) -> session_pb2.SessionState:
        session = self.backends.session
        answer: session_pb2.GetResponse = await session.call(session.stub.Get, session_pb2.GetRequest(which=which))
        return answer.session

    async def _place(self, asked: Asked, state: session_pb2.SessionState) -> Place:
        """The session's directory in its current state; an unknown place if that no longer exists, or if another
        project is there now: nothing of that is measured, committed or written for this session."""
        try:
            place = await self.workplace.look(asked.at(state.working_directory))
            is_its_own = not place.project or await self._is_of(state.project, place)
        except ServiceError as error:
            return Place(state.working_directory, state.project, error.message)
        if is_its_own:
            return place
        trouble = f"Another project is in this directory now: {place.name}."
        return Place(state.working_directory, state.project, trouble, is_anothers=True)

    async def _is_of(self, project: str, place: Place) -> bool:
        """Whether the place is the project's; also where nobody says that it is not."""
        with suppress(ServiceError):
            return project == place.name or await self.workplace.labels.means_same(project, place.name)
        return True

    async def _which(self, asked: Asked, which: session_pb2.Which) -> session_pb2.Which:
        """The same; in a directory the session of the project that is there now."""
        if which.session_id or not which.working_directory:
            return which
        return await which_at(self.workplace, asked.at(which.working_directory))


def no_learnings() -> dict[str, list[str]]:
    """The kinds of learnings, without any."""
    return {"insights": [], "solutions": [], "patterns": [], "decisions": []}


def _others(known: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Those of the ids that are not known yet, as many as a handoff may name."""
    return [each for each in dict.fromkeys(ids) if each not in set(known)][: max(0, made_of_max - len(known))]


def _at_least_tracked(policy: Policy) -> Policy:
    return "tracked" if policy == "off" else policy


def _summary(handoff: session_pb2.HandoffDocument) -> list[dict[str, Any]]:
    """What `end` was told as a memory, so that a search finds it; the same handoff gives the same memory.

    What was asked and answered is in memory already."""
    if handoff.conversation and not handoff.has_own_words:
        return []
    steps = "".join(f"\nNext: {step}" for step in handoff.next_steps)
    questions = "".join(f"\nOpen: {question}" for question in handoff.open_questions)
    if not handoff.summary.strip() and not steps and not questions:
        return []
    return [
        {
            "id": str(uuid5(NAMESPACE_URL, f"segue:handoff:{handoff.id}")),
            "content": f"Session ended: {handoff.summary}{steps}{questions}",
            "project": handoff.project,
            "timestamp": _iso(handoff.ended_at),
            "tags": ["handoff"],
            "made_of": list(handoff.made_of),
        }
    ]


def _iso(time: Timestamp) -> str:
    return time.ToDatetime(UTC).isoformat() if time.seconds else datetime.now(UTC).isoformat()
