"""Sessions of the protocol that began elsewhere: at another gateway, or here before a restart.

A client that shook hands sends its session's id with every request. The gateway that gave the id serves it on that
connection; any other serves the request as one that stands alone. Nothing of ours hangs on the connection, so the
client need not notice.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Roaming:
    """`known` serves the sessions it knows; what it answers with 404 for its session, `alone` serves instead."""

    def __init__(self, known: ASGIApp, alone: ASGIApp) -> None:
        self._known = known
        self._alone = alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http" or "mcp-session-id" not in Headers(scope=scope):
            await self._known(scope, receive, send)
            return
        attempt = _Attempt(receive, send)
        await self._known(scope, attempt.receive, attempt.send)
        if attempt.refused:
            await self._alone(scope, attempt.receive_again, send)


class _Attempt:
    """Keeps what was read until it is clear that nobody else has to read it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._read: list[Message] = []
        self._answered = False
        self.refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        if not self._answered:
            self._read.append(message)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answered = True
            self.refused = message["status"] == 404
            if not self.refused:
                self._read.clear()
        if not self.refused:
            await self._send(message)

    async def receive_again(self) -> Message:
        return self._read.pop(0) if self._read else await self._receive()
