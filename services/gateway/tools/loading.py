"""Which tools a client that loads them on demand lists from the start: Claude Code reads it in a tool's `_meta`."""

from __future__ import annotations

from collections.abc import Sequence

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool

ALWAYS_LOAD_META = "anthropic/alwaysLoad"
CORE = frozenset({"init", "checkpoint", "end", "store_reflection", "reflect_on_past", "get_memory"})
"""What the instructions speak of, and what opens a memory that was found; the other tools are searched for."""


class Loading(Middleware):
    """Marks each tool, with true or false: a plugin's server may ask for all its tools, and false takes one out."""

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """The tools, marked."""
        return [_mark(tool) for tool in await call_next(context)]


def _mark(tool: Tool) -> Tool:
    return tool.model_copy(update={"meta": {**(tool.meta or {}), ALWAYS_LOAD_META: tool.name in CORE}})
