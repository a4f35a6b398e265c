"""Arguments as models and clients really send them, made into what a tool's schema says before it is checked.

Null for what may be left out is left out; a list or an object may come as text; what a client adds for itself is
passed over. Everything else that is not in the schema is an error: it may be a misspelt argument that matters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from services.gateway.text_forms import list_of, object_of
from services.kit.errors import InvalidInput

Schema = Mapping[str, Any]
Sent = Mapping[str, Any]

CLIENTS_OWN = frozenset({"toolcallid", "callid", "requestid", "action", "chatinput"})
"""What workflow clients (n8n and others) add to the arguments of every call, in small letters alone."""
SENTENCES = frozenset({"next_steps", "open_questions"})
"""Lists of sentences, which have commas themselves: their text is divided by lines."""
shown_max_chars = 40


class Arguments(Middleware):
    """Prepares the arguments of each call; `schemas` are the tools' input schemas by name."""

    def __init__(self) -> None:
        self.schemas: Mapping[str, Schema] = {}

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result; InvalidInput where an argument has a name that it does not know."""
        called = context.message
        schema = self.schemas.get(called.name)
        if schema is not None and called.arguments:
            arguments = prepared(called.name, schema, called.arguments)
            context = context.copy(message=called.model_copy(update={"arguments": arguments}))
        return await call_next(context)


def prepared(tool: str, schema: Schema, sent: Sent) -> dict[str, Any]:
    """The arguments that are meant. Raises InvalidInput, which names the nearest one that there is."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = schema.get("required", ())
    arguments = {}
    for name, value in sent.items():
        if name not in properties:
            if not is_clients_own(name, sent, properties):
                raise _unknown(tool, name, properties)
            continue
        converted = _converted(name, value, properties[name])
        if converted is not None or name in required:
            arguments[name] = converted
    return arguments


def is_clients_own(name: str, sent: Collection[str], known: Collection[str]) -> bool:
    """Whether a client adds an argument of this name by itself, among those that were `sent`.

    `sessionId` is the client's own where the tool knows no session, or where it comes with others of its kind; else
    it may be a misspelt `session_id`.
    """
    if name.startswith("_") or _letters(name) in CLIENTS_OWN:
        return True
    if _letters(name) != "sessionid":
        return False
    return "session_id" not in known or any(_letters(each) in CLIENTS_OWN for each in sent)


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body that say something: null is as good as left out."""
    return {name: value for name, value in fields.items() if value is not None}


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


def _converted(name: str, value: Any, schema: Schema) -> Any:
    kinds = {each.get("type") for each in (schema, *schema.get("anyOf", ()))}
    if "array" in kinds:
        items = list_of(value, by_lines=name in SENTENCES) if isinstance(value, str) else value
        return list(map(_text_of, items)) if isinstance(items, list) else items
    return object_of(value) if "object" in kinds and isinstance(value, str) else value


def _text_of(item: Any) -> Any:
    """An item of a list of words; a number is one."""
    return str(item) if type(item) in {int, float} else item


def _unknown(tool: str, name: str, known: Collection[str]) -> InvalidInput:
    shown = name if len(name) <= shown_max_chars and name.isidentifier() else "one of the arguments"
    if not known:
        return InvalidInput(f"{shown}: {tool} takes no arguments.", "Leave it out.")
    by_letters = {_letters(each): each for each in known}
    near = difflib.get_close_matches(_letters(name)[:shown_max_chars], by_letters, n=1)
    advice = f"Did you mean {by_letters[near[0]]}?" if near else "Leave it out."
    return InvalidInput(f"{shown}: {tool} has no such argument. {advice}", f"It takes {', '.join(known)}.")
