"""What was made of memories and is kept elsewhere goes with them: handoffs, and their copies in projects."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from services.gateway.backends import Backends
from services.gateway.directory.working_directory import Workplace
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
                gone = await self.deletions_among(each for handoff in page for each in handoff.made_of)
                for handoff in page:
                    if gone.intersection(handoff.made_of) or _is_of(handoff, deletion):
                        cleared += not handoff.cleared_digest
                        await self._clear(handoff)
        except ServiceError as error:
            logger.warning("handoffs are not cleared yet: %s", type(error).__name__)
        return cleared

    async def current(self, handoff: session_pb2.HandoffDocument) -> session_pb2.HandoffDocument:
        """The handoff; cleared, if something that it was made of was deleted."""
        try:
            is_gone = not handoff.cleared_digest and await self.deletions_among(handoff.made_of)
            return await self._clear(handoff) if is_gone else handoff
        except ServiceError:  # nobody deletes while memory is away
            return handoff

    async def deletions_among(self, ids: Iterable[str]) -> set[str]:
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

    async def _clear(self, handoff: session_pb2.HandoffDocument) -> session_pb2.HandoffDocument:
        """Clears the handoff, and removes its copy in the project, if that can be seen from here and is unchanged."""
        session = self.backends.session
        request = session_pb2.ClearHandoffRequest(session_id=handoff.session_id)
        cleared: session_pb2.HandoffDocument = await session.call(session.stub.ClearHandoff, request)
        which = session_pb2.Which(session_id=handoff.session_id)
        found: session_pb2.GetResponse = await session.call(session.stub.Get, session_pb2.GetRequest(which=which))
        await self.workplace.remove_handoff(found.session.root, cleared.file_name, cleared.cleared_digest)
        return cleared


def _is_of(handoff: session_pb2.HandoffDocument, deletion: memory_pb2.DeleteRequest) -> bool:
    """Whether a handoff that does not say what it was made of is of what was deleted: of all that was said in a project,
    or in any, up to a time."""
    if deletion.ids or handoff.made_of:
        return False
    return not deletion.HasField("before") or handoff.ended_at.ToNanoseconds() < deletion.before.ToNanoseconds()
