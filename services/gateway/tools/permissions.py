"""The permission tools: may this be done without asking?"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import uuid4

from fastmcp import Context, FastMCP
from mcp_types import InputRequiredResult, ToolAnnotations
from pydantic import Field

from services.gateway.answers import permission_shapes as shapes
from services.gateway.arguments.surrogates import encodable
from services.gateway.backends import SessionBackend
from services.gateway.directory.client_reports import Asked
from services.gateway.directory.whereabouts import whereabouts
from services.gateway.directory.working_directory import Workplace
from services.gateway.tools.permission_dialogs import decide_allow, decide_revocations
from services.gateway.tools.session import Directory
from services.kit.errors import InvalidInput
from services.pb import session_pb2

_reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_removes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

Operation = Annotated[str, Field(description="Such as git_commit or bash")]
Target = Annotated[str | None, Field(description="A path or a command; in a rule * is anything")]


def register(mcp: FastMCP, session: SessionBackend, workplace: Workplace) -> None:
    """Adds the permission tools to `mcp`."""

    @mcp.tool(annotations=_reads)
    async def check_permission(
        context: Context, operation: Operation, target: Target = None, working_directory: Directory = None
    ) -> shapes.DecisionAnswer:
        """Whether something may be done unasked: allow, ask or deny, and why."""
        where = await whereabouts(session, workplace, Asked.of(working_directory, context))
        request = session_pb2.CheckPermissionRequest(
            operation=encodable(operation),
            target=encodable(target or ""),
            which=where.which,
            project=where.project,
            root=where.root,
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
    async def record_permission(  # noqa: PLR0913, PLR0917  # the contract's parameters
        context: Context,
        operation: Operation,
        decision: Literal["allow", "deny"],
        target: Target = None,
        scope: Literal["session", "project", "always"] = "session",
        expires_in_s: Annotated[float | None, Field(ge=1)] = None,
        working_directory: Directory = None,
        exact: Annotated[bool, Field(description="* in target is a *")] = False,
    ) -> shapes.RuleAnswer | InputRequiredResult:
        """Record that the user denied something, or propose an allow: only the user makes that hold.

        The answer's status says what came of it, and how_to_decide what to tell the user."""
        asked = Asked.of(working_directory, context)
        where = await whereabouts(session, workplace, asked)
        request = session_pb2.RecordPermissionRequest(
            operation=encodable(operation),
            target=encodable(target or ""),
            decision=decision,
            scope=scope,
            expires_in_s=expires_in_s or 0.0,
            which=where.which,
            project=where.project,
            root=where.root,
            operation_id=str(uuid4()),
            exact=exact,
        )
        answer = shapes.RuleAnswer.of(await session.call(session.stub.RecordPermission, request))
        return await decide_allow(context, session, where.which, asked.directory, answer)

    @mcp.tool(annotations=_reads)
    async def permission_status(
        project: str | None = None,
    ) -> shapes.PermissionsAnswer:
        """What is allowed and denied, by which rules, and why."""
        request = session_pb2.PermissionStatusRequest(project=encodable(project or ""), history=50)
        return shapes.PermissionsAnswer.of(await session.call(session.stub.PermissionStatus, request))

    @mcp.tool(annotations=_removes)
    async def revoke_permission(
        context: Context,
        rule_id: str | None = None,
        all: Annotated[bool, Field(description="Every rule")] = False,  # the contract's name
    ) -> shapes.RevokedAnswer | InputRequiredResult:
        """Take an allow or a proposal back. Removing a deny is proposed: the user decides."""
        if not rule_id and not all:
            raise InvalidInput("Say which rule, or all=true.", "permission_status lists the rules.")
        request = session_pb2.RevokePermissionRequest(
            rule_id=encodable(rule_id or ""), all=all, operation_id=str(uuid4())
        )
        answer: session_pb2.RevokePermissionResponse = await session.call(session.stub.RevokePermission, request)
        proposed = [shapes.ProposalShape.of(each) for each in answer.proposed]
        return await decide_revocations(
            context, session, shapes.RevokedAnswer(revoked=answer.revoked, proposed=proposed)
        )
