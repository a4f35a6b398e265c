"""Asking the person behind a client through the client's own dialog (MCP elicitation), in both eras of the protocol.

A model cannot answer such a dialog: the client shows it, and sends what the person chose.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastmcp import Context
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

question_max_s = 300.0
"""After so long without an answer the question counts as not asked; what was proposed goes on waiting."""
_key = "decision"
_yes, _no = "yes", "no"
_form: dict[str, Any] = {
    "type": "object",
    "properties": {_key: {"type": "string", "title": "Your decision", "enum": [_yes, _no]}},
    "required": [_key],
}


async def consent_of_person(context: Context, question: str) -> bool | InputRequiredResult | None:
    """Yes or no, as the person chose; None where the client cannot ask, or they closed the dialog.

    An InputRequiredResult is for the tool to return: the client calls it again, with the answer.
    """
    session = context.session
    capabilities = session.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return None
    if responses := context.input_responses:
        return _decision(responses.get(_key))
    if session.protocol_version in MODERN_PROTOCOL_VERSIONS:
        form = ElicitRequestFormParams(message=question, requested_schema=_form)
        return InputRequiredResult(input_requests={_key: ElicitRequest(params=form)})
    if not session.can_send_request:
        return None
    try:
        async with asyncio.timeout(question_max_s):
            return _decision(await session.elicit(question, _form, context.request_id))
    except (MCPError, TimeoutError):
        return None


def _decision(answer: object) -> bool | None:
    """Only a word that was chosen decides: a form that was accepted without one says nothing."""
    action = getattr(answer, "action", "cancel")
    if action == "decline":
        return False
    chosen = (getattr(answer, "content", None) or {}).get(_key) if action == "accept" else None
    return {_yes: True, _no: False}.get(str(chosen))


def quotation(text: str) -> str:
    """A model's words within a question: whole, on one line, and nothing in them that a terminal obeys."""
    return repr(text)
