"""Asking the person behind a client through the client's own dialog (MCP elicitation), in both eras of the protocol.

A model cannot answer such a dialog: the client shows it, and sends what the person chose.
"""

from __future__ import annotations

import asyncio
import zlib
from enum import Enum, auto
from typing import Any

from fastmcp import Context
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

question_max_s = 300.0
"""How long an answer is waited for."""
_key = "decision"
_yes, _no = "yes", "no"
_form: dict[str, Any] = {
    "type": "object",
    "properties": {_key: {"type": "string", "title": "Your decision", "enum": [_yes, _no]}},
    "required": [_key],
}


class Consent(Enum):
    """What came of a question."""

    YES = auto()
    NO = auto()
    UNANSWERED = auto()
    """The dialog was closed, or its form sent without a choice."""
    NOT_ASKED = auto()
    """The client has no dialogs."""


async def consent_of_person(context: Context, question: str, code: str = "") -> Consent | InputRequiredResult:
    """What the person chose. A tool returns an InputRequiredResult: the client calls it again, with the answer.

    With a `code` they say yes by typing it: a client that fills forms in by itself has said nothing.
    """
    if context.request_context is None:  # the page calls: a person has just pressed its button
        return Consent.NOT_ASKED
    form = _form_to_type(code) if code else _form
    session = context.session
    capabilities = session.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return Consent.NOT_ASKED
    if responses := context.input_responses:
        return _decision(responses.get(_key), code or _yes)
    if session.protocol_version in MODERN_PROTOCOL_VERSIONS:
        asked = ElicitRequestFormParams(message=question, requested_schema=form)
        return InputRequiredResult(input_requests={_key: ElicitRequest(params=asked)})
    return await _ask_at_once(context, question, form, code or _yes) if session.can_send_request else Consent.NOT_ASKED


async def _ask_at_once(context: Context, question: str, form: dict[str, Any], yes: str) -> Consent:
    try:
        async with asyncio.timeout(question_max_s):
            return _decision(await context.session.elicit(question, form, context.request_id), yes)
    except TimeoutError:
        return Consent.UNANSWERED
    except MCPError:  # it cannot, after all
        return Consent.NOT_ASKED


def _form_to_type(code: str) -> dict[str, Any]:
    field = {"type": "string", "title": f"{code} to do so, {_no} to refuse it"}
    return {"type": "object", "properties": {_key: field}, "required": [_key]}


def _decision(answer: object, yes: str) -> Consent:
    """Only a word that was chosen decides: a form that was accepted without one says nothing."""
    action = getattr(answer, "action", "cancel")
    if action == "decline":
        return Consent.NO
    chosen = (getattr(answer, "content", None) or {}).get(_key) if action == "accept" else None
    return {yes: Consent.YES, _no: Consent.NO}.get(str(chosen).strip().lower(), Consent.UNANSWERED)


def code_of(question: str) -> str:
    """A number of four digits for this question, the same whichever gateway asks it. It is no secret."""
    return str(1000 + zlib.crc32(question.encode()) % 9000)


def quotation(text: str) -> str:
    """A model's words within a question: whole, on one line, and nothing in them that a terminal obeys."""
    return repr(text)
