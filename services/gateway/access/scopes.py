"""The scope that each route, tool, prompt and resource requires. Those that are not listed require the admin scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types
from fastmcp.prompts.base import PromptResult
from fastmcp.resources.base import ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from services.gateway.access.identity import Scope, current_caller
from services.gateway.access.jwt_verifier import METADATA_PATH

OPEN = frozenset({"/health", "/ready", "/accepting", METADATA_PATH})
"""Paths that need no authentication: health, and where to get a token."""
INTAKE = "/v1/intake/"
"""Below it GitHub and GitLab report; whoever does proves it by a signature, not by a token."""
PAGE = "/page"
"""The web page's addresses begin with it; a browser proves who it is by a cookie there."""
PAGE_OPEN = frozenset({"/page/enter", "/page/sign-in"})
"""What a browser is shown that has no cookie yet; and all below `/page/assets/`."""
PAGE_OWN = frozenset({"/page/sign-out", "/page/zone"})
"""What every signed-in browser may change: nothing but its own cookies."""

ROUTES: Mapping[tuple[str, str], Scope] = {
    ("GET", "/mcp"): Scope.READ,
    ("POST", "/mcp"): Scope.READ,  # each tool requires its own
    ("DELETE", "/mcp"): Scope.READ,
    ("GET", "/v1/memories"): Scope.READ,
    ("POST", "/v1/memories"): Scope.WRITE,
    ("GET", "/v1/removals"): Scope.READ,
    ("GET", "/v1/retention"): Scope.READ,
    ("POST", "/v1/retention"): Scope.WRITE,
    ("GET", "/v1/permissions"): Scope.READ,
    ("POST", "/v1/permissions"): Scope.WRITE,
    ("POST", "/v1/permissions/test"): Scope.READ,
    ("GET", "/v1/overview"): Scope.READ,
    ("POST", "/v1/explain"): Scope.READ,
    ("GET", "/v1/projects"): Scope.READ,
    ("POST", "/v1/projects"): Scope.WRITE,
    ("POST", "/v1/reports"): Scope.WRITE,
    ("GET", "/v1/recommendations"): Scope.READ,
    ("POST", "/v1/recommendations"): Scope.WRITE,
    ("GET", "/v1/events"): Scope.READ,
    ("GET", "/v1/events/dead"): Scope.ADMIN,
    ("POST", "/v1/events/dead"): Scope.ADMIN,
    ("GET", "/v1/intakes"): Scope.READ,
    ("POST", "/v1/intakes"): Scope.WRITE,
    ("POST", "/v1/intakes/revoke"): Scope.WRITE,
    ("POST", "/v1/backup"): Scope.ADMIN,
    ("GET", "/v1/tokens"): Scope.ADMIN,
    ("POST", "/v1/tokens"): Scope.ADMIN,
    ("POST", "/v1/tokens/revoke"): Scope.ADMIN,
    ("POST", "/v1/page/links"): Scope.READ,
    ("GET", "/metrics"): Scope.READ,
    ("POST", "/v1/hooks/SessionStart"): Scope.WRITE,
    ("POST", "/v1/hooks/UserPromptSubmit"): Scope.READ,
    ("POST", "/v1/hooks/PreToolUse"): Scope.READ,
    ("POST", "/v1/hooks/PermissionRequest"): Scope.WRITE,
    ("POST", "/v1/hooks/PostToolUse"): Scope.WRITE,
    ("POST", "/v1/hooks/PostToolUseFailure"): Scope.WRITE,
    ("POST", "/v1/hooks/SubagentStart"): Scope.READ,
    ("POST", "/v1/hooks/PreCompact"): Scope.WRITE,
    ("POST", "/v1/hooks/PostCompact"): Scope.WRITE,
    ("POST", "/v1/hooks/Stop"): Scope.WRITE,
    ("POST", "/v1/hooks/SessionEnd"): Scope.WRITE,
}

TOOLS: Mapping[str, Scope] = {
    "init": Scope.WRITE,
    "checkpoint": Scope.WRITE,
    "end": Scope.WRITE,
    "status": Scope.READ,
    "list_sessions": Scope.READ,
    "store_conversation": Scope.WRITE,
    "store_reflection": Scope.WRITE,
    "reflect_on_past": Scope.READ,
    "advanced_search": Scope.READ,
    "list_memories": Scope.READ,
    "quick_search": Scope.READ,
    "get_more_results": Scope.READ,
    "search_by_file": Scope.READ,
    "search_by_concept": Scope.READ,
    "link_projects": Scope.WRITE,
    "unlink_projects": Scope.WRITE,
    "list_project_links": Scope.READ,
    "list_projects": Scope.READ,
    "name_project": Scope.WRITE,
    "get_memory": Scope.READ,
    "delete_conversations": Scope.WRITE,
    "undelete": Scope.WRITE,
    "update_memory": Scope.WRITE,
    "withdraw": Scope.WRITE,
    "share_memory": Scope.WRITE,
    "reflection_stats": Scope.READ,
    "check_permission": Scope.READ,
    "record_permission": Scope.WRITE,
    "permission_status": Scope.READ,
    "revoke_permission": Scope.WRITE,
    "quality_check": Scope.WRITE,  # it writes history, and may run a project's tools
    "quality_history": Scope.READ,
    "answer_recommendation": Scope.WRITE,
    "health_check": Scope.READ,
    "system_metrics": Scope.READ,
}


def needed_for(method: str, path: str) -> Scope | None:
    """The scope that a request requires; None if it needs no authentication."""
    path = path.rstrip("/")
    if is_page(path):
        return _needed_for_page(method, path)
    if path in OPEN or (method == "POST" and path.startswith(INTAKE) and "/" not in path.removeprefix(INTAKE)):
        return None
    return ROUTES.get(("GET" if method == "HEAD" else method, path), Scope.ADMIN)


def is_page(path: str) -> bool:
    """Whether the address is one of the web page's."""
    return path == PAGE or path.startswith(f"{PAGE}/")


def _needed_for_page(method: str, path: str) -> Scope | None:
    if path in PAGE_OPEN or path.startswith(f"{PAGE}/assets/"):
        return None
    return Scope.READ if method in {"GET", "HEAD"} or path in PAGE_OWN else Scope.WRITE


class Scoping(Middleware):
    """Raises Denied if a tool, prompt or resource requires a higher scope than the caller has."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result."""
        name = context.message.name
        current_caller().require(TOOLS.get(name, Scope.ADMIN), name)
        return await call_next(context)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """The resource; the service checks whose it is."""
        current_caller().require(Scope.READ, "A resource")
        return await call_next(context)

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> Any:
        """The prompt; it is the same for everyone."""
        current_caller().require(Scope.READ, "A prompt")
        return await call_next(context)
