"""HTTP as the bridge needs it: each message on a connection of its own, answered whole or by a stream of events.

What was refused a connection was not delivered; what fails later may have been. A connection that died without a word,
as in the sleep of a laptop, is found dead by the kernel's probes or by the silence of a gateway that should give a sign
of life every 15 seconds. Proxies are passed by: the way to one's own gateway is nobody else's to see.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from services.cli.bridge.messages import FAILED, Failure, Message, Unanswered, Undelivered, encode, error
from services.cli.gateway.failures import address_problem

CONNECT_TIMEOUT_S = 10.0
REFUSAL_MAX_BYTES = 1 << 20
LARGE_BYTES = 4 << 20
# Probes after 20 s without a word, and the end 20 s later, or when what was sent is not taken for 40 s.
PROBES = {"TCP_KEEPIDLE": 20, "TCP_KEEPALIVE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 40_000}
ADVICE = {
    401: "set SEGUE_TOKEN or SEGUE_TOKEN_FILE",
    404: "the address of a gateway ends in /mcp",
    413: "a call has 4 MiB at most, and a memory 256 KiB",
}
SCHEMES: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
TRANSPORT_ERRORS = (OSError, HTTPException, ValueError)


class Exchange:
    """One HTTP request on a connection of its own. Raises Undelivered while that is certain."""

    def __init__(self, url: str, silence_timeout_s: float) -> None:
        self.url = url
        try:
            if problem := address_problem(url):
                raise ValueError(problem)
            self._parts = urlsplit(url)
            kind, timeout_s = SCHEMES[self._parts.scheme], min(CONNECT_TIMEOUT_S, silence_timeout_s)
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=timeout_s)
            self._connection.connect()
            self._socket: socket.socket = self._connection.sock
            self._socket.settimeout(silence_timeout_s)
            probe(self._socket)  # macOS refuses that where the other end has gone again
        except TRANSPORT_ERRORS as problem:
            raise Undelivered(url, problem) from problem

    def send(self, method: str, headers: dict[str, str], body: bytes | None = None) -> HTTPResponse:
        """The response, as soon as it begins."""
        target = self._parts._replace(scheme="", netloc="", fragment="", path=self._parts.path or "/").geturl()
        accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        try:
            self._connection.request(method, target, body, {**accept, "Connection": "close", **headers})
        except TRANSPORT_ERRORS as problem:
            return self._answered_early(problem, len(body or b""))
        try:
            return self._connection.getresponse()
        except TRANSPORT_ERRORS as problem:
            raise Unanswered(self.url, problem) from problem

    def _answered_early(self, problem: Exception, size: int) -> HTTPResponse:
        """What was answered before the message was sent whole, which is how too large a one is refused."""
        try:
            response = HTTPResponse(self._socket, method="POST")
            response.begin()
        except TRANSPORT_ERRORS:
            if size > LARGE_BYTES:
                raise Failure(f"{self.url} hung up on a message of {size:,} bytes; {ADVICE[413]}") from problem
            raise Undelivered(self.url, problem) from problem
        return response

    def abort(self) -> None:
        """Hang up from another thread; the reader sees the stream end."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            # Not TLS's own farewell: the thread that reads would trip over it.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def probe(connection: socket.socket) -> None:
    """Have the kernel find out when nobody is at the other end any more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if hasattr(socket, name):  # each system has its own
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def events(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The data of each event of a text/event-stream, as soon as it is complete."""
    data: list[bytes] = []
    for line in lines:
        field, _, value = line.rstrip(b"\r\n").partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif not line.strip(b"\r\n"):
            if any(data):
                yield b"\n".join(data)
            data = []


def replies(response: HTTPResponse) -> Iterator[tuple[bytes, Message]]:
    """The messages of a response as they come, each in one line and as read. Raises ValueError for what is none."""
    streamed = response.headers.get_content_type() == "text/event-stream"
    for data in events(response) if streamed else [response.read()]:
        message = json.loads(data)
        if not isinstance(message, dict):
            raise ValueError("not a JSON-RPC message")  # noqa: TRY004 - garbage, like what is no JSON at all
        yield data if len(data.splitlines()) == 1 else encode(message), message


def refusal(response: HTTPResponse, url: str, request_id: object) -> Message:
    """What the gateway means by a status: its own JSON-RPC error where it wrote one, else the status in words."""
    try:
        body = json.loads(response.read(REFUSAL_MAX_BYTES))
    except TRANSPORT_ERRORS:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return {**body, "id": request_id}
    advice = response.headers.get("Location") or ADVICE.get(response.status, "check its log")
    return error(request_id, FAILED, f"{url} answered {response.status} {response.reason}; {advice}")
