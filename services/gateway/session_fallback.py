"""Serves MCP sessions that began elsewhere: at another gateway, or here before a restart.

A client sends its session's id with every request. The gateway that issued the id serves the request on that session;
any other serves it statelessly. Segue keeps no state on the connection, so the client notices nothing.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class SessionFallback:
    """`known` serves the sessions it knows; if it answers 404 to a session id, `alone` serves the request."""

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
    """Keeps the messages that were read until `known` has answered, in case `alone` must read them again."""

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
