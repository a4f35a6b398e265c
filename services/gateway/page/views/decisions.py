"""Decisions and corrections: those that are in force, and those that were replaced or withdrawn."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.memory_results import MemoryShape
from services.gateway.page.display.memories import all_whole
from services.gateway.page.forms import query_texts
from services.gateway.page.parts import Parts
from services.kit.errors import InvalidInput
from services.pb import memory_pb2

listed_max = 30
content_max_chars = 1_200
KINDS = ("decision", "correction")
STATES = ("in_force", "all")


class DecisionList:
    """The page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """The latest first; `kind`, `state` and `project` in the address."""
        asked = query_texts(request.query_params, "kind", "state", "project", "cursor")
        kind, state = asked["kind"] or KINDS[0], asked["state"] or STATES[0]
        if kind not in KINDS or state not in STATES:
            raise InvalidInput(f"kind is one of {', '.join(KINDS)}, and state one of {', '.join(STATES)}.")
        memory, labels = self._parts.backends.memory, self._parts.workflows.projects.labels
        wanted = memory_pb2.Filter(tags=[kind], in_force=state == "in_force")
        request_for_page = memory_pb2.ListRequest(
            project=await labels.meant(asked["project"]) if asked["project"] else "",
            filter=wanted,
            limit=listed_max,
            cursor=asked["cursor"],
            content_max_chars=content_max_chars,
        )
        found: memory_pb2.ListResponse = await memory.call(memory.stub.List, request_for_page)
        shapes = [MemoryShape.of(each).model_dump() for each in found.memories]
        return self._parts.show(
            request,
            "decisions.html",
            asked={**asked, "kind": kind, "state": state},
            memories=all_whole(shapes),
            total=found.total,
            next_cursor=found.next_cursor,
        )
