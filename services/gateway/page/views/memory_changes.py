"""Changes of one memory, each by its own form: edit, replace, withdraw, share, back to an earlier version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.memory_results import iso
from services.gateway.page.display.memories import tags_of
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.gateway.page.tool_calls import Refused
from services.gateway.page.views.memory import Memory
from services.kit.errors import NotFound
from services.pb import memory_pb2

_typing_mistakes = frozenset({"INVALID_INPUT", "LIMIT_EXCEEDED", "PROJECT_NOT_FOUND"})


class MemoryChanges:
    """The endpoints; each leads back to the memory."""

    def __init__(self, parts: Parts, page: Memory) -> None:
        self._parts = parts
        self._page = page

    async def edit(self, request: Request) -> Response:
        """Its text, tags and project as they were typed."""
        fields = await self._parts.form(request)
        typed = {name: fields.text(name) for name in ("content", "tags", "project")}
        try:
            done = await self._parts.tools.call("update_memory", id=_id(request), **_arguments(typed))
        except Refused as error:
            return await self._again(request, "edit", typed, error)
        return self._back(_id(request), Notice("edited" if done["changed"] else "unchanged"))

    async def replace(self, request: Request) -> Response:
        """Something new that holds instead: both are kept."""
        fields = await self._parts.form(request)
        typed = {name: fields.text(name) for name in ("content", "tags", "project")}
        try:
            done = await self._parts.tools.call("store_reflection", **_arguments(typed), replaces=[_id(request)])
        except Refused as error:
            return await self._again(request, "replace", typed, error)
        return self._back(done["reflection_id"], Notice("replaced"))

    async def version(self, request: Request) -> Response:
        """What it was before holds again, and what it is now becomes a version."""
        fields = await self._parts.form(request)
        memory = self._parts.backends.memory
        found: memory_pb2.GetResponse = await memory.call(memory.stub.Get, memory_pb2.GetRequest(id=_id(request)))
        wanted = [each for each in found.memory.versions if iso(each.changed_at) == fields.text("changed_at")]
        if not wanted:
            raise NotFound("There is no such version.", "Open the memory again: it has changed.")
        earlier = {"content": wanted[0].content, "tags": list(wanted[0].tags), "project": wanted[0].project or None}
        done = await self._parts.tools.call("update_memory", id=_id(request), **earlier)
        return self._back(_id(request), Notice("edited" if done["changed"] else "unchanged"))

    async def _again(self, request: Request, form: str, typed: Mapping[str, str], error: Refused) -> Response:
        """The form with what was typed, and what is wrong with it."""
        if error.content.get("error_code") not in _typing_mistakes:
            raise error
        return await self._page.page(request, form, typed, error.content)

    def _back(self, id: str, notice: Notice) -> Response:
        return self._parts.go(f"/page/memory/{id}", notice)


def _id(request: Request) -> str:
    found: Any = request.path_params["id"]
    return str(found)


def _arguments(typed: Mapping[str, str]) -> dict[str, Any]:
    """Of the tools, from what was typed."""
    project = typed["project"].strip() or None
    return {"content": typed["content"], "tags": tags_of(typed["tags"]), "project": project}
