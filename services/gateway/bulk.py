"""`POST /v1/memories`: a batch of memories, and of links between projects, as JSON Lines, for `segue import`."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.backends import MemoryBackend
from services.gateway.errors import failure
from services.gateway.moments import moment
from services.gateway.tools.shapes import KIND
from services.kit.errors import InvalidInput, LimitExceeded, RateLimited, ServiceError, TooLarge
from services.pb import memory_pb2

STATUS = {
    "INVALID_INPUT": 400,
    "PERMISSION_DENIED": 403,
    "CONFLICT": 409,
    "LIMIT_EXCEEDED": 429,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
}
STATUS_OF_LIMIT = {"later": 429, "too_large": 413, "over_quota": 403}
"""A quota is not for the client to wait for, nor a fault of the server: refused, as what may not be done is."""
_text_fields = ("project", "session_id", "role", "id")
_link_fields = ("source", "target", "type", "description")


class BulkStore:
    """Stores the lines that can be stored, and says of each other one what is wrong with it."""

    def __init__(self, memory: MemoryBackend, body_max_bytes: int, timeout_s: float) -> None:
        self._memory = memory
        self._body_max_bytes = body_max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, request: Request) -> Response:
        """The endpoint."""
        try:
            return JSONResponse(await self._store(await self._body(request)))
        except Exception as error:
            return refusal(error)

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._body_max_bytes:
                raise TooLarge(f"The body is over {self._body_max_bytes:,} bytes.", "Send smaller batches.")
        return body

    async def _store(self, body: bytes) -> dict[str, Any]:
        request, rejected = memory_pb2.StoreRequest(), []
        for number, line in enumerate(body.splitlines()):
            try:
                _add(request, line)
            except ServiceError as error:
                rejected.append({"line": number, "error_code": failure(error)["error_code"], "error": error.message})
        sent = len(request.memories) + len(request.links)
        if not sent:
            return {"stored": 0, "duplicates": 0, "embedded": 0, "rejected": rejected}
        answer = await self._memory.call(self._memory.stub.Store, request, self._timeout_s)
        stored = sum(not outcome.duplicate for outcome in answer.outcomes) + answer.links_stored
        embedded = sum(outcome.embedding_generated for outcome in answer.outcomes) + answer.links_stored
        return {"stored": stored, "duplicates": sent - stored, "embedded": embedded, "rejected": rejected}


def status_of(error: Exception, code: str) -> int:
    """The HTTP status of a failure."""
    known = STATUS_OF_LIMIT.get(error.reason) if isinstance(error, LimitExceeded) else None
    return known or STATUS.get(code, 503)


def refusal(error: Exception) -> JSONResponse:
    """The answer to a request that failed; it says when to repeat it, where that helps."""
    content = failure(error)
    headers = {"retry-after": f"{error.retry_after_s:.0f}"} if isinstance(error, RateLimited) else None
    return JSONResponse(content, status_of(error, content["error_code"]), headers)


def _add(request: memory_pb2.StoreRequest, line: bytes) -> None:
    """One line more; InvalidInput, without its content, where it is neither a memory nor a link."""
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InvalidInput("The line is not JSON.") from error
    if isinstance(fields, dict) and isinstance(fields.get("link"), dict):
        request.links.append(_link(fields["link"]))
    elif isinstance(fields, dict) and isinstance(fields.get("content"), str):
        request.memories.append(_new_memory(fields))
    else:
        raise InvalidInput("The line has no content.")


def _link(fields: dict[str, Any]) -> memory_pb2.Link:
    text = {name: fields.get(name) or "" for name in _link_fields}
    if not all(isinstance(value, str) for value in text.values()):
        raise InvalidInput(f"One of {', '.join(_link_fields)} is no text.")
    return memory_pb2.Link(created_at=moment(fields.get("created_at")), **text)


def _new_memory(fields: dict[str, Any]) -> memory_pb2.NewMemory:
    tags, metadata = fields.get("tags") or [], fields.get("metadata") or {}
    if not isinstance(metadata, dict) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInput("tags is no list of words, or metadata is no object.")
    kind = KIND.get(fields.get("kind") or "conversation")
    if kind is None:
        raise InvalidInput("kind is neither conversation nor reflection.")
    text = {name: fields.get(name) or "" for name in _text_fields}
    if not all(isinstance(value, str) for value in text.values()):
        raise InvalidInput(f"One of {', '.join(_text_fields)} is no text.")
    shared = fields.get("shared")
    if not (shared is None or isinstance(shared, bool)):
        raise InvalidInput("shared is neither true nor false.")
    return memory_pb2.NewMemory(
        content=fields["content"].encode("utf-8", "replace"),
        kind=kind,
        timestamp=moment(fields.get("timestamp")),
        tags=tags,
        metadata=json.dumps(metadata),
        shared=shared,
        **text,
    )
