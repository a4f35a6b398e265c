"""`/v1/removals` and `/v1/retention`: what was removed of the caller's memories, and how long they are kept."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.argument_forms import without_nulls
from services.gateway.backends import MemoryBackend
from services.gateway.bulk import status_of
from services.gateway.errors import failure
from services.gateway.tools.shapes import iso
from services.kit.errors import InvalidInput
from services.pb import memory_pb2

removals_default = 50
body_max_bytes = 10_000


class Keeping:
    """The endpoints."""

    def __init__(self, memory: MemoryBackend) -> None:
        self._memory = memory

    async def removals(self, request: Request) -> Response:
        """The log, the latest first: `?project=` and `?limit=`."""
        return await _answered(self._removals, request)

    async def rules(self, request: Request) -> Response:
        """Every rule of retention, the default first, and what would go by it."""
        return await _answered(self._rules, request)

    async def set_rule(self, request: Request) -> Response:
        """`{"project", "days"?, "size_mb"?, "reflections"?}`, or `{"project", "reset": true}` → the rule that holds."""
        return await _answered(self._set_rule, request)

    async def _removals(self, request: Request) -> dict[str, Any]:
        limit = request.query_params.get("limit", str(removals_default))
        if not (limit.isascii() and limit.isdigit() and len(limit) < 6):
            raise InvalidInput("limit is no number of this size.")
        asked = memory_pb2.RemovalsRequest(project=request.query_params.get("project", ""), limit=int(limit))
        answer: memory_pb2.RemovalsResponse = await self._memory.call(self._memory.stub.Removals, asked)
        return {"removals": [_removal(each) for each in answer.removals]}

    async def _rules(self, _: Request) -> dict[str, Any]:
        answer: memory_pb2.ListRetentionResponse = await self._memory.call(
            self._memory.stub.ListRetention, memory_pb2.ListRetentionRequest()
        )
        return {"rules": [_rule(each) for each in answer.retentions], "waiting": answer.waiting or None}

    async def _set_rule(self, request: Request) -> dict[str, Any]:
        asked = _asked(await _fields(request))
        return _rule(await self._memory.call(self._memory.stub.SetRetention, asked))


async def _answered(work: Callable[[Request], Awaitable[dict[str, Any]]], request: Request) -> Response:
    try:
        return JSONResponse(await work(request))
    except Exception as error:
        content = failure(error)
        return JSONResponse(content, status_of(error, content["error_code"]))


async def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads((await request.body())[:body_max_bytes])
    except ValueError as error:
        raise InvalidInput("The body is not JSON.") from error
    if not isinstance(fields, dict):
        raise InvalidInput("The body is no JSON object.")
    return without_nulls(fields)


def _asked(fields: dict[str, Any]) -> memory_pb2.SetRetentionRequest:
    project, days, size_mb = fields.get("project"), fields.get("days"), fields.get("size_mb")
    flags = (fields.get("reflections", False), fields.get("reset", False))
    if not isinstance(project, str) or not all(isinstance(each, bool) for each in flags):
        raise InvalidInput("project is a name; reflections and reset are true or false.")
    if not (days is None or type(days) is int) or not (size_mb is None or type(size_mb) in {int, float}):
        raise InvalidInput("days is a whole number, size_mb a number.")
    if days is not None and abs(days) >= 2**31:
        raise InvalidInput("days is too large.")
    rule = memory_pb2.Retention(project=project, days=days, size_mb=size_mb, reflections=flags[0])
    return memory_pb2.SetRetentionRequest(retention=rule, reset=flags[1])


def _removal(removal: memory_pb2.Removal) -> dict[str, Any]:
    return {
        "removed_at": iso(removal.removed_at),
        "actor": removal.actor or None,
        "reason": removal.reason,
        "project": removal.project,
        "ids": list(removal.ids),
        "count": removal.count,
        "erased": removal.erased,
    }


def _rule(rule: memory_pb2.Retention) -> dict[str, Any]:
    return {
        "project": rule.project or None,
        "days": rule.days if rule.HasField("days") else None,
        "size_mb": rule.size_mb if rule.HasField("size_mb") else None,
        "reflections": rule.reflections,
        "is_default": rule.is_default,
        "would_remove": rule.would_remove,
    }
