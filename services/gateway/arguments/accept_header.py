"""The form of an answer that a client accepts: JSON alone, an event stream alone, or as the protocol wants it, both.

The SDK refuses a request that accepts one form. Who accepts JSON alone, or says nothing, is answered in JSON by an
application that serves each request as one that stands alone; an event stream is what the usual one gives anyway.
"""

from __future__ import annotations

from mcp.server.streamable_http import check_accept_headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

BOTH = b"application/json, text/event-stream"
JSON = b"application/json"


class Acceptance:
    """`usual` serves who accepts an event stream, `in_json` who accepts JSON alone."""

    def __init__(self, usual: ASGIApp, in_json: ASGIApp) -> None:
        self._usual = usual
        self._in_json = in_json

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._usual(scope, receive, send)
            return
        accepts_json, accepts_stream = check_accept_headers(Request(scope))
        if not any(name == b"accept" for name, _ in scope["headers"]):
            accepts_json = True
        if accepts_stream and not accepts_json:
            await self._usual(_accepting(BOTH, scope), receive, send)
        elif accepts_json and not accepts_stream:
            await self._in_json(_accepting(JSON, scope), receive, send)
        else:
            await self._usual(scope, receive, send)


def _accepting(forms: bytes, scope: Scope) -> Scope:
    others = [header for header in scope["headers"] if header[0] != b"accept"]
    return {**scope, "headers": [*others, (b"accept", forms)]}
