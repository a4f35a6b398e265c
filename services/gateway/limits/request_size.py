"""Limits the size of a request's head and body."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import failure
from services.kit.errors import TooLarge

drained_max_bytes = 64 * 1024 * 1024
"""A larger body up to this size is read and discarded, so that its sender gets to read the answer."""


class HeadLimit:
    """Answers 431 to a request whose head is too large."""

    def __init__(self, app: ASGIApp, head_max_bytes: int) -> None:
        self._app = app
        self._head_max_bytes = head_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "http":
            size = len(scope["raw_path"]) + len(scope["query_string"])
            size += sum(len(name) + len(value) for name, value in scope["headers"])
            if size > self._head_max_bytes:
                error = TooLarge(f"The request's head is over {self._head_max_bytes:,} bytes.", "Send less.")
                await JSONResponse(failure(error), 431, {"connection": "close"})(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Answers 413, as the contract defines it, to a body that is too large, whether or not it declares its size."""

    def __init__(self, app: ASGIApp, body_max_bytes: int) -> None:
        self._app = app
        self._body_max_bytes = body_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if "transfer-encoding" in headers:  # its size is not declared
            body = await _read_body(receive, self._body_max_bytes)
            if body is None:
                await self._refuse("is too large", scope, receive, send)
                return
            receive = _again(body, receive)
        elif (size := _declared_bytes(headers)) > self._body_max_bytes:
            if size <= drained_max_bytes:
                await _drain(receive)
            await self._refuse(f"has {size:,} bytes", scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _refuse(self, size: str, scope: Scope, receive: Receive, send: Send) -> None:
        error = TooLarge(f"The request {size}; at most {self._body_max_bytes:,} are read.", "Send it in parts.")
        await JSONResponse(failure(error), 413, {"connection": "close"})(scope, receive, send)


def _declared_bytes(headers: Mapping[str, str]) -> int:
    declared = headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


async def _read_body(receive: Receive, max_bytes: int) -> bytes | None:
    """The whole body; None if it is larger, or its sender disconnected."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += bytes(message.get("body", b""))
        if len(body) > max_bytes:
            return None
        if not message.get("more_body", False):
            return body
    return None


def _again(body: bytes, receive: Receive) -> Receive:
    """Replays the body that was read, then any later messages."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass
