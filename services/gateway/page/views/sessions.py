"""Sessions: which there were, what each left, its checkpoints; and a conversation's timeline, to scroll through."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.session_results import HandoffShape, SessionShape, when
from services.gateway.page.display.memories import all_whole
from services.gateway.page.forms import query_texts
from services.gateway.page.parts import Parts
from services.gateway.page.views.today import conversations_of
from services.kit.errors import InvalidInput, NotFound
from services.pb import session_pb2

listed_max = 30
turns_max = 40
checkpoints_max = 200
conversations_max = 20
STATES = ("active", "ended", "abandoned")


class SessionPages:
    """The pages."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def list(self, request: Request) -> Response:
        """The sessions, newest first; and the conversations that are at work now."""
        asked = query_texts(request.query_params, "project", "state", "cursor")
        if asked["state"] and asked["state"] not in STATES:
            raise InvalidInput(f"state is one of {', '.join(STATES)}.")
        session, given = self._parts.backends.session, {name: each or None for name, each in asked.items()}
        found, open_now, handoffs = await asyncio.gather(
            self._parts.tools.call("list_sessions", limit=listed_max, **given),
            session.call(
                session.stub.ListConversations,
                session_pb2.ListConversationsRequest(project=asked["project"], limit=conversations_max),
            ),
            session.call(session.stub.ListHandoffs, session_pb2.ListHandoffsRequest(project=asked["project"])),
        )
        return self._parts.show(
            request,
            "sessions.html",
            asked=asked,
            sessions=found["sessions"],
            next_cursor=found["next_cursor"],
            at_work=[] if asked["cursor"] else conversations_of(open_now),
            handoffs=[] if asked["cursor"] else [_handoff(each) for each in handoffs.handoffs[:listed_max]],
            states=STATES,
        )

    async def session(self, request: Request) -> Response:
        """One session: when it was, its checkpoints with their commits, and its handoff."""
        session, which = self._parts.backends.session, session_pb2.Which(session_id=request.path_params["id"])
        asked = session_pb2.GetRequest(which=which, checkpoints=checkpoints_max)
        found: session_pb2.GetResponse = await session.call(session.stub.Get, asked)
        return self._parts.show(
            request,
            "session.html",
            session=SessionShape.of(found.session).model_dump(),
            checkpoints=[_checkpoint(each) for each in reversed(found.checkpoints)],
            handoff=await self._own_handoff(found.session),
        )

    async def conversation(self, request: Request) -> Response:
        """What was said in one conversation, in order, with what it left at its end."""
        name, cursor = str(request.path_params["id"]), request.query_params.get("cursor", "")
        found = await self._parts.tools.call(
            "list_memories", session_id=name, order="oldest", limit=turns_max, cursor=cursor or None
        )
        turns = all_whole(found["memories"])
        if not turns and not cursor:
            raise NotFound("Nothing is stored of this conversation.", "It may be deleted, or not stored yet.")
        return self._parts.show(
            request,
            "conversation.html",
            id=name,
            turns=turns,
            total=found["total"],
            next_cursor=found["next_cursor"],
            cursor=cursor,
        )

    async def _own_handoff(self, state: session_pb2.SessionState) -> dict[str, Any] | None:
        if not state.has_handoff:
            return None
        session, derived = self._parts.backends.session, self._parts.workflows.sessions.derived_texts
        try:
            left = await session.call(session.stub.GetHandoff, session_pb2.GetHandoffRequest(session_id=state.id))
        except NotFound:
            return None
        return _handoff(await derived.current_one(left))


def _handoff(handoff: session_pb2.HandoffDocument) -> dict[str, Any]:
    shape = HandoffShape.of(handoff, None).model_dump()
    return {**shape, "project": handoff.project, "conversation": handoff.conversation, "markdown": handoff.markdown}


def _checkpoint(checkpoint: session_pb2.CheckpointRecord) -> dict[str, Any]:
    return {
        "id": checkpoint.id,
        "number": checkpoint.number,
        "created_at": when(checkpoint.created_at),
        "note": checkpoint.note,
        "quality": checkpoint.quality.overall if checkpoint.HasField("quality") else None,
        "delta": checkpoint.quality_delta if checkpoint.HasField("quality_delta") else None,
        "commit": checkpoint.git_commit,
        "message": checkpoint.git_message,
        "skipped": checkpoint.git_skipped_reason,
        "files": list(checkpoint.files_changed),
        "files_total": checkpoint.files_changed_total,
        "decisions": list(checkpoint.decisions),
    }
