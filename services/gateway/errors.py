"""Failures as the MCP contract has them: `CODE: message`, with structured content and suggestions."""

from __future__ import annotations

import logging
from typing import Any

import mcp_types
from fastmcp.exceptions import NotFoundError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from pydantic import ValidationError as PydanticValidationError

from services.gateway.reports import WANTED_META, Wanted
from services.kit import errors, telemetry
from services.kit.errors import InvalidInput
from services.kit.rpc import Internal

logger = logging.getLogger(__name__)

CODE: dict[type[errors.ServiceError], str] = {
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


def failure(error: Exception) -> dict[str, Any]:
    """The contract's structured content of a failure; of a bug, only where to find it."""
    cause = error if isinstance(error, errors.ServiceError | Internal) else error.__cause__ or error
    if isinstance(cause, errors.ServiceError):
        content = _structured(_code(cause), cause.message, *cause.suggestions)
        return content | _limit(cause) if isinstance(cause, errors.LimitExceeded) else content
    if isinstance(cause, PydanticValidationError):
        return _structured("INVALID_INPUT", _arguments(cause), "See the tool's input schema.")
    if isinstance(error, ValidationError):
        return _structured("INVALID_INPUT", str(error), "See the tool's input schema.")
    trace = str(cause) if isinstance(cause, Internal) else telemetry.trace_id()
    if not isinstance(cause, Internal):
        logger.error("unexpected error", exc_info=cause)
    return _structured("INTERNAL", f"Something went wrong inside Segue; trace {trace}.", "The logs have that trace.")


def _code(error: errors.ServiceError) -> str:
    if isinstance(error, errors.Unavailable | errors.NotReady) and error.service:
        return f"{error.service.upper()}_UNAVAILABLE"
    return next(code for kind, code in CODE.items() if isinstance(error, kind))


def _limit(error: errors.LimitExceeded) -> dict[str, Any]:
    """Which kind of limit: `reason` is later, too_large or over_quota; only for later does it help to repeat."""
    fields: dict[str, Any] = {"reason": error.reason} if error.reason else {}
    return fields | ({"retry_after_s": error.retry_after_s} if isinstance(error, errors.RateLimited) else {})


def _structured(code: str, message: str, *suggestions: str) -> dict[str, Any]:
    return {"success": False, "error_code": code, "error": message, "suggestions": list(suggestions)}


def _arguments(error: PydanticValidationError) -> str:
    """Which argument is wrong and how, without the value that was sent."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in problems)


class ErrorResults(Middleware):
    """Turns whatever a tool raises into the contract's error result."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """The tool's result, or its failure as one. Its `_meta` says what a client has to do first, where it has."""
        try:
            return await call_next(context)
        except NotFoundError:
            raise  # no such tool: the protocol's own error
        except Exception as error:
            cause = error if isinstance(error, Wanted) else error.__cause__
            meta = {WANTED_META: cause.what} if isinstance(cause, Wanted) else None
            content = failure(error if meta is None else InvalidInput(str(cause), "Connect through `segue connect`."))
            text = f"{content['error_code']}: {content['error']}"
            return ToolResult(content=text, structured_content=content, meta=meta, is_error=True)
