"""Changes of the memories that were ticked, one or many, with their count and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.page.forms import Fields
from services.gateway.page.notices import Notice, ids_max
from services.gateway.page.parts import Parts
from services.gateway.page.sign_in import is_own_address
from services.gateway.page.tool_calls import Refused
from services.gateway.page.views.decisions import settle_pair
from services.kit.errors import InvalidInput

at_once = 8
CHANGES: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "withdraw": ("withdraw", {"withdrawn": True}, "withdrawn"),
    "hold": ("withdraw", {"withdrawn": False}, "in_force"),
    "share": ("share_memory", {"shared": True}, "shared"),
    "unshare": ("share_memory", {"shared": False}, "private"),
}
"""The tool of each change, its argument, and the notice of what it did."""
DELETE, UNDELETE, REOPEN = "delete", "undelete", "reopen"


class BulkChanges:
    """The endpoints."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def change(self, request: Request) -> Response:
        """Does with the memories what the button says; before a deletion, a page says what would go."""
        fields = await self._parts.form(request)
        what = fields.choice("do", [DELETE, UNDELETE, REOPEN, *CHANGES])
        ids, back = _ids(fields), _back(fields)
        if what == DELETE:
            return await self._ask(request, ids, back)
        if what == UNDELETE:
            return self._parts.go(back, await self._undelete(ids))
        if what == REOPEN:
            return self._parts.go(back, await self._reopen(ids))
        return self._parts.go(back, await self._each(what, ids))

    async def delete(self, request: Request) -> Response:
        """Deletes what the page before said would go."""
        fields = await self._parts.form(request)
        ids, token = _ids(fields), fields.text("confirmation_token")
        done = await self._parts.tools.call("delete_conversations", ids=ids, confirm=True, confirmation_token=token)
        return self._parts.go(_back(fields), Notice("deleted", done["deleted"], ids))

    async def _ask(self, request: Request, ids: Sequence[str], back: str) -> Response:
        would = await self._parts.tools.call("delete_conversations", ids=ids)
        if not would["would_delete"]:
            raise InvalidInput("None of these memories is yours to delete.", "What others share stays theirs.")
        return self._parts.show(request, "confirm_deletion.html", would=would, ids=ids, back=back)

    async def _undelete(self, ids: Sequence[str]) -> Notice:
        done = await self._parts.tools.call("undelete", ids=ids)
        kind = "restored" if done["restored"] else "restored_none"
        return Notice(kind, max(done["restored"], 1 if done["restored"] else 0))

    async def _reopen(self, ids: Sequence[str]) -> Notice:
        """Takes back what was said of a newer and an older decision."""
        if len(ids) != 2:  # a pair
            raise InvalidInput("That is no pair of decisions.")
        return Notice(await settle_pair(self._parts, ids[0], ids[1], "open"))

    async def _each(self, what: str, ids: Sequence[str]) -> Notice:
        """Those that can be changed are; raises what is wrong if none can."""
        tool, argument, kind = CHANGES[what]
        turn = asyncio.Semaphore(at_once)

        async def change(id: str) -> Refused | None:
            async with turn:
                try:
                    await self._parts.tools.call(tool, id=id, **argument)
                except Refused as error:
                    return error
            return None

        problems = await asyncio.gather(*(change(each) for each in ids))
        changed = [each for each, problem in zip(ids, problems, strict=True) if problem is None]
        refusals = [problem for problem in problems if problem]
        if refusals and not changed:
            raise refusals[0]
        return Notice(kind, len(changed), changed)


def _ids(fields: Fields) -> list[str]:
    ids = list(dict.fromkeys(each for each in fields.texts("id") if each))
    if not ids:
        raise InvalidInput("No memory was chosen.", "Tick the box beside each that you mean, then press the button.")
    if len(ids) > ids_max:
        raise InvalidInput(f"At most {ids_max} memories are changed at once.")
    return ids


def _back(fields: Fields) -> str:
    back = fields.text("back")
    return back if is_own_address(back) else "/page/search"
