"""Asks the person in front of the client, where the client can; in both eras of MCP."""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp import Context
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

patience_s = 300.0
"""How long an answer is waited for."""
_key = "agreed"
_schema: dict[str, Any] = {
    "type": "object",
    "properties": {"agreed": {"type": "boolean", "title": "Yes", "default": False}},
    "required": ["agreed"],
}


async def ask_person(ctx: Context, question: str) -> bool | InputRequiredResult | None:
    """Whether the person agrees; None where the client cannot ask them, and what the tool has to return first where
    the client asks between two calls."""
    answered = (ctx.input_responses or {}).get(_key)
    if answered is not None:
        return _is_yes(answered)
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return None
    request = ctx.request_context
    if request and request.protocol_version in MODERN_PROTOCOL_VERSIONS:
        form = ElicitRequestFormParams(message=question, requested_schema=_schema)
        return InputRequiredResult(input_requests={_key: ElicitRequest(params=form)})
    try:
        async with asyncio.timeout(patience_s):
            return _is_yes(await ctx.session.elicit_form(question, _schema, ctx.request_id))
    except TimeoutError:
        return False
    except MCPError:  # it cannot, after all
        return None


def _is_yes(answer: Any) -> bool:
    content = getattr(answer, "content", None)
    return getattr(answer, "action", "") == "accept" and isinstance(content, dict) and content.get("agreed") is True
