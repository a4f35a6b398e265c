"""Shared by the HTTP endpoints: reading JSON bodies, and answering failures as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.arguments.forms import without_nulls
from services.gateway.errors import failure_response
from services.kit.errors import InvalidInput, TooLarge

Endpoint = Callable[[Request], Awaitable[Response]]

fields_max_bytes = 64 * 1024
"""The largest body that is a single object."""


def with_failures(endpoint: Endpoint) -> Endpoint:
    """Wraps the endpoint so that exceptions become error responses."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            return failure_response(error)

    return answer


@contextmanager
def caller_mistakes(what: str) -> Iterator[None]:
    """Guards reading `what` a client sent: values that a protobuf message cannot hold (a lone surrogate, a number as
    text or out of range, a thousand brackets) become InvalidInput, which never quotes them."""
    try:
        yield
    except RecursionError:
        raise InvalidInput(f"{what} is nested too deeply.") from None
    except (ValueError, TypeError, OverflowError) as error:
        reason = (
            "text that UTF-8 cannot carry" if isinstance(error, UnicodeError) else "a value of the wrong type or size"
        )
        raise InvalidInput(f"{what} has {reason}.") from None


async def fields(request: Request) -> dict[str, Any]:
    """The body's JSON object without its nulls: null means left out."""
    body = await request.body()
    if len(body) > fields_max_bytes:
        raise TooLarge(f"The body is over {fields_max_bytes:,} bytes.", "Send less.")
    found = json_value(body, "The body")
    if not isinstance(found, dict):
        raise InvalidInput("The body is not a JSON object.")
    return without_nulls(found)


def json_value(text: bytes, what: str) -> Any:
    """Parses `what` a client sent as JSON. InvalidInput if it is not JSON, or contains NaN or infinities."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise InvalidInput(f"{what} is nested too deeply.") from None
    except ValueError:
        raise InvalidInput(f"{what} is not JSON.") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
