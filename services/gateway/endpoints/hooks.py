"""`POST /v1/hooks/{event}`: receives the hook events of a coding agent and answers with what the agent is to do.

The body is the envelope of `segue hook`; the answer is the hook's output, or nothing (204), or not ready yet (202).
A gateway that does not see the working directory requests a report on it first (428), and the client sends the event
again with it. An event is answered only once it is done, or under way in this process, so that none is lost unless
the process is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.access.identity import current_user
from services.gateway.directory.client_reports import Wanted
from services.gateway.endpoints.json_requests import json_value
from services.gateway.workflows.briefing import estimated_characters
from services.gateway.workflows.hook_events import Handler, HookEvent, Said
from services.gateway.workflows.shown_briefings import ShownBriefings
from services.kit.errors import InvalidInput

INJECTED = "Segue-Injected"
"""The header with the size of the briefing, for the hook to record."""
DENIES = "Segue-Denies"
"""The header with the length of the copy of denies, which ends the body."""
text_max_chars = 20_000
command_max_chars = 131_072
files_max = 200
touched_max, error_max_chars = 10, 500
proposals_max = 50
tokens_max = 10_000
within_max_ms = 60_000
recap_max_chars = 4_000
offset_max_s = 14 * 3600


@dataclass(frozen=True, slots=True)
class HookEndpoint:
    """The endpoint of one event."""

    handler: Handler
    event: str
    shown: ShownBriefings

    async def __call__(self, request: Request) -> Response:
        """Handles the event and returns the hook's output."""
        told = parse_event(await request.body())
        try:
            said = await self.handler(told)
        except Wanted as wanted:
            return JSONResponse({"wanted": wanted.what}, 428)
        if said and said.briefing.text:
            self.shown.note(current_user(), self.event, told.directory, told.session, said.briefing)
        return Response(status_code=204) if said is None else _response(said)


def _response(said: Said) -> Response:
    """The hook's output, and after it what the hook keeps."""
    briefing = said.briefing
    characters = estimated_characters(briefing.text)
    given = f"tokens={briefing.tokens} memories={len(briefing.memory_ids)} characters={characters}"
    headers = {INJECTED: given} if briefing.text else {}
    answer = json.dumps(said.answer).encode() if said.answer else b""
    kept = json.dumps(said.denies).encode() if said.denies is not None else b""
    headers |= {DENIES: str(len(kept))} if kept else {}
    status = 202 if not said.is_ready else 200 if answer or kept else 204
    return Response(answer + kept, status, headers, "application/json" if answer else None)


def parse_event(body: bytes) -> HookEvent:
    """The event; missing fields are empty and unknown ones ignored. InvalidInput if the body is not an envelope."""
    envelope = json_value(body, "The body")
    if not isinstance(envelope, dict) or not isinstance(envelope.get("input"), dict):
        raise InvalidInput("The body is not a hook envelope.")
    client: dict[str, Any] = envelope["input"]
    return HookEvent(
        directory=_text(envelope, "directory") or _text(client, "cwd"),
        session=_text(client, "session_id"),
        source=_text(client, "source"),
        mode=_text(client, "permission_mode"),
        tool=_text(client, "tool_name"),
        tool_input=_tool_input(client.get("tool_input")),
        prompt=_text(client, "prompt"),
        delivery=_text(envelope, "delivery"),
        files=_list(envelope, "files", files_max),
        touched=_list(envelope, "touched", touched_max),
        error=_text(envelope, "error")[:error_max_chars],
        proposals=_list(client, "proposals", proposals_max),
        tokens=_number(envelope, "tokens", tokens_max),
        prompt_tokens=_number(envelope, "prompt_tokens", tokens_max),
        within_s=_number(envelope, "within_ms", within_max_ms) / 1e3,
        age_s=_number(envelope, "age_s", 10**9),
        ends_wait=bool(_number(envelope, "ends_wait", 1)),
        utc_offset_s=_offset(envelope),
        recap=_text(client, "compact_summary")[:recap_max_chars],
        meta=meta if isinstance(meta := envelope.get("meta"), dict) else {},
        denies_version=_text(envelope, "denies") if "denies" in envelope else None,
    )


def _tool_input(given: object) -> dict[str, str]:
    """What the tool is to do; of a command all, for what is cut off would not be judged."""
    named = given if isinstance(given, dict) else {}
    return {key: _text(named, key, command_max_chars if key == "command" else text_max_chars) for key in named}


def _text(fields: dict[str, Any], name: str, most_chars: int = text_max_chars) -> str:
    value = fields.get(name)
    return value.encode("utf-8", "replace").decode()[:most_chars] if isinstance(value, str) else ""


def _list(fields: dict[str, Any], name: str, most: int) -> list[str]:
    values = fields.get(name)
    return [each for each in values if isinstance(each, str)][:most] if isinstance(values, list) else []


def _number(fields: dict[str, Any], name: str, most: int) -> int:
    value = fields.get(name)
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _offset(fields: dict[str, Any]) -> int:
    value = fields.get("utc_offset_s")
    is_offset = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= offset_max_s
    return value if is_offset and isinstance(value, int) else 0
