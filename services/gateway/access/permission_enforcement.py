"""What the user denied is not done: asked before each tool of ours that commits, deletes or runs something."""

from __future__ import annotations

from typing import Any

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from services.gateway.backends import SessionBackend
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
    return None


class Permitting(Middleware):
    """Raises Denied where a rule of the user denies the call. What no rule decides, the client has asked about."""

    def __init__(self, session: SessionBackend) -> None:
        self._session = session

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result, where it is not denied."""
        asked = _operation(context.message.name, context.message.arguments or {})
        if asked:
            request = session_pb2.CheckPermissionRequest(operation=asked[0], target=asked[1])
            answer: session_pb2.CheckPermissionResponse = await self._session.call(
                self._session.stub.CheckPermission, request
            )
            if answer.decision == "deny":
                raise Denied(f"You denied {asked[0]}: {answer.reason}.", "revoke_permission takes the rule back.")
        return await call_next(context)
