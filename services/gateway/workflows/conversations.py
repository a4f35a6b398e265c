"""The conversations of a client's user: heard of, closed, and what they left for the next one.

The session service keeps them, so that it does not matter which gateway hears of them. What is stored of them is asked
of the memory service, here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.directory.client_reports import Asked, Wanted
from services.gateway.directory.working_directory import Place, Workplace
from services.gateway.workflows.handoffs.conversation_facts import facts_of
from services.gateway.workflows.handoffs.git_facts import git_facts
from services.kit.errors import ServiceError
from services.pb import session_pb2

ENDED, SILENT, DELETED = "ended", "silent", "deleted"
settled_max = 10
"""So many conversations are looked at when one begins; the others at the next beginnings."""
look_within_s = 0.3
poll_every_s = 0.2
polls_max = 40
"""How long a conversation that begins waits for the end of the one before, if that is under way: eight seconds."""


@dataclass(frozen=True, slots=True)
class Where:
    """A project, and the directory in it in which a conversation is at work."""

    project: str
    asked: Asked

    @property
    def directory(self) -> str:
        """The directory's path."""
        return self.asked.directory


@dataclass(frozen=True, slots=True)
class Conversations:
    """Asks session and memory."""

    backends: Backends
    workplace: Workplace

    async def hear(
        self, conversation: str, where: Where, *, begins: bool = False, digests: Sequence[str] = (), recap: str = ""
    ) -> session_pb2.Conversation:
        """Notes that it is at work; without a `session_id` in the answer, no session is active in the directory."""
        session = self.backends.session
        request = session_pb2.HearRequest(
            conversation=conversation,
            working_directory=where.directory,
            project=where.project,
            begins=begins,
            digests=digests,
            recap=recap,
        )
        answer: session_pb2.HearResponse = await session.call(session.stub.Hear, request)
        return answer.conversation

    async def open_in(self, project: str) -> Sequence[session_pb2.Conversation]:
        """The project's conversations that have not ended, the one heard of last first."""
        session = self.backends.session
        request = session_pb2.ListConversationsRequest(project=project, limit=100)
        answer: session_pb2.ListConversationsResponse = await session.call(session.stub.ListConversations, request)
        return answer.conversations

    async def settle(self, conversation: str, where: Where) -> None:
        """Writes the handoffs of other conversations that may not write their own: those not heard of any more, and
        those of this directory, where this one takes their place."""
        others = [
            each
            for each in await self.open_in(where.project)
            if each.id != conversation
            and (each.is_quiet or (conversation and each.working_directory == where.directory))
        ]
        await asyncio.gather(*(self._leave_unfinished(each, where) for each in others[:settled_max]))

    async def _leave_unfinished(self, conversation: session_pb2.Conversation, where: Where) -> None:
        """Closes one that did not end, from what is stored of it; not now, if memory does not answer."""
        try:
            facts = await facts_of(self.backends, conversation.id, conversation.recap)
        except ServiceError:
            return
        place = await self._look_at_once(where) if conversation.working_directory == where.directory else None
        if place:
            facts.git.MergeFrom(git_facts(place) or session_pb2.GitFacts())
        closed = await self.close(conversation.id, where, facts, SILENT)
        if closed.is_written and place:
            await self.workplace.leave_handoff(place, closed.handoff.file_name, closed.handoff.markdown)

    async def _look_at_once(self, where: Where) -> Place | None:
        """The directory's state, if that is known in no time: somebody waits."""
        with suppress(ServiceError, Wanted, TimeoutError):
            return await asyncio.wait_for(self.workplace.look(where.asked), look_within_s)
        return None

    async def close(
        self, conversation: str, where: Where, facts: session_pb2.Facts, reason: str
    ) -> session_pb2.CloseConversationResponse:
        """Has its handoff written, unless that says the same already."""
        session = self.backends.session
        request = session_pb2.CloseConversationRequest(
            conversation=conversation,
            working_directory=where.directory,
            project=where.project,
            facts=facts,
            reason=reason,
        )
        answer: session_pb2.CloseConversationResponse = await session.call(session.stub.CloseConversation, request)
        return answer

    async def handoffs(self, where: Where) -> list[session_pb2.HandoffDocument]:
        """What was left in the project since the directory was last open, the last one first."""
        session = self.backends.session
        request = session_pb2.ListRecentHandoffsRequest(project=where.project, working_directory=where.directory)
        answer: session_pb2.ListRecentHandoffsResponse = await session.call(session.stub.ListRecentHandoffs, request)
        return list(answer.handoffs)

    async def await_end(self, conversation: str, where: Where) -> None:
        """Waits, not for long, for a conversation of the directory to end: after `/clear` its end is on its way."""

        async def at_work() -> set[str]:
            found = await self.open_in(where.project)
            return {each.id for each in found if each.working_directory == where.directory} - {conversation}

        before = await at_work()
        for _ in range(polls_max if before else 0):
            if not before <= await at_work():
                return
            await asyncio.sleep(poll_every_s)
