"""`GET /v1/memories`: all memories of the caller as JSON Lines, a page per request; the last ends with the links."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.memory_results import KIND_NAME, iso
from services.gateway.backends import MemoryBackend
from services.gateway.endpoints.json_requests import caller_mistakes
from services.kit.errors import InvalidInput
from services.pb import memory_pb2

NEXT = "Segue-Next"
"""The header of every page but the last: the value to send as `after`."""
page_default = 256
sequence_max = 2**63 - 1


class Export:
    """The endpoint: `after` and `limit` in the query; the answer's lines can be sent to `POST /v1/memories`."""

    def __init__(self, memory: MemoryBackend) -> None:
        self._memory = memory

    async def __call__(self, request: Request) -> Response:
        """One page."""
        body, following = await self.page(_number(request, "after", 0), _number(request, "limit", page_default))
        headers = {NEXT: str(following)} if following else {}
        return Response(body, media_type="application/x-ndjson", headers=headers)

    async def page(self, after: int, limit: int = page_default) -> tuple[bytes, int]:
        """The lines of a page, and where the next one begins; 0 after the last."""
        with caller_mistakes("limit"):
            asked = memory_pb2.ExportRequest(after=after, limit=limit)
        page = await self._memory.call(self._memory.stub.Export, asked)
        lines = [_memory(each) for each in page.memories]
        if not page.next:
            lines += await self._links()
        return b"".join(_encode_line(line) for line in lines), page.next

    async def _links(self) -> Iterator[dict[str, Any]]:
        answer = await self._memory.call(self._memory.stub.ListLinks, memory_pb2.ListLinksRequest())
        return ({"link": _link(each)} for each in answer.links)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= sequence_max):
        raise InvalidInput(f"{name} is not a number in range.")
    return int(text)


def _memory(memory: memory_pb2.StoredMemory) -> dict[str, Any]:
    fields = {
        "id": memory.id,
        "content": memory.content,
        "kind": KIND_NAME[memory.kind],
        "project": memory.project,
        "timestamp": iso(memory.timestamp),
        "first_said": iso(memory.first_said) if memory.HasField("first_said") else "",
        "session_id": memory.session_id,
        "role": memory.role,
        "tags": list(memory.tags),
        "metadata": json.loads(memory.metadata),
        "shared": memory.shared,
        "replaces": list(memory.replaces),
        "replaced_at": iso(memory.replaced_at) if memory.HasField("replaced_at") else "",
        "withdrawn_at": iso(memory.withdrawn_at) if memory.HasField("withdrawn_at") else "",
        "made_of": list(memory.made_of),
        "versions": [_version(each) for each in memory.versions],
    }
    return {name: value for name, value in fields.items() if value}


def _version(version: memory_pb2.Version) -> dict[str, Any]:
    named = {"content": version.content, "project": version.project, "tags": list(version.tags)}
    return named | {"changed_at": iso(version.changed_at)}


def _link(link: memory_pb2.Link) -> dict[str, Any]:
    described = {"source": link.source, "target": link.target, "type": link.type, "description": link.description}
    return described | {"created_at": iso(link.created_at)}


def _encode_line(line: dict[str, Any]) -> bytes:
    """One line. A lone surrogate, which metadata may contain, must not make the whole export fail."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
