"""The permission tools: may this be done without asking?"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import uuid4

from fastmcp import Context, FastMCP
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.backends import SessionBackend
from services.gateway.tools import session_shapes as shapes
from services.gateway.tools.memory import encodable
from services.gateway.tools.session import Directory, which
from services.kit.errors import InvalidInput, ServiceError
from services.pb import session_pb2

_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_removes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

Operation = Annotated[str, Field(description="What is to be done, such as git_commit or bash")]
Target = Annotated[str | None, Field(description="To what: a path, a command; * is anything where a rule is recorded")]


def register(mcp: FastMCP, session: SessionBackend) -> None:
    """Adds the permission tools to `mcp`."""

    @mcp.tool(annotations=_reads)
    async def check_permission(
        context: Context, operation: Operation, target: Target = None, working_directory: Directory = None
    ) -> shapes.DecisionAnswer:
        """Whether an operation may be done without asking the user: allow, ask or deny, and why."""
        request = session_pb2.CheckPermissionRequest(
            operation=encodable(operation),
            target=encodable(target or ""),
            which=await _active(session, context, working_directory),
        )
        answer: session_pb2.CheckPermissionResponse = await session.call(session.stub.CheckPermission, request)
        rule = shapes.RuleShape.of(answer.rule) if answer.HasField("rule") else None
        return shapes.DecisionAnswer(
            decision=answer.decision,
            security_level=answer.security_level,
            reason=answer.reason,
            rule=rule,
            expires_at=rule.expires_at if rule else None,
        )

    @mcp.tool(annotations=_adds)
    async def record_permission(
        context: Context,
        operation: Operation,
        decision: Annotated[Literal["allow", "deny"], Field(description="What the user decided")],
        target: Target = None,
        scope: Annotated[Literal["session", "project", "always"], Field(description="How far it holds")] = "session",
        expires_in_s: Annotated[float | None, Field(gt=0, description="Seconds; never when left out")] = None,
    ) -> shapes.RuleAnswer:
        """Record what the user decided. Only ever call it after the user said so."""
        request = session_pb2.RecordPermissionRequest(
            operation=encodable(operation),
            target=encodable(target or ""),
            decision=decision,
            scope=scope,
            expires_in_s=expires_in_s or 0.0,
            which=await _active(session, context, None),
            operation_id=str(uuid4()),
        )
        answer: session_pb2.RecordPermissionResponse = await session.call(session.stub.RecordPermission, request)
        return shapes.RuleAnswer(rule=shapes.RuleShape.of(answer.rule))

    @mcp.tool(annotations=_reads)
    async def permission_status(
        project: Annotated[str | None, Field(description="Only what holds in this project")] = None,
    ) -> shapes.PermissionsAnswer:
        """What is allowed and denied, by which rules, and how that came about."""
        request = session_pb2.PermissionStatusRequest(project=encodable(project or ""), history=50)
        return shapes.PermissionsAnswer.of(await session.call(session.stub.PermissionStatus, request))

    @mcp.tool(annotations=_removes)
    async def revoke_permission(
        rule_id: Annotated[str | None, Field(description="This rule")] = None,
        all: Annotated[bool, Field(description="Every rule")] = False,  # the contract's name
    ) -> shapes.RevokedAnswer:
        """Take a rule back, or all of them. What was learned is forgotten with it."""
        if not rule_id and not all:
            raise InvalidInput("Say which rule, or all=true.", "permission_status lists the rules.")
        request = session_pb2.RevokePermissionRequest(
            rule_id=encodable(rule_id or ""), all=all, operation_id=str(uuid4())
        )
        answer: session_pb2.RevokePermissionResponse = await session.call(session.stub.RevokePermission, request)
        return shapes.RevokedAnswer(revoked=answer.revoked)


async def _active(session: SessionBackend, context: Context, directory: str | None) -> session_pb2.Which:
    """The session of the directory, where one is active; else none, and only what holds everywhere counts."""
    meant = which(None, context, directory)
    try:
        found: session_pb2.GetResponse = await session.call(session.stub.Get, session_pb2.GetRequest(which=meant))
    except ServiceError:
        return session_pb2.Which()
    return session_pb2.Which(session_id=found.session.id)
