"""`POST /v1/memories`: a batch of memories as JSON Lines, for `segue import`."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.backends import MemoryBackend
from services.gateway.errors import failure
from services.gateway.moments import moment
from services.gateway.tools.shapes import KIND
from services.kit.errors import InvalidInput, LimitExceeded, ServiceError
from services.pb import memory_pb2

STATUS = {"LIMIT_EXCEEDED": 429, "INTERNAL": 500, "INVALID_INPUT": 400, "DEADLINE_EXCEEDED": 504, "CONFLICT": 409}
_text_fields = ("project", "session_id", "role", "id")


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
            return JSONResponse(content, _status(error, content["error_code"]))

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._body_max_bytes:
                raise BodyTooLarge(f"The body is over {self._body_max_bytes:,} bytes.", "Send smaller batches.")
        return body

    async def _store(self, body: bytes) -> dict[str, Any]:
        memories, rejected = [], []
        for number, line in enumerate(body.splitlines()):
            try:
                memories.append(_new_memory(line))
            except ServiceError as error:
                rejected.append({"line": number, "error_code": failure(error)["error_code"], "error": error.message})
        if not memories:
            return {"stored": 0, "duplicates": 0, "embedded": 0, "rejected": rejected}
        request = memory_pb2.StoreRequest(memories=memories)
        answer = await self._memory.call(self._memory.stub.Store, request, self._timeout_s)
        duplicates = sum(outcome.duplicate for outcome in answer.outcomes)
        embedded = sum(outcome.embedding_generated for outcome in answer.outcomes)
        stored = len(memories) - duplicates
        return {"stored": stored, "duplicates": duplicates, "embedded": embedded, "rejected": rejected}


def _status(error: Exception, code: str) -> int:
    return 413 if isinstance(error, BodyTooLarge) else STATUS.get(code, 503)


def _new_memory(line: bytes) -> memory_pb2.NewMemory:
    """One line as a memory; InvalidInput, without its content, where it is none."""
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InvalidInput("The line is not JSON.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("content"), str):
        raise InvalidInput("The line has no content.")
    tags, metadata = fields.get("tags") or [], fields.get("metadata") or {}
    if not isinstance(metadata, dict) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInput("tags is no list of words, or metadata is no object.")
    kind = KIND.get(fields.get("kind") or "conversation")
    if kind is None:
        raise InvalidInput("kind is neither conversation nor reflection.")
    text = {name: fields.get(name) or "" for name in _text_fields}
    if not all(isinstance(value, str) for value in text.values()):
        raise InvalidInput(f"One of {', '.join(_text_fields)} is no text.")
    return memory_pb2.NewMemory(
        content=fields["content"].encode("utf-8", "replace"),
        kind=kind,
        timestamp=moment(fields.get("timestamp")),
        tags=tags,
        metadata=json.dumps(metadata),
        **text,
    )
