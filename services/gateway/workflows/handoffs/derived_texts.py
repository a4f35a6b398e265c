"""What was made of memories and is kept elsewhere goes with them: handoffs, and their copies in projects."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from services.gateway.backends import Backends
from services.gateway.directory.client_reports import Asked, Wanted
from services.gateway.directory.working_directory import Place, Workplace
from services.gateway.workflows.conversations import DELETED, Conversations, Where
from services.gateway.workflows.handoffs.conversation_facts import facts_of
from services.kit.errors import ServiceError
from services.pb import memory_pb2, projects_pb2, session_pb2

logger = logging.getLogger(__name__)

roots_looked_at_max = 10


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

    async def current(self, handoffs: Sequence[session_pb2.HandoffDocument]) -> list[session_pb2.HandoffDocument]:
        """The handoffs; those cleared or written anew that were made of something that was deleted. Without those that
        then say nothing any more."""
        try:
            gone = await self.deletions_among(each for handoff in handoffs for each in handoff.made_of)
            checked = [(await self._clear(each))[0] if gone.intersection(each.made_of) else each for each in handoffs]
        except ServiceError:  # nobody deletes while memory is away
            return list(handoffs)
        return [each for each in checked if each.made_of or not each.cleared_digest]

    async def current_one(self, handoff: session_pb2.HandoffDocument) -> session_pb2.HandoffDocument:
        """The handoff; cleared or written anew, if something that it was made of was deleted."""
        try:
            is_gone = await self.deletions_among(handoff.made_of)
            return (await self._clear(handoff))[0] if is_gone else handoff
        except ServiceError:  # nobody deletes while memory is away
            return handoff

    async def clear_copies(self, place: Place) -> list[dict[str, str]]:
        """Removes the copies of the project's latest cleared handoffs where the project is now; returns those that only
        the client sees."""
        copies = await self._cleared_copies(place.name)
        if place.client:
            return copies
        for each in copies:
            await self.workplace.remove_handoff(place.root, each["file_name"], each["sha256"])
        return []

    async def _cleared_copies(self, project: str) -> list[dict[str, str]]:
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
        whether it was removed. That of a conversation is written anew from what is still stored of it."""
        session = self.backends.session
        request = session_pb2.ClearHandoffRequest(id=handoff.id or handoff.session_id)
        cleared: session_pb2.HandoffDocument = await session.call(session.stub.ClearHandoff, request)
        where = Where(handoff.project, Asked(cleared.working_directory))
        place = await self._locate(where.asked)
        copy = (cleared.file_name, cleared.cleared_digest)
        roots = [place.root] if place else await self._roots(handoff.project)
        is_removed = any([await self.workplace.remove_handoff(root, *copy) for root in roots])
        if not cleared.conversation:
            return cleared, is_removed
        facts = await facts_of(self.backends, cleared.conversation)
        closed = await Conversations(self.backends, self.workplace).close(cleared.conversation, where, facts, DELETED)
        if closed.is_written and place:
            await self.workplace.leave_handoff(place, closed.handoff.file_name, closed.handoff.markdown)
        return closed.handoff if closed.is_written else cleared, is_removed

    async def _roots(self, project: str) -> list[str]:
        """Where the project was seen, as it has left the directory that the handoff was written in."""
        projects = self.backends.projects
        with suppress(ServiceError):
            request = projects_pb2.FindRequest(name=project, exact=True)
            found: projects_pb2.Project = await projects.call(projects.stub.Find, request)
            return [each.path for each in found.roots[:roots_looked_at_max]]
        return []

    async def _locate(self, asked: Asked) -> Place | None:
        with suppress(ServiceError, Wanted):
            return await self.workplace.locate(asked)
        return None


def copy_of(handoff: session_pb2.HandoffDocument) -> dict[str, str]:
    """The name and the contents' digest of a cleared handoff's copy, as clients are told."""
    return {"file_name": handoff.file_name, "sha256": handoff.cleared_digest}


def _is_of(handoff: session_pb2.HandoffDocument, deletion: memory_pb2.DeleteRequest) -> bool:
    """Whether a handoff that does not say what it was made of is of what was deleted: of all that was said in a
    project, or in any, up to a time."""
    if deletion.ids or handoff.made_of:
        return False
    return not deletion.HasField("before") or handoff.ended_at.ToNanoseconds() < deletion.before.ToNanoseconds()
