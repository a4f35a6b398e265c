"""Search: what `advanced_search` finds, with filters that stand in the address, and why each was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.page.display.memories import all_whole
from services.gateway.page.display.time_display import span_of_day
from services.gateway.page.forms import query_texts
from services.gateway.page.parts import Parts
from services.gateway.page.tool_calls import Refused
from services.gateway.tools.search import TurnKind
from services.kit.errors import InvalidInput

results_max = 20
FILTERS = ("project", "kind", "role", "turn", "session", "file", "since", "until")
KINDS = ("conversation", "reflection", "code")
TURNS = get_args(get_args(get_args(TurnKind)[0])[0])
WHY: Mapping[str, str] = {
    "both": "by meaning and words",
    "semantic": "by meaning",
    "text": "by words",
    "filter": "",
    "": "",
}


class Search:
    """The page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """What is asked for by the address; without a question, the latest."""
        asked: dict[str, Any] = query_texts(request.query_params, "q", *FILTERS, "sort", "linked", "all", "cursor")
        asked["tag"] = [each for each in request.query_params.getlist("tag") if each.strip()]
        problem, found = None, None
        try:
            arguments = _arguments(asked, self._parts.viewer(request).zone)
            found = await self._parts.tools.call("advanced_search", **arguments)
        except Refused as error:
            if error.content.get("error_code") not in {"INVALID_INPUT", "LIMIT_EXCEEDED"}:
                raise
            problem = error.content
        results = all_whole(found["results"]) if found else []
        return self._parts.show(
            request,
            "search.html",
            400 if problem else 200,
            asked=asked,
            found=found,
            results=results,
            nearest=all_whole([found["nearest"]]) if found and found["nearest"] else [],
            problem=problem,
            chosen=[(name, asked[name]) for name in FILTERS if asked[name]] + [("tag", each) for each in asked["tag"]],
            why=WHY,
            kinds=KINDS,
            turns=TURNS,
        )


def _arguments(asked: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Of the tool. A day that was chosen is one of the viewer's zone."""
    if asked["kind"] and asked["kind"] not in KINDS:
        raise InvalidInput(f"kind is one of {', '.join(KINDS)}.")
    since, until = asked["since"], asked["until"]
    return {
        "query": asked["q"],
        "limit": results_max,
        "project": asked["project"] or None,
        "include_related_projects": bool(asked["linked"]),
        "content_type": asked["kind"] or None,
        "role": asked["role"] or None,
        "turn_kind": asked["turn"] or None,
        "session_id": asked["session"] or None,
        "file_path": asked["file"] or None,
        "tags": asked["tag"] or None,
        "since": span_of_day(since, zone, is_end=False) if since else None,
        "until": span_of_day(until, zone, is_end=True) if until else None,
        "sort": "newest" if asked["sort"] == "newest" else "relevance",
        "min_score": 0.0 if asked["all"] else None,
        "cursor": asked["cursor"] or None,
        "facets": True,
    }
