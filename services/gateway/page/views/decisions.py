"""Decisions and corrections: in force, replaced or withdrawn, and those that a newer one may replace, to be settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.memory_results import MemoryShape
from services.gateway.page.display.memories import all_whole
from services.gateway.page.forms import query_texts
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.gateway.page.sign_in import is_own_address
from services.kit.errors import InvalidInput
from services.pb import memory_pb2

listed_max, pairs_max = 30, 10
content_max_chars = 1_200
KINDS = ("decision", "correction")
PROPOSED = "proposed"
STATES = ("in_force", PROPOSED, "replaced", "all")
HERE = "/page/decisions"
VERDICTS: Mapping[str, tuple[memory_pb2.Verdict.ValueType, str]] = {
    "replaced": (memory_pb2.VERDICT_REPLACED, "replaces"),
    "both_hold": (memory_pb2.VERDICT_BOTH_HOLD, "both_hold"),
    "open": (memory_pb2.VERDICT_OPEN, "open_again"),
}
"""What is said of two decisions, and the notice of it."""


class Decisions:
    """The page, and what its pairs are settled by."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """The latest first; `kind`, `state` and `project` in the address."""
        asked = query_texts(request.query_params, "kind", "state", "project", "cursor")
        kind, state = asked["kind"] or KINDS[0], asked["state"] or STATES[0]
        if kind not in KINDS or state not in STATES or (kind != KINDS[0] and state == PROPOSED):
            raise InvalidInput(f"kind is one of {', '.join(KINDS)}, and state one of {', '.join(STATES)}.")
        labels = self._parts.workflows.projects.labels
        project = await labels.meant(asked["project"]) if asked["project"] else ""
        asked |= {"kind": kind, "state": state}
        if state == PROPOSED:
            found = await self._pairs(project)
        else:
            found = await self._page(project, asked)
        return self._parts.show(request, "decisions.html", asked=asked, **found)

    async def _page(self, project: str, asked: Mapping[str, str]) -> dict[str, Any]:
        memory, state = self._parts.backends.memory, asked["state"]
        wanted = memory_pb2.Filter(tags=[asked["kind"]], in_force=state == "in_force", out_of_force=state == "replaced")
        request = memory_pb2.ListRequest(
            project=project,
            filter=wanted,
            limit=listed_max,
            cursor=asked["cursor"],
            content_max_chars=content_max_chars,
        )
        found: memory_pb2.ListResponse = await memory.call(memory.stub.List, request)
        return {"memories": _whole(found.memories), "total": found.total, "next_cursor": found.next_cursor}

    async def _pairs(self, project: str) -> dict[str, Any]:
        memory = self._parts.backends.memory
        request = memory_pb2.ListProposedReplacementsRequest(
            project=project, limit=pairs_max, content_max_chars=content_max_chars
        )
        found: memory_pb2.ListProposedReplacementsResponse = await memory.call(
            memory.stub.ListProposedReplacements, request
        )
        pairs = [_whole([each.older, each.newer]) for each in found.pairs]
        return {"pairs": pairs, "in_force": found.in_force, "compared": found.compared, "more": found.more}

    async def settle(self, request: Request) -> Response:
        """Says of two decisions that the newer replaces the older, that both hold, or that this is open again."""
        fields = await self._parts.form(request)
        newer, older = fields.text("newer"), fields.text("older")
        kind = await settle_pair(self._parts, newer, older, fields.choice("do", list(VERDICTS)))
        back = fields.text("back")
        return self._parts.go(back if is_own_address(back) else HERE, Notice(kind, 1, [newer, older]))


async def settle_pair(parts: Parts, newer: str, older: str, what: str) -> str:
    """Says it to the memory service; the kind of the notice."""
    verdict, kind = VERDICTS[what]
    memory = parts.backends.memory
    request = memory_pb2.SettleReplacementRequest(newer=newer, older=older, verdict=verdict)
    await memory.call(memory.stub.SettleReplacement, request)
    return kind


def _whole(memories: Any) -> list[dict[str, Any]]:
    return all_whole(MemoryShape.of(each).model_dump() for each in memories)
