"""One memory: its text with what was said around it, its versions, what it replaces and what replaces it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.page.display.memories import all_whole, metadata_lines, whole
from services.gateway.page.parts import Parts
from services.gateway.page.tool_calls import Refused
from services.kit.errors import NotFound

shown_max_chars = 20_000
whole_max_chars = 2**31 - 1
neighbours = 3
related_max = 5
related_max_chars = 300
FORMS = ("edit", "replace")


class Memory:
    """The page; `?edit` and `?replace` show it with a form."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """The memory that the address names."""
        form = next((each for each in FORMS if each in request.query_params), "")
        return await self.page(request, form, is_whole=bool(form) or "whole" in request.query_params)

    async def page(
        self,
        request: Request,
        form: str = "",
        typed: Mapping[str, str] | None = None,
        problem: Mapping[str, Any] | None = None,
        *,
        is_whole: bool = True,
    ) -> Response:
        """The page, with what was typed into its form before something was wrong with it."""
        name = str(request.path_params["id"])
        found = await self._read(name, whole_max_chars if is_whole else shown_max_chars)
        memory = whole(found["memory"])
        older, newer = await asyncio.gather(
            self._memories_named(memory["replaces"]), self._memories_named(memory["replaced_by"])
        )
        return self._parts.show(
            request,
            "memory.html",
            400 if problem else 200,
            memory=memory,
            before=all_whole(found["before"]),
            after=all_whole(found["after"]),
            versions=found["versions"],
            metadata=metadata_lines(memory["metadata"]),
            older=older,
            newer=newer,
            form=form if memory["author"] is None else "",
            typed=typed or _typed_fields(memory),
            problem=problem,
            base=f"/page/memory/{name}",
        )

    async def _read(self, id: str, max_chars: int) -> dict[str, Any]:
        try:
            return await self._parts.tools.call("get_memory", id=id, neighbours=neighbours, max_chars=max_chars)
        except Refused as error:
            if error.content.get("error_code") != "NOT_FOUND":
                raise
            removed = ("It may have been deleted: Removals lists what was.", "Search for its words.")
            raise NotFound("There is no memory of yours with this address.", *removed) from error

    async def _memories_named(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """The first of these memories; one that is gone since is left out."""

        async def read(id: str) -> list[dict[str, Any]]:
            try:
                found = await self._parts.tools.call("get_memory", id=id, neighbours=0, max_chars=related_max_chars)
            except Refused:
                return []
            return [whole(found["memory"])]

        lists = await asyncio.gather(*(read(each) for each in list(ids)[:related_max]))
        return [memory for each in lists for memory in each]


def _typed_fields(memory: Mapping[str, Any]) -> Mapping[str, str]:
    return {"content": memory["content"], "tags": ", ".join(memory["tags"]), "project": memory["project"]}
