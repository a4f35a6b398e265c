"""Failures as the contract defines them: a code, a message and suggestions, in MCP results and HTTP answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import mcp_types
from fastmcp.exceptions import NotFoundError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from pydantic import ValidationError as PydanticValidationError
from starlette.responses import JSONResponse

from services.gateway.arguments.mistakes import argument_tips, no_such_tool, wrong_arguments
from services.gateway.directory.client_reports import WANTED_META, Wanted
from services.kit import errors
from services.kit.errors import InvalidInput
from services.kit.observability import telemetry
from services.kit.transport.rpc import Internal, row_of

logger = logging.getLogger(__name__)

text_max_lines = 5
"""The most lines of an error's text: the only part of a failure that a model reads."""

CODE: Mapping[type[errors.ServiceError], str] = {
    errors.InvalidInput: "INVALID_INPUT",
    errors.ProjectNotFound: "PROJECT_NOT_FOUND",
    errors.NotFound: "NOT_FOUND",
    errors.AlreadyExists: "CONFLICT",
    errors.Conflict: "CONFLICT",
    errors.NotReady: "MEMORY_UNAVAILABLE",
    errors.LimitExceeded: "LIMIT_EXCEEDED",
    errors.Unauthenticated: "UNAUTHENTICATED",
    errors.Denied: "PERMISSION_DENIED",
    errors.Unavailable: "MEMORY_UNAVAILABLE",
    errors.DeadlineExceeded: "DEADLINE_EXCEEDED",
}

