"""Replaces escaped lone surrogates in a JSON body with U+FFFD before the body is parsed.

A text that was cut within an emoji contains one, and JavaScript and Python send it as `\\ud83d`. It is invalid Unicode,
and the protocol's parser refuses the whole body because of it. The replacement has the same length.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_escape = re.compile(rb"\\u[dD][89a-fA-F]")
_surrogates = re.compile(
    rb"""\\(?<!\\\\)((?:\\\\)*+)  # from the first of the backslashes: after an even number of them u begins no escape
        u(?:(?P<pair>[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|[dD][89a-fA-F][0-9a-fA-F]{2})""",
    re.VERBOSE,
)
_replacement = rb"\ufffd"


def encodable(text: str) -> str:
    """Text that UTF-8 can encode: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


class WholeCharacters:
    """Repairs the bodies of POST requests; a body is read when the application first requests it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] == "http" and scope["method"] == "POST":
            receive = _Body(receive).receive
        await self._app(scope, receive, send)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_read = False

    async def receive(self) -> Message:
        """The whole repaired body at once, then any later messages."""
        if self._is_read:
            return await self._receive()
        body = bytearray()
        while (message := await self._receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body", False):
                self._is_read = True
                return {"type": "http.request", "body": whole_characters(bytes(body)), "more_body": False}
        self._is_read = True
        return message  # the sender disconnected


def whole_characters(body: bytes) -> bytes:
    """JSON text with each escaped lone surrogate replaced by an escaped U+FFFD; the same length. Linear."""
    return _surrogates.sub(_repair, body) if _escape.search(body) else body


def _repair(found: re.Match[bytes]) -> bytes:
    return found[0] if found["pair"] else found[1] + _replacement
