"""`POST /v1/memories`: a batch of memories, and of links between projects, as JSON Lines, for `segue import`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.backends import MemoryBackend
from services.gateway.errors import failure
from services.gateway.moments import moment
from services.gateway.text_forms import list_of, object_of
from services.gateway.tools.shapes import KIND
from services.kit.errors import InvalidInput, LimitExceeded, ServiceError
from services.pb import memory_pb2

STATUS = {
    "INVALID_INPUT": 400,
    "PERMISSION_DENIED": 403,
    "CONFLICT": 409,
    "LIMIT_EXCEEDED": 429,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
}
_text_fields = ("project", "session_id", "role", "id")
_link_fields = ("source", "target", "type", "description")


class BodyTooLarge(LimitExceeded):
    """Not a matter of trying later: the body must be smaller."""


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
            content = failure(error)
            return JSONResponse(content, status_of(error, content["error_code"]))

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._body_max_bytes:
                raise BodyTooLarge(f"The body is over {self._body_max_bytes:,} bytes.", "Send smaller batches.")
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
    return 413 if isinstance(error, BodyTooLarge) else STATUS.get(code, 503)


def _add(request: memory_pb2.StoreRequest, line: bytes) -> None:
    """One line more; InvalidInput, without its content, where it is neither a memory nor a link."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The line is not JSON, or nested too deeply.") from error
    if isinstance(fields, dict) and isinstance(fields.get("link"), dict):
        request.links.append(_link(fields["link"]))
    elif isinstance(fields, dict) and isinstance(fields.get("content"), str):
        request.memories.append(_new_memory(fields))
    else:
        raise InvalidInput("The line has no content.")


def _untexted(value_of: Callable[[str], Any], value: Any) -> Any:
    """What the text stands for, where it is one."""
    return value_of(value) if isinstance(value, str) else value


def _link(fields: dict[str, Any]) -> memory_pb2.Link:
    text = {name: fields.get(name) or "" for name in _link_fields}
    if not all(isinstance(value, str) for value in text.values()):
        raise InvalidInput(f"One of {', '.join(_link_fields)} is no text.")
    return memory_pb2.Link(created_at=moment(fields.get("created_at"), "created_at"), **text)


def _new_memory(fields: dict[str, Any]) -> memory_pb2.NewMemory:
    tags, metadata = _untexted(list_of, fields.get("tags")) or [], _untexted(object_of, fields.get("metadata")) or {}
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
