"""Marks the tools that a client with on-demand loading lists at once: Claude Code reads it in a tool's `_meta`."""

from __future__ import annotations

from collections.abc import Sequence

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool

ALWAYS_LOAD_META = "anthropic/alwaysLoad"
ASK_USER_META = "anthropic/requiresUserInteraction"
ASKED_ABOUT = frozenset({"delete_conversations"})
"""The tools that a client asks its user about, whatever it may do unasked."""
CORE = frozenset({"init", "checkpoint", "end", "store_reflection", "reflect_on_past", "get_memory"})
"""The tools that the instructions name, and the one that opens a found memory; the others are found by search."""


class Loading(Middleware):
    """Marks each tool with true or false: a plugin's server may load all tools by default, and false excludes one."""

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """The tools with their marks."""
        return [_mark(tool) for tool in await call_next(context)]


def _mark(tool: Tool) -> Tool:
    marks = {ALWAYS_LOAD_META: tool.name in CORE, **({ASK_USER_META: True} if tool.name in ASKED_ABOUT else {})}
    return tool.model_copy(update={"meta": {**(tool.meta or {}), **marks}})
