"""A request for the page that is refused before it gets there is answered by a page, too, which says the way out."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access.scopes import is_page
from services.gateway.page.rendering import Renderer
from services.gateway.page.sign_in import SignIn

body_max_bytes = 64 * 1024


class PageFailures:
    """Puts a page in the place of every failure of the page's addresses that is none."""

    def __init__(self, app: ASGIApp, renderer: Renderer, sign_in: SignIn) -> None:
        self._app = app
        self._renderer = renderer
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http" or not is_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        await self._app(scope, receive, answer.send)
        if answer.status:
            request = Request(scope)
            await self._page(request, answer.content())(scope, receive, send)

    def _page(self, request: Request, content: dict[str, Any]) -> Any:
        status = content.pop("status")
        if content["error_code"] == "UNAUTHENTICATED":
            if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
                # A link elsewhere led here, and brought no cookie: the page itself asks again, and that does.
                return self._renderer.response(request, "again.html")
            return self._sign_in.response(request, status, content["error"])
        return self._renderer.response(request, "failure.html", status, failure=content, code=status)


class _Answer:
    """Passes an answer on, unless it is a failure that is no page: that is kept."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._body = b""
        self.status = 0

    async def send(self, message: Message) -> None:
        """One part of the answer."""
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            self.status = message["status"] if message["status"] >= 400 and not kind.startswith(b"text/html") else 0
        elif self.status:
            self._body = (self._body + message.get("body", b""))[:body_max_bytes]
        if not self.status:
            await self._send(message)

    def content(self) -> dict[str, Any]:
        """The failure, in the contract's fields."""
        try:
            content = json.loads(self._body)
            found = {name: content[name] for name in ("error_code", "error", "suggestions")}
        except (ValueError, KeyError, TypeError):
            words = HTTPStatus(self.status).phrase
            found = {"error_code": words, "error": "There is no such page." if self.status == 404 else f"{words}."}
            found["suggestions"] = []
        return {**found, "status": self.status}
