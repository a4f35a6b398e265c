"""What every HTTP endpoint beside MCP has in common: a body of JSON that is read, and failures that are JSON."""

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
"""Of a body that is one object."""


def with_failures(endpoint: Endpoint) -> Endpoint:
    """The endpoint, whatever it raises being its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            return failure_response(error)

    return answer


@contextmanager
def caller_mistakes(what: str) -> Iterator[None]:
    """Reads `what` a client sent: a value that no message can hold (half of a surrogate, a number as text, one out of
    range, a thousand brackets) is InvalidInput, which never quotes it."""
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
    """The body's JSON object, without what is null: that is left out."""
    body = await request.body()
    if len(body) > fields_max_bytes:
        raise TooLarge(f"The body is over {fields_max_bytes:,} bytes.", "Send less.")
    found = json_value(body, "The body")
    if not isinstance(found, dict):
        raise InvalidInput("The body is no JSON object.")
    return without_nulls(found)


def json_value(text: bytes, what: str) -> Any:
    """`what` a client sent as JSON. InvalidInput for what is none, NaN and infinities among it."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise InvalidInput(f"{what} is nested too deeply.") from None
    except ValueError:
        raise InvalidInput(f"{what} is not JSON.") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
