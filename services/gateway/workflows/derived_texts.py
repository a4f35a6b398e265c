"""What was made of memories and is kept elsewhere goes with them: handoffs, and their copies in projects."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from services.gateway.backends import Backends
from services.gateway.directory.working_directory import Workplace
from services.kit.errors import ServiceError
from services.pb import memory_pb2, session_pb2

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Cleared:
    """How many handoffs were cleared; and those of their copies in projects that cannot be seen from here."""

    count: int = 0
    copies: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DerivedTexts:
    """Clears what was made of deleted memories."""

    backends: Backends
    workplace: Workplace

    async def clear(self, deletion: memory_pb2.DeleteRequest) -> Cleared:
        """Clears the handoffs that this deletion concerns.

        What cannot be cleared now, since the session service is away, is when it would be told.
        """
        cleared = Cleared()
        try:
            async for page in self._handoffs(deletion.project):
                gone = await self.deletions_among(each for handoff in page for each in handoff.made_of)
                for handoff in page:
                    if gone.intersection(handoff.made_of) or _is_of(handoff, deletion):
                        cleared.count += not handoff.cleared_digest
                        anew, is_removed = await self._clear(handoff)
                        cleared.copies += [] if is_removed else [copy_of(anew)]
        except ServiceError as error:
            logger.warning("handoffs are not cleared yet: %s", type(error).__name__)
        return cleared

    async def current(self, handoff: session_pb2.HandoffDocument) -> session_pb2.HandoffDocument:
        """The handoff; cleared, if something that it was made of was deleted."""
        try:
            is_gone = not handoff.cleared_digest and await self.deletions_among(handoff.made_of)
            return (await self._clear(handoff))[0] if is_gone else handoff
        except ServiceError:  # nobody deletes while memory is away
            return handoff

    async def cleared_copies(self, project: str) -> list[dict[str, str]]:
        """The copies of the project's latest handoffs that were cleared, for a client that alone sees them."""
        session = self.backends.session
        request = session_pb2.ListHandoffsRequest(project=project)
        try:
            answer: session_pb2.ListHandoffsResponse = await session.call(session.stub.ListHandoffs, request)
        except ServiceError:
            return []
        return [copy_of(each) for each in answer.handoffs if each.cleared_digest]

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

    async def _clear(self, handoff: session_pb2.HandoffDocument) -> tuple[session_pb2.HandoffDocument, bool]:
        """Clears the handoff, and removes its copy in the project, if that can be seen from here and is unchanged; and
        whether it was removed."""
        session = self.backends.session
        request = session_pb2.ClearHandoffRequest(session_id=handoff.session_id)
        cleared: session_pb2.HandoffDocument = await session.call(session.stub.ClearHandoff, request)
        which = session_pb2.Which(session_id=handoff.session_id)
        found: session_pb2.GetResponse = await session.call(session.stub.Get, session_pb2.GetRequest(which=which))
        copy = (cleared.file_name, cleared.cleared_digest)
        return cleared, await self.workplace.remove_handoff(found.session.root, *copy)


def copy_of(handoff: session_pb2.HandoffDocument) -> dict[str, str]:
    """The name and the contents' digest of a cleared handoff's copy, as clients are told."""
    return {"file_name": handoff.file_name, "sha256": handoff.cleared_digest}


def _is_of(handoff: session_pb2.HandoffDocument, deletion: memory_pb2.DeleteRequest) -> bool:
    """Whether a handoff that does not say what it was made of is of what was deleted: of a project, or of all of them,
    up to a time."""
    if deletion.ids or handoff.made_of:
        return False
    return not deletion.HasField("before") or handoff.ended_at.ToNanoseconds() < deletion.before.ToNanoseconds()