STATUS: Mapping[str, int] = {
    "INVALID_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "PROJECT_NOT_FOUND": 404,
    "CONFLICT": 409,
    "LIMIT_EXCEEDED": 429,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of each code; codes that are not listed mean an unavailable service, 503."""
STATUS_OF_LIMIT: Mapping[str, int] = {"later": 429, "too_large": 413, "over_quota": 403}
"""The status of a full quota: waiting does not help, and the server is not at fault, so it is refused as forbidden."""


WAY_OUT: Mapping[str, str] = {
    "INVALID_INPUT": "Correct that and call again.",
    "NOT_FOUND": "Look for it by a search or a list.",
    "PROJECT_NOT_FOUND": "reflection_stats and list_sessions show what there is.",
    "CONFLICT": "Read it again and repeat the whole change.",
    "LIMIT_EXCEEDED": "Send less, or try again later.",
    "later": "Try the same again later.",
    "too_large": "Send less, or send it in parts.",
    "over_quota": "Delete what you no longer need, or ask whoever runs this Segue for more.",
    "UNAUTHENTICATED": "Send a token.",
    "PERMISSION_DENIED": "Ask the user, or whoever runs this Segue.",
    "DEADLINE_EXCEEDED": "Try again, or ask for less.",
}
"""Suggestions for an error that has none of its own, by its code or the kind of its limit."""
_try_again = "Try again in a moment; `segue doctor` says what is down."


def failure(error: Exception) -> dict[str, Any]:
    """The contract's structured content of a failure; for a bug, only its trace id."""
    cause = error if isinstance(error, errors.ServiceError | Internal) else error.__cause__ or error
    if isinstance(cause, errors.ServiceError):
        code = _code(cause)
        content = _structured_error(code, cause.message, *(cause.suggestions or (_way_out(cause, code),)))
        return content | _limit(cause) if isinstance(cause, errors.LimitExceeded) else content
    trace = str(cause) if isinstance(cause, Internal) else telemetry.trace_id()
    if not isinstance(cause, Internal):
        logger.error("unexpected error", exc_info=cause)
    return _structured_error(
        "INTERNAL", f"Something went wrong inside Segue; trace {trace}.", "The logs have that trace."
    )


def text_of(content: Mapping[str, Any]) -> str:
    """A failure as text: `CODE: message`, and the suggestions below it, in at most `text_max_lines` lines."""
    said = [f"{content['error_code']}: {content['error']}", *content["suggestions"]]
    lines = [" ".join(each.splitlines()) for each in said]
    last = text_max_lines - 1
    return "\n".join([*lines[:last], *([" ".join(lines[last:])] if len(lines) > last else [])])


def status_of(error: Exception, code: str) -> int:
    """The HTTP status of a failure."""
    known = STATUS_OF_LIMIT.get(error.reason) if isinstance(error, errors.LimitExceeded) else None
    return known or STATUS.get(code, 503)


def failure_response(error: Exception, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The HTTP response for `error`, with Retry-After if repeating the request helps."""
    content = failure(error)
    later = {"retry-after": f"{error.retry_after_s:.0f}"} if isinstance(error, errors.RateLimited) else {}
    return JSONResponse(content, status_of(error, content["error_code"]), {**later, **(headers or {})})


def _code(error: errors.ServiceError) -> str:
    if isinstance(error, errors.Unavailable | errors.NotReady) and error.service:
        return f"{error.service.upper()}_UNAVAILABLE"
    return row_of(CODE, error)


def _way_out(error: errors.ServiceError, code: str) -> str:
    limit = error.reason if isinstance(error, errors.LimitExceeded) else ""
    return WAY_OUT.get(limit or code, _try_again)


def _limit(error: errors.LimitExceeded) -> dict[str, Any]:
    """Which kind of limit: `reason` is later, too_large or over_quota; repeating the call helps only with later."""
    fields: dict[str, Any] = {"reason": error.reason} if error.reason else {}
    return fields | ({"retry_after_s": error.retry_after_s} if isinstance(error, errors.RateLimited) else {})


def _structured_error(code: str, message: str, *suggestions: str) -> dict[str, Any]:
    return {"success": False, "error_code": code, "error": message, "suggestions": list(suggestions)}


Called = MiddlewareContext[mcp_types.CallToolRequestParams]


class ErrorResults(Middleware):
    """Turns any exception of a tool, and a call of an unknown tool, into the contract's error result."""

    async def on_call_tool(
        self, context: Called, call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult]
    ) -> ToolResult:
        """The tool's result, or its failure as one. If the client must act first, `_meta` says how."""
        try:
            return await call_next(context)
        except Exception as error:
            cause = error if isinstance(error, Wanted) else error.__cause__
            if isinstance(cause, Wanted):
                return _failure_result(InvalidInput(str(cause), "Connect through `segue connect`."), cause.what)
            return _failure_result(await _call_error(context, error))


def _failure_result(error: Exception, wanted: Mapping[str, Any] | None = None) -> ToolResult:
    content = failure(error)
    meta = None if wanted is None else {WANTED_META: wanted}
    return ToolResult(content=text_of(content), structured_content=content, meta=meta, is_error=True)


async def _call_error(context: Called, error: Exception) -> Exception:
    """If the call's own name or arguments are wrong, an error that says what is right; otherwise `error` itself.

    An unknown tool requires the admin scope, as it is not listed; callers without it still learn that it is unknown.

    """
    cause = error if isinstance(error, errors.ServiceError) else error.__cause__
    may_be_unknown = isinstance(error, NotFoundError) or isinstance(cause, errors.Denied)
    is_refused = isinstance(cause, InvalidInput | errors.LimitExceeded | PydanticValidationError)
    if not (may_be_unknown or is_refused) or context.fastmcp_context is None:
        return error
    name, given = context.message.name, context.message.arguments or {}
    listed = await context.fastmcp_context.fastmcp.list_tools(run_middleware=False)
    tools = {tool.name: tool.parameters for tool in listed}
    if name not in tools:
        return no_such_tool(name, tools)
    if isinstance(error, ValidationError) and isinstance(cause, PydanticValidationError):
        return wrong_arguments(name, tools[name], given, cause)
    if is_refused and isinstance(cause, errors.ServiceError) and not cause.suggestions:
        cause.suggestions = tuple(argument_tips(tools[name], cause.message))
    return error
