"""Timeouts for slow connections, and a limit on open ones: uvicorn itself has neither."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)

waiting_max = 128
"""Connections that the system queues until they are accepted. While no file can be opened, asyncio tries this often in
a row, with a log message and a timer each, so that a thousand would block everything else."""
refused_again_s = 60.0
_no_room = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class ConnectionTimeouts:
    """`head_s` from the connection, or a request's first byte, to the end of its head; `body_s` from there to the end
    of its body; `write_s` for a client that does not read its answer, until it reads some of it."""

    head_s: float
    body_s: float
    write_s: float
    connections_max: int


def protocol_with_timeouts(timeouts: ConnectionTimeouts) -> type[H11Protocol]:
    """uvicorn's protocol with these timeouts."""

    class ProtocolWithTimeouts(_TimeoutProtocol):
        pass

    ProtocolWithTimeouts.timeouts = timeouts
    return ProtocolWithTimeouts


def refusals() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """The event loop's error handler: logs once a minute that connections cannot be accepted."""
    said_s = float("-inf")

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said_s
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _no_room and "accept" in context["message"]):
            loop.default_exception_handler(context)
        elif loop.time() - said_s > refused_again_s:
            said_s = loop.time()
            logger.error(
                "connections cannot be accepted: %s. They are queued; raise the limit of open files, or lower "
                "SEGUE_GATEWAY_CONNECTIONS_MAX.",
                error.strerror,
            )

    return handle


_closing = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"


def _answer(status: bytes, text: bytes) -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + _closing % (len(text), text)


class _TimeoutProtocol(H11Protocol):
    timeouts: ConnectionTimeouts

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting_for = ""
        self._is_one_too_many = False
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._is_one_too_many = len(self.connections) > self.timeouts.connections_max
        if len(self.connections) > 2 * self.timeouts.connections_max:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for("")
        self._end_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_one_too_many:  # refused after it has sent data: an earlier answer would be lost
            if not self.transport.is_closing():
                self.transport.write(_answer(b"503 Service Unavailable", b"Too many connections; try again later."))
                self.transport.close()
            return
        super().data_received(data)
        self._watch()

    def _watch(self) -> None:
        """Sets the deadline for the part of the request that the client is sending."""
        client = self.conn.their_state
        self._wait_for("head" if client is h11.IDLE else "body" if client is h11.SEND_BODY else "")

    def _wait_for(self, part: str) -> None:
        if part == self._waiting_for:
            return
        self._waiting_for = part
        if self._timer:
            self._timer.cancel()
        seconds = {"head": self.timeouts.head_s, "body": self.timeouts.body_s}.get(part)
        self._timer = self.loop.call_later(seconds, self._time_out) if seconds else None

    def _time_out(self) -> None:
        if self._waiting_for == "head" and not self.transport.is_closing():
            self.transport.write(_answer(b"408 Request Timeout", b"The request did not come in time."))
            self.transport.close()
        else:
            self.transport.abort()  # the application sees that the client is gone

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for("")  # between requests, uvicorn's own keep-alive timeout applies

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_write_timer()
        self._write_timer = self.loop.call_later(self.timeouts.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_write_timer()

    def _end_write_timer(self) -> None:
        if self._write_timer:
            self._write_timer.cancel()
            self._write_timer = None
