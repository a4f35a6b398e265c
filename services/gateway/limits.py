"""What a request may cost: today, the size of its body."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.errors import failure
from services.kit.errors import LimitExceeded

drained_max_bytes = 64 * 1024 * 1024
"""A body up to this is read to its end and thrown away, so that its sender comes to read the answer."""


class BodyLimit:
    """Answers 413, in the contract's words, to a body that says it is too large."""

    def __init__(self, app: ASGIApp, body_max_bytes: int) -> None:
        self._app = app
        self._body_max_bytes = body_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        size = _declared_bytes(scope)
        if size <= self._body_max_bytes:
            await self._app(scope, receive, send)
            return
        if size <= drained_max_bytes:
            await _drain(receive)
        error = LimitExceeded(
            f"The request has {size:,} bytes; at most {self._body_max_bytes:,} are read.", "Send it in parts."
        )
        await JSONResponse(failure(error), 413, {"connection": "close"})(scope, receive, send)


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
    return int(declared) if declared.isdecimal() else 0


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass
