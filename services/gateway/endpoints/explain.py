"""`POST /v1/explain`: why a search finds what it finds, and where a memory is that it does not show."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.memory_results import iso
from services.gateway.arguments.query_periods import read_query
from services.gateway.backends import MemoryBackend
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.pb import memory_pb2

limit_default = 5
shown_chars = 160


class Explain:
    """The endpoint; words for time are read in `zone`."""

    def __init__(self, memory: MemoryBackend, labels: ProjectLabels, zone: ZoneInfo) -> None:
        self._memory = memory
        self._labels = labels
        self._zone = zone

    async def __call__(self, request: Request) -> Response:
        """`{"query", "project"?, "limit"?, "id"?}` → each result with what every kind of evidence adds to its sum; of
        the memory `id` also where it is, or why it is not among them."""
        with caller_mistakes("The question"):
            asked = _explain_request(await fields(request))
        search = asked.search
        if search.project.strip():
            search.project = await self._labels.meant(search.project)
        read_query(search, self._zone)
        return JSONResponse(_answer(await self._memory.call(self._memory.stub.Explain, asked)))


def _explain_request(given: dict[str, Any]) -> memory_pb2.ExplainRequest:
    search = memory_pb2.SearchRequest(
        query=given.get("query", ""),
        project=given.get("project", ""),
        limit=given.get("limit", limit_default),
        include_related_projects=True,
        content_max_chars=shown_chars,
    )
    return memory_pb2.ExplainRequest(search=search, id=given.get("id", ""))


def _answer(found: memory_pb2.ExplainResponse) -> dict[str, Any]:
    return {
        "results": [_result(each) for each in found.results],
        "terms": list(found.terms),
        "by_meaning": found.by_meaning,
        "named": _result(found.named) if found.HasField("named") else None,
        "whereabouts": found.whereabouts or None,
        "middle": found.middle,
        "slope": found.slope,
    }


def _result(found: memory_pb2.Explained) -> dict[str, Any]:
    memory = found.memory
    return {
        "id": memory.id,
        "project": memory.project,
        "timestamp": iso(memory.timestamp),
        "content": memory.content,
        "score": found.score,
        "evidence": {each.name: each.value for each in found.evidence},
        "age": found.age,
    }
