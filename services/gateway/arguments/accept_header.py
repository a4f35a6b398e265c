"""The response formats that a client accepts: JSON only, an event stream only, or both, as the protocol requires.

The SDK refuses a request that accepts only one. A client that accepts only JSON, or sends no Accept header, is answered
in JSON by a stateless application; the usual application answers with an event stream anyway.
"""

from __future__ import annotations

from mcp.server.streamable_http import check_accept_headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

BOTH = b"application/json, text/event-stream"
JSON = b"application/json"


class Acceptance:
    """`usual` serves clients that accept an event stream, `in_json` those that accept only JSON."""

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
