"""`POST /v1/hooks/{event}`: what the hooks of a coding agent tell, and what the agent is to do about it.

The body is the envelope of `segue hook`; the answer is what the hook prints, or nothing (204), or nothing yet (202).
A gateway that does not see the working directory says what it wants of it first (428), and the event comes again with
that. An event that the server has taken is done, or under way in this process: none is answered that would be lost
with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.directory.client_reports import Wanted
from services.gateway.endpoints.json_requests import json_value
from services.gateway.workflows.hooks import LATER, Handler, HookEvent
from services.kit.errors import InvalidInput

INJECTED = "Segue-Injected"
"""The header that says how much the model is given, for the hook to note."""
text_max_chars = 20_000
files_max = 200
tokens_max = 10_000
within_max_ms = 60_000


@dataclass(frozen=True, slots=True)
class HookEndpoint:
    """The endpoint of one event."""

    handler: Handler

    async def __call__(self, request: Request) -> Response:
        """What the event brought about."""
        try:
            said = await self.handler(parse_event(await request.body()))
        except Wanted as wanted:
            return JSONResponse({"wanted": wanted.what}, 428)
        if said is None or said is LATER:
            return Response(status_code=202 if said else 204)
        given = f"tokens={said.briefing.tokens} memories={len(said.briefing.memory_ids)}"
        return JSONResponse(said.answer, headers={INJECTED: given} if said.briefing.text else None)


def parse_event(body: bytes) -> HookEvent:
    """The event; what it lacks is empty, and what is not known is passed over. InvalidInput for what is no envelope."""
    told = json_value(body, "The body")
    if not isinstance(told, dict) or not isinstance(told.get("input"), dict):
        raise InvalidInput("The body is no envelope of a hook.")
    client: dict[str, Any] = told["input"]
    tool_input = client.get("tool_input")
    files = told.get("files")
    return HookEvent(
        directory=_text(told, "directory") or _text(client, "cwd"),
        session=_text(client, "session_id"),
        source=_text(client, "source"),
        mode=_text(client, "permission_mode"),
        tool=_text(client, "tool_name"),
        tool_input={key: _text(tool_input, key) for key in tool_input} if isinstance(tool_input, dict) else {},
        prompt=_text(client, "prompt"),
        delivery=_text(told, "delivery"),
        files=[each for each in files if isinstance(each, str)][:files_max] if isinstance(files, list) else [],
        tokens=_number(told, "tokens", tokens_max),
        prompt_tokens=_number(told, "prompt_tokens", tokens_max),
        within_s=_number(told, "within_ms", within_max_ms) / 1e3,
        age_s=_number(told, "age_s", 10**9),
        meta=meta if isinstance(meta := told.get("meta"), dict) else {},
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value.encode("utf-8", "replace").decode()[:text_max_chars] if isinstance(value, str) else ""


def _number(fields: dict[str, Any], name: str, most: int) -> int:
    value = fields.get(name)
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
