"""Converts arguments as models and clients really send them into the form that a tool's schema requires.

A null for an optional argument is dropped; a list or an object may be sent as text; fields that a client adds by itself
are ignored. Any other unknown name is kept, and so refused: it may be a misspelt argument that matters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from services.gateway.arguments.text_values import list_of, object_of

Schema = Mapping[str, Any]
Sent = Mapping[str, Any]

CLIENTS_OWN = frozenset({"toolcallid", "callid", "requestid", "chatinput"})
"""Fields that workflow clients (n8n and others) add to the arguments of every call, in lower case letters only."""
COMPANIONS = frozenset({"sessionid", "action"})
"""Further fields that they add along with those; alone, they may be misspelt arguments of a tool."""
SENTENCES = frozenset({"next_steps", "open_questions"})
"""Lists of sentences, which contain commas themselves: their text is split at line ends."""


class ArgumentForms(Middleware):
    """Prepares the arguments of each call; `schemas` are the tools' input schemas by name."""

    def __init__(self) -> None:
        self.schemas: Mapping[str, Schema] = {}

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result."""
        called = context.message
        schema = self.schemas.get(called.name)
        if schema is not None and called.arguments:
            arguments = prepare_arguments(schema, called.arguments)
            context = context.copy(message=called.model_copy(update={"arguments": arguments}))
        return await call_next(context)


def prepare_arguments(schema: Schema, sent: Sent) -> dict[str, Any]:
    """The intended arguments."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = schema.get("required", ())
    meant = {
        name: _convert(name, value, properties[name]) if name in properties else value
        for name, value in sent.items()
        if name in properties or not is_clients_own(name, sent, properties)
    }
    return {name: value for name, value in meant.items() if value is not None or name in required}


def is_clients_own(name: str, sent: Collection[str], known: Collection[str]) -> bool:
    """Whether a client adds an argument of this name by itself, given the names that were `sent`.

    A `sessionId` is the client's own even without the others, unless the tool has a session argument.

    """
    plain = _letters(name)
    if name.startswith("_") or plain in CLIENTS_OWN:
        return True
    if plain not in COMPANIONS or name == "session_id":
        return False
    is_misspelt = plain != "sessionid" or "session_id" in known
    return not is_misspelt or any(_letters(each) in CLIENTS_OWN for each in sent)


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body without the nulls: null means left out."""
    return {name: value for name, value in fields.items() if value is not None}


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


def _convert(name: str, value: Any, schema: Schema) -> Any:
    kinds = {each.get("type") for each in (schema, *schema.get("anyOf", ()))}
    if "array" in kinds:
        items = list_of(value, by_lines=name in SENTENCES) if isinstance(value, str) else value
        return list(map(_text_of, items)) if isinstance(items, list) else items
    return object_of(value) if "object" in kinds and isinstance(value, str) else value


def _text_of(item: Any) -> Any:
    """An item of a list of words; numbers are converted to text."""
    return str(item) if type(item) in {int, float} else item
