"""`/v1/removals` and `/v1/retention`: the caller's deletion log and retention rules."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.memory_results import iso
from services.gateway.backends import MemoryBackend
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.kit.errors import InvalidInput
from services.pb import memory_pb2

removals_default = 50


class RetentionEndpoints:
    """The endpoints."""

    def __init__(self, memory: MemoryBackend, labels: ProjectLabels) -> None:
        self._memory = memory
        self._labels = labels

    async def removals(self, request: Request) -> Response:
        """The deletion log, newest first: `?project=` and `?limit=`."""
        limit = request.query_params.get("limit", str(removals_default))
        if not (limit.isascii() and limit.isdigit() and len(limit) < 6):
            raise InvalidInput("limit is not a number in range.")
        listed = await self.removal_list(request.query_params.get("project", ""), int(limit))
        return JSONResponse({"removals": listed})

    async def rules(self, _: Request) -> Response:
        """Every retention rule, the default first, and what each would remove."""
        return JSONResponse(await self.rule_list())

    async def rule_list(self) -> dict[str, Any]:
        """The same as fields."""
        answer: memory_pb2.ListRetentionResponse = await self._memory.call(
            self._memory.stub.ListRetention, memory_pb2.ListRetentionRequest()
        )
        rules = [_rule(each) for each in answer.retentions]
        return {"rules": rules, "waiting": answer.waiting or None}

    async def set_rule(self, request: Request) -> Response:
        """`{"project", "days"?, "size_mb"?, "reflections"?}`, or `{"project", "reset": true}` → the rule in force."""
        with caller_mistakes("The rule"):
            given = await fields(request)
        return JSONResponse(await self.change_rule(given))

    async def change_rule(self, given: dict[str, Any]) -> dict[str, Any]:
        """Sets a rule from these fields; the rule in force."""
        with caller_mistakes("The rule"):
            asked = _retention_request(given)
        asked.retention.project = await self._label(asked.retention.project)
        return _rule(await self._memory.call(self._memory.stub.SetRetention, asked))

    async def _label(self, project: str) -> str:
        return await self._labels.meant(project) if project.strip() else project

    async def removal_list(self, project: str, limit: int) -> list[dict[str, Any]]:
        """What was removed, the latest first."""
        asked = memory_pb2.RemovalsRequest(project=await self._label(project), limit=limit)
        answer: memory_pb2.RemovalsResponse = await self._memory.call(self._memory.stub.Removals, asked)
        return [_removal(each) for each in answer.removals]


def _retention_request(fields: dict[str, Any]) -> memory_pb2.SetRetentionRequest:
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
        "restored": removal.restored,
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
