"""A span and a duration for each request, following the semantic conventions for MCP and for HTTP.

A request's parent is the span named in its `_meta`, as MCP defines it. The `traceparent` of the HTTP request, which may
carry several MCP requests, then becomes a link; it is the parent only if `_meta` names none.
"""

from __future__ import annotations

from typing import Any

import fastmcp
from fastmcp.exceptions import NotFoundError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp.shared.exceptions import MCPError
from opentelemetry.trace import Span, SpanKind
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.endpoints.json_requests import Endpoint
from services.kit.observability import telemetry
from services.kit.observability.telemetry import Attributes, Operation
from services.workspace import process

_methods = frozenset(
    {
        *("initialize", "server/discover", "ping", "logging/setLevel", "completion/complete"),
        *("tools/list", "tools/call", "prompts/list", "prompts/get"),
        *("resources/list", "resources/templates/list", "resources/read", "resources/subscribe"),
    }
)
_named = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}
OTHER = "_OTHER"
"""The label for an unknown method, tool or prompt: its name is the client's own text."""


def only_ours() -> None:
    """Turns off FastMCP's own spans: they contain error texts, resource addresses and the caller."""
    fastmcp.settings.telemetry_mode = "off"


class Tracing(Middleware):
    """The outermost middleware. `names` are the existing tools and prompts."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """The request's result; a failure is recorded by its class or code."""
        labels = self._labels(context)
        parent, links = _callers(context)
        took = telemetry.duration("mcp.server.operation.duration", "Duration of MCP requests")
        with telemetry.operation(
            _span_name(labels), took, labels, kind=SpanKind.SERVER, parent=parent, links=links
        ) as request:
            process.watch.set(telemetry.child_process)
            request.span.set_attributes(_of_the_connection(context))
            try:
                result = await call_next(context)
            except (MCPError, NotFoundError) as error:
                request.label("rpc.response.status_code", str(_json_rpc_code(error)))
                raise
            if isinstance(result, ToolResult) and result.is_error:
                _record_tool_failure(request, result)
            return result

    def _labels(self, context: MiddlewareContext[Any]) -> Attributes:
        method = context.method if context.method in _methods else OTHER
        labels: Attributes = {"mcp.method.name": str(method)}
        if attribute := _named.get(str(method)):
            name = getattr(context.message, "name", OTHER)
            labels[attribute] = name if name in self.names else OTHER
        return labels


def _span_name(labels: Attributes) -> str:
    return " ".join(map(str, labels.values()))


def _record_tool_failure(request: Operation, result: ToolResult) -> None:
    request.mark_failed("tool_error")
    content = result.structured_content or {}
    request.label("segue.error.code", str(content.get("error_code", OTHER)))


def _json_rpc_code(error: Exception) -> int:
    return error.error.code if isinstance(error, MCPError) else -32602  # MCP's code for an unknown name


def _callers(context: MiddlewareContext[Any]) -> tuple[Span | None, list[Span]]:
    """The parent span, and the linked ones."""
    request = context.fastmcp_context.request_context if context.fastmcp_context else None
    if request is None:
        return None, []
    named = telemetry.incoming_trace(dict(request.meta or {}))
    carried = telemetry.incoming_trace(request.request.headers) if request.request else None
    if named is None:
        return carried, []
    return named, [carried] if carried else []


def _of_the_connection(context: MiddlewareContext[Any]) -> Attributes:
    request = context.fastmcp_context.request_context if context.fastmcp_context else None
    version = getattr(request, "protocol_version", None)
    known: Attributes = {"network.transport": "tcp", "network.protocol.name": "http"}
    return known | ({"mcp.protocol.version": version} if version else {})


def trace_endpoint(method: str, route: str, endpoint: Endpoint) -> Endpoint:
    """Wraps an HTTP endpoint so that each request is a span."""
    labels: Attributes = {"http.request.method": method, "http.route": route, "url.scheme": "http"}

    async def answer(request: Request) -> Response:
        took = telemetry.duration("http.server.request.duration", "Duration of HTTP requests beside MCP")
        parent = telemetry.incoming_trace(request.headers)
        with telemetry.operation(f"{method} {route}", took, labels, kind=SpanKind.SERVER, parent=parent) as served:
            process.watch.set(telemetry.child_process)
            response = await endpoint(request)
            served.label("http.response.status_code", str(response.status_code))
            if response.status_code >= 500:
                served.mark_failed(str(response.status_code))
            return response

    return answer
