"""The page calls the tools as any client does: by name, in the process, as the user who is signed in."""

from __future__ import annotations

from typing import Any

from fastmcp import FastMCP

from services.gateway.errors import STATUS, failure, status_of


class Refused(Exception):
    """A tool failed; `content` is what a client is answered: code, message, suggestions."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(str(content.get("error_code", "")))
        self.content = content


class Tools:
    """The tools of one gateway. A call passes scopes, limits, projects' names and the user's rules, as from outside."""

    def __init__(self, mcp: FastMCP) -> None:
        self._mcp = mcp

    async def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """The tool's structured answer; arguments that are None are left out. Refused where it fails."""
        given = {key: value for key, value in arguments.items() if value is not None}
        result = await self._mcp.call_tool(name, given)
        content = dict(result.structured_content or {})
        if result.is_error:
            raise Refused(content)
        return content


def explain(error: Exception) -> tuple[dict[str, Any], int]:
    """What a person is told of an error, in the contract's fields; and the HTTP status."""
    if isinstance(error, Refused):
        return error.content, STATUS.get(error.content.get("error_code", ""), 503)
    content = failure(error)
    return content, status_of(error, content["error_code"])
