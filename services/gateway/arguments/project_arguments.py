"""Turns the projects that a call names into their labels, and stores what names none in the caller's own project."""

from __future__ import annotations

from typing import Any

import mcp_types
from fastmcp import Context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult

from services.gateway.backends import SessionBackend
from services.gateway.directory.client_reports import Asked
from services.gateway.directory.working_directory import Workplace
from services.kit.errors import InvalidInput, ServiceError, Unavailable
from services.pb import session_pb2

NAMING = ("project", "source_project", "target_project")
"""The arguments that name a project: by its label, name or alias."""
NAMED_BY_REGISTRY = frozenset({"name_project"})
"""Tools whose project the registry itself looks up."""
STORING = frozenset({"store_conversation", "store_reflection"})
"""Tools that store in the caller's own project where none is named."""
EXACT = frozenset({"delete_conversations", "link_projects", "unlink_projects"})
"""Tools that are refused while nobody knows which project a name means: on a namesake they would do harm."""


class ProjectArguments(Middleware):
    """Prepares the arguments of each call that names a project or stores in one."""

    def __init__(self, session: SessionBackend, workplace: Workplace) -> None:
        self._session = session
        self._workplace = workplace

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result."""
        called, arguments = context.message, dict(context.message.arguments or {})
        for name in () if called.name in NAMED_BY_REGISTRY else NAMING:
            if isinstance(given := arguments.get(name), str) and given.strip():
                arguments[name] = await self._label(given, called.name, context.fastmcp_context)
        if called.name in STORING and not arguments.get("project"):
            arguments |= await self._own_project(arguments, context.fastmcp_context)
        if arguments != (called.arguments or {}):
            context = context.copy(message=called.model_copy(update={"arguments": arguments}))
        return await call_next(context)

    async def _label(self, name: str, tool: str, context: Context | None) -> str:
        """The label of the project that is meant: where several have the name, of the one that the caller works in.

        While the registry does not answer, the name as it is, except for tools that need the exact project.
        """
        name = name.encode("utf-8", "replace").decode()
        try:
            return await self._workplace.labels.meant(name)
        except Unavailable:
            if tool in EXACT:
                raise
            return name
        except InvalidInput:
            here = await self._directory_label(context)
            if not here:
                raise
            return await self._workplace.labels.meant(name, here)

    async def _own_project(self, arguments: dict[str, Any], context: Context | None) -> dict[str, str]:
        """The project of the caller's directory, else of the named or only session; none for who has none."""
        session_id = str(arguments.get("session_id") or "")
        label = await self._session_label(session_id) if session_id else ""
        label = label or await self._directory_label(context) or await self._session_label("")
        return {"project": label} if label else {}

    async def _directory_label(self, context: Context | None) -> str:
        asked = Asked.of(None, context) if context else Asked("")
        return await self._workplace.label_or_name(asked) if asked.directory else ""

    async def _session_label(self, session_id: str) -> str:
        which = session_pb2.Which(session_id=session_id.encode("utf-8", "replace").decode())
        try:
            answer: session_pb2.GetResponse = await self._session.call(
                self._session.stub.Get, session_pb2.GetRequest(which=which)
            )
        except ServiceError:  # there is none, or there are several
            return ""
        return str(answer.session.project)
