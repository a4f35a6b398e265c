"""The permission tools: may this be done without asking?"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal
from uuid import uuid4

from fastmcp import Context, FastMCP
from mcp_types import ToolAnnotations
from pydantic import Field

from services.gateway.backends import SessionBackend
from services.gateway.directory.client_reports import Asked
from services.gateway.directory.working_directory import Workplace
from services.gateway.tools import session_results as shapes
from services.gateway.tools.memory import encodable
from services.gateway.tools.session import Directory
from services.kit.errors import InvalidInput, ServiceError
from services.pb import session_pb2

_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_removes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

Operation = Annotated[str, Field(description="What is to be done, such as git_commit or bash")]
Target = Annotated[str | None, Field(description="To what: a path, a command; * is anything where a rule is recorded")]


def register(mcp: FastMCP, session: SessionBackend, workplace: Workplace) -> None:
    """Adds the permission tools to `mcp`."""

    @mcp.tool(annotations=_reads)
    async def check_permission(
        context: Context, operation: Operation, target: Target = None, working_directory: Directory = None
    ) -> shapes.DecisionAnswer:
        """Whether an operation may be done without asking the user: allow, ask or deny, and why."""
        request = session_pb2.CheckPermissionRequest(operation=encodable(operation), target=encodable(target or ""))
        with suppress(ServiceError):  # then what holds everywhere decides
            await _locate(request, session, workplace, Asked.of(working_directory, context))
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
    async def record_permission(  # noqa: PLR0913, PLR0917  # the contract's parameters
        context: Context,
        operation: Operation,
        decision: Annotated[Literal["allow", "deny"], Field(description="What the user decided")],
        target: Target = None,
        scope: Annotated[Literal["session", "project", "always"], Field(description="How far it holds")] = "session",
        expires_in_s: Annotated[float | None, Field(ge=1, description="Seconds; never when left out")] = None,
        working_directory: Directory = None,
    ) -> shapes.RuleAnswer:
        """Record what the user decided. Only ever call it after the user said so."""
        request = session_pb2.RecordPermissionRequest(
            operation=encodable(operation),
            target=encodable(target or ""),
            decision=decision,
            scope=scope,
            expires_in_s=expires_in_s or 0.0,
            operation_id=str(uuid4()),
        )
        await _locate(request, session, workplace, Asked.of(working_directory, context))
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


async def _locate(
    request: session_pb2.CheckPermissionRequest | session_pb2.RecordPermissionRequest,
    session: SessionBackend,
    workplace: Workplace,
    asked: Asked,
) -> None:
    """Adds where it is to be done: in the session of the directory, or before init in its project, as init would."""
    meant = session_pb2.Which(working_directory=asked.directory)
    try:
        found: session_pb2.GetResponse = await session.call(session.stub.Get, session_pb2.GetRequest(which=meant))
    except ServiceError:
        if asked.directory:
            place = await workplace.find(asked)
            request.project, request.root = place.name, place.root
    else:
        request.which.session_id = found.session.id
