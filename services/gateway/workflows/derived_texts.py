"""What was made of memories and is kept elsewhere goes with them: handoffs, and their copies in projects."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.directory.client_reports import Asked, Wanted
from services.gateway.directory.working_directory import Place, Workplace
from services.gateway.workflows.conversation_facts import facts_of
from services.gateway.workflows.conversations import DELETED, Conversations, Where
from services.kit.errors import ServiceError
from services.pb import memory_pb2, session_pb2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DerivedTexts:
    """Clears what was made of deleted memories."""

    backends: Backends
    workplace: Workplace

    async def clear(self, deletion: memory_pb2.DeleteRequest) -> int:
        """Clears the handoffs that this deletion concerns, and returns their number.

        What cannot be cleared now, since the session service is away, is when it would be told.
        """
        cleared = 0
        try:
            async for page in self._handoffs(deletion.project):
                gone = await self.deleted(each for handoff in page for each in handoff.made_of)
                for handoff in page:
                    if gone.intersection(handoff.made_of) or _is_of(handoff, deletion):
                        cleared += not handoff.cleared_digest
                        await self._clear(handoff)
        except ServiceError as error:
            logger.warning("handoffs are not cleared yet: %s", type(error).__name__)
        return cleared

    async def current(self, handoffs: Sequence[session_pb2.HandoffDocument]) -> list[session_pb2.HandoffDocument]:
        """The handoffs; those cleared or written anew that were made of something that was deleted. Without those that
        then say nothing any more."""
        try:
            gone = await self.deleted(each for handoff in handoffs for each in handoff.made_of)
            checked = [await self._clear(each) if gone.intersection(each.made_of) else each for each in handoffs]
        except ServiceError:  # nobody deletes while memory is away
            return list(handoffs)
        return [each for each in checked if each and not each.cleared_digest]

    async def deleted(self, ids: Iterable[str]) -> set[str]:
        """Those of these memories that were deleted."""
        asked = list(dict.fromkeys(ids))
        if not asked:
            return set()
        memory = self.backends.memory
        request = memory_pb2.ListDeletedRequest(ids=asked)
        answer: memory_pb2.ListDeletedResponse = await memory.call(memory.stub.ListDeleted, request)
        return set(answer.ids)

    async def _handoffs(self, project: str) -> AsyncIterator[Sequence[session_pb2.HandoffDocument]]:
        """The handoffs of a project or, if it is empty, of all of them, a page at a time."""
        session, cursor = self.backends.session, ""
        while True:
            request = session_pb2.ListHandoffsRequest(project=project, cursor=cursor)
            answer: session_pb2.ListHandoffsResponse = await session.call(session.stub.ListHandoffs, request)
            yield answer.handoffs
            cursor = answer.next_cursor
            if not cursor:
                return

    async def _clear(self, handoff: session_pb2.HandoffDocument) -> session_pb2.HandoffDocument | None:
        """Clears the handoff, and removes its copy in the project, if that can be seen from here and is unchanged. That
        of a conversation is written anew from what is still stored of it; None if that is nothing."""
        session = self.backends.session
        request = session_pb2.ClearHandoffRequest(id=handoff.id or handoff.session_id)
        cleared: session_pb2.HandoffDocument = await session.call(session.stub.ClearHandoff, request)
        where = Where(handoff.project, Asked(cleared.working_directory))
        with suppress(ServiceError, Wanted):
            place = await self.workplace.find(where.asked)
            await self.workplace.remove_handoff(place.root, cleared.file_name, cleared.cleared_digest)
            if cleared.conversation:
                return await self._write_anew(cleared, where, place)
        return cleared

    async def _write_anew(
        self, handoff: session_pb2.HandoffDocument, where: Where, place: Place
    ) -> session_pb2.HandoffDocument | None:
        facts = await facts_of(self.backends, handoff.conversation)
        closed = await Conversations(self.backends, self.workplace).close(handoff.conversation, where, facts, DELETED)
        if not closed.HasField("handoff"):
            return None
        await self.workplace.leave_handoff(place, closed.handoff.file_name, closed.handoff.markdown)
        return closed.handoff


def _is_of(handoff: session_pb2.HandoffDocument, deletion: memory_pb2.DeleteRequest) -> bool:
    """Whether a handoff that does not say what it was made of is of what was deleted: of all that was said in a
    project, or in any, up to a time."""
    if deletion.ids or handoff.made_of:
        return False
    return not deletion.HasField("before") or handoff.ended_at.ToNanoseconds() < deletion.before.ToNanoseconds()
