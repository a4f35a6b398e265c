"""Which tools a client is shown, and how: those that its user may call and has chosen, in brief, with marks and hints.

Claude Code reads the marks in a tool's `_meta`: it lists the core tools in each conversation, and finds the others by a
search of its own, for which the hints are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool

from services.gateway.access.identity import Scope, current_caller
from services.gateway.access.scopes import TOOLS
from services.gateway.answers.tool_schemas import brief_input, brief_output
from services.gateway.tools.tool_sets import CORE, SETS

ALWAYS_LOAD_META = "anthropic/alwaysLoad"
ASK_USER_META = "anthropic/requiresUserInteraction"
HINT_META = "anthropic/searchHint"
ASKED_ABOUT = frozenset({"delete_conversations"})
"""The tools that a client asks its user about, whatever it may do unasked."""
HINTS: Mapping[str, str] = {
    "checkpoint": "save progress, commit work in git, milestone",
    "status": "session state, what is active or degraded",
    "list_sessions": "past sessions, history of work",
    "advanced_search": "search memory by date, tag, role, file, session; yesterday, last week",
    "quick_search": "is anything remembered about a subject",
    "get_more_results": "next page of search results",
    "search_by_file": "memories about a file or path",
    "search_by_concept": "memories about a topic or concept",
    "list_memories": "latest decisions, recent memories, timeline without a query",
    "reflection_stats": "how many memories, storage size",
    "store_conversation": "save a message of a conversation",
    "withdraw": "retract a memory, no longer true, obsolete",
    "delete_conversations": "forget, delete, erase memories",
    "undelete": "restore deleted memories, undo a deletion",
    "share_memory": "share with the team, make private",
    "list_projects": "known projects and repositories",
    "name_project": "rename a project, alias",
    "link_projects": "connect related projects, search across repositories",
    "unlink_projects": "remove a link between projects",
    "list_project_links": "which projects are linked",
    "check_permission": "may this run without asking, allowed or denied",
    "record_permission": "always allow, never allow, remember a permission",
    "permission_status": "list permission rules, trusted operations",
    "revoke_permission": "remove a permission rule, undo always allow",
    "quality_check": "code quality score, tests, coverage, lint, files likely to need a fix",
    "quality_history": "quality trend over time, forecast",
    "answer_recommendation": "recommendation done, not now, never show this advice again",
    "health_check": "is Segue working, diagnose services",
    "system_metrics": "response times, error rate, load",
}
"""What a model may look for when it needs a tool that is not listed, in words beyond the tool's own."""
WHOLE_OUTPUT = frozenset({"init", "reflect_on_past", "get_memory", "list_memories", "quality_check"})
"""The tools whose output schema describes items, too: programs take these apart. Others have items of the same form, or
are read by their text."""


class Listing(Middleware):
    """Lists the tools of the chosen sets, as far as the caller's scope allows them."""

    def __init__(self, sets: Iterable[str] = SETS) -> None:
        self._chosen = frozenset(name for each in sets for name in SETS[each])
        self._shown: dict[str, Tool] = {}

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """The tools in their short form."""
        return self.shown(await call_next(context), current_caller().scope)

    def shown(self, tools: Iterable[Tool], scope: Scope) -> Sequence[Tool]:
        """What a caller of this scope is shown of the tools."""
        return [
            self._short_form(tool)
            for tool in tools
            if tool.name in self._chosen and scope >= TOOLS.get(tool.name, Scope.ADMIN)
        ]

    def _short_form(self, tool: Tool) -> Tool:
        if tool.name not in self._shown:
            self._shown[tool.name] = _short_form(tool)
        return self._shown[tool.name]


def _short_form(tool: Tool) -> Tool:
    """The tool with brief schemas and its marks. Each has true or false: the server of a plugin may load all tools by
    default, and false excludes one."""
    marks = {ALWAYS_LOAD_META: tool.name in CORE, **({ASK_USER_META: True} if tool.name in ASKED_ABOUT else {})}
    hint = {HINT_META: HINTS[tool.name]} if tool.name in HINTS else {}
    output = brief_output(tool.output_schema, whole=tool.name in WHOLE_OUTPUT) if tool.output_schema else None
    changes = {"parameters": brief_input(tool.parameters), "output_schema": output, "annotations": tool.annotations}
    return tool.model_copy(update={**changes, "meta": {**(tool.meta or {}), **marks, **hint}})
