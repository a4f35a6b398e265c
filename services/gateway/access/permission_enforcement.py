"""What the user denied is not done: asked before each tool of ours that commits, deletes or runs something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mcp_types
from fastmcp import Context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from services.gateway.answers.permission_shapes import way_back
from services.gateway.backends import SessionBackend
from services.gateway.directory.client_reports import Asked
from services.gateway.directory.whereabouts import Whereabouts, whereabouts
from services.gateway.directory.working_directory import Workplace
from services.kit.errors import Denied
from services.pb import session_pb2


def _operation(tool: str, arguments: dict[str, Any]) -> tuple[str, str] | None:
    """The operation and target that the call amounts to; None for one that needs nobody's leave."""
    if tool == "delete_conversations" and arguments.get("confirm"):
        return "delete_conversations", str(arguments.get("project") or "")
    if tool == "checkpoint" and arguments.get("commit") is not False:
        return "checkpoint", ""
    if tool == "quality_check" and arguments.get("run_tools"):
        return "quality_check", str(arguments.get("working_directory") or "")
    if tool in {"end", "share_memory"}:
        return tool, ""
    return None


class Permitting(Middleware):
    """Raises Denied where a rule of the user denies the call. What no rule decides, the client has asked about."""

    def __init__(self, session: SessionBackend, workplace: Workplace) -> None:
        self._session = session
        self._workplace = workplace

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result, where it is not denied."""
        arguments = context.message.arguments or {}
        if asked := _operation(context.message.name, arguments):
            for where in await self._places(context.fastmcp_context, arguments):
                await self._require(asked, where)
        return await call_next(context)

    async def _places(self, context: Context | None, arguments: dict[str, Any]) -> Sequence[Whereabouts]:
        """Where the call says that it works, and where its client does: a rule of either holds."""
        if context is None:
            return [Whereabouts(session_pb2.Which())]
        given, session_id = (str(arguments.get(name) or "") for name in ("working_directory", "session_id"))
        named = Asked.of(given or None, context)
        places = [await whereabouts(self._session, self._workplace, named, session_id)]
        if project := str(arguments.get("project") or ""):
            places.append(Whereabouts(session_pb2.Which(), project))
        if given or session_id:
            here = await whereabouts(self._session, self._workplace, Asked.of(None, context))
            places += [] if here == places[0] else [here]
        return places

    async def _require(self, asked: tuple[str, str], where: Whereabouts) -> None:
        request = session_pb2.CheckPermissionRequest(
            operation=asked[0], target=asked[1], which=where.which, project=where.project, root=where.root
        )
        answer: session_pb2.CheckPermissionResponse = await self._session.call(
            self._session.stub.CheckPermission, request
        )
        if answer.decision == "deny":
            raise Denied(f"You denied {asked[0]}: {answer.reason}.", way_back(answer))
