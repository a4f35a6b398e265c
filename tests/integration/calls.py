"""One call of a tool, by a client of its own."""

from __future__ import annotations

from typing import Any

from tests.integration.stack import Stack, client


async def call(stack: Stack, tool: str, **arguments: Any) -> dict[str, Any]:
    """What it answers; it succeeds."""
    answer = await ask(stack, tool, **arguments)
    assert answer["success"] is True
    return answer


async def ask(stack: Stack, tool: str, **arguments: Any) -> dict[str, Any]:
    """What it answers."""
    async with client(stack) as mcp:
        return (await mcp.call_tool(tool, arguments)).structured_content or {}


async def refused(stack: Stack, tool: str, **arguments: Any) -> str:
    """The error code with which it is refused; empty where it is not."""
    async with client(stack) as mcp:
        result = await mcp.call_tool(tool, arguments, raise_on_error=False)
    assert result.structured_content is not None
    code: str = result.structured_content.get("error_code", "")
    return code
