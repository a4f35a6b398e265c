"""The stdio bridge: an MCP server on stdin and stdout that forwards every message to a gateway over Streamable HTTP.

It answers nothing on its own while a gateway can. Both eras of the protocol pass through: with a handshake (a
session id that the bridge keeps, renews after a restart and ends), and 2026-07-28, where every request stands alone.
Each message has its own connection: what was refused one was not delivered, what fails later may have been.
Standard library only: an agent waits for this process before it can start.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from services.cli.credentials import BadToken, credentials
from services.cli.local_server import SERVE_COMMAND, NotStarted, default_data_dir, ensure_server, read_server
from services.cli.reported import with_directory

Message = dict[str, Any]

IN_FLIGHT_MAX = 64
START_TIMEOUT_S, CONNECT_TIMEOUT_S = 25.0, 10.0
SILENCE_TIMEOUT_S = 300.0  # a gateway that works on a request gives a sign of life every 15 seconds
ORDERED_TIMEOUT_S = 30.0  # nobody reads stdin meanwhile
RETRY_PAUSE_S, LISTEN_PAUSE_S = 0.05, 1.0
LISTEN_FAILURES_MAX = 3
FINISH_TIMEOUT_S = 0.8  # for calls in flight, then for the goodbye: a client that closed stdin kills after two seconds
REFUSAL_MAX_BYTES = 1 << 20

PARSE_ERROR, INVALID_REQUEST, FAILED = -32700, -32600, -32000
VERSION_META = "io.modelcontextprotocol/protocolVersion"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}  # what Mcp-Name repeats
ADVICE = {
    401: "set SEGUE_TOKEN or SEGUE_TOKEN_FILE",
    404: "the address of a gateway ends in /mcp",
    413: "a call has 4 MiB at most, and a memory 256 KiB",
}
SCHEMES: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
TRANSPORT_ERRORS = (OSError, HTTPException, ValueError)


class Failure(Exception):
    """Why a request gets no answer from the gateway, in words for whoever reads the client's error."""


class Undelivered(Failure):
    """The gateway cannot have seen the message whole: it may be sent again."""

    def __init__(self, url: str, problem: object) -> None:
        super().__init__(
            f"cannot reach {url} ({problem}); check that it runs, and the address: http:// or https:// to /mcp"
        )


class SessionLost(Failure):
    """The gateway does not know the session, and has not looked at the message."""


class Session(NamedTuple):
    """What a handshake agreed on, and how it was asked for. A stateless gateway gives no id."""

    id: str | None
    version: str | None
    handshake: Message


class Call:
    """A request in flight, which may be cancelled while it waits."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.id = message["id"]
        self.is_handshake = message["method"] == "initialize"
        self.version = standalone_version(message)
        self.cancelled = False
        self.done = threading.Event()
        self.exchange: Exchange | None = None

    def cancel(self) -> bool:
        """Whether that is all: a request that stands alone is cancelled by hanging up, others by a notification."""
        self.cancelled = True
        if self.version and self.exchange:
            self.exchange.abort()
        return self.version is not None


def unanswered(url: str, problem: object) -> Failure:
    """The request was sent whole, and what became of it is unknown."""
    return Failure(f"{url} did not answer ({problem}); it may have carried the request out: check before repeating it")


def error(request_id: object, code: int, message: str) -> Message:
    """A JSON-RPC error response."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def encode(message: Message) -> bytes:
    """The message as the gateway gets it."""
    return json.dumps(message, separators=(",", ":")).encode()


def standalone_version(message: Message) -> str | None:
    """The protocol version that a request states itself, which is how one tells that it stands alone."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(VERSION_META) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def routing(message: Message, session: Session | None) -> dict[str, str]:
    """The headers that say where a message belongs: to itself, or to the session."""
    pairs: dict[str, object] = {}
    if version := standalone_version(message):
        name = message["params"].get(NAMED_BY.get(message.get("method", "")))
        pairs = {"MCP-Protocol-Version": version, "Mcp-Method": message.get("method"), "Mcp-Name": name}
    elif session and message.get("method") != "initialize":
        pairs = {"MCP-Protocol-Version": session.version, "Mcp-Session-Id": session.id}
    return {header: header_value(value) for header, value in pairs.items() if isinstance(value, str)}


def header_value(text: str) -> str:
    """Text as a header may carry it: as it is, or in base64 between the marks that the protocol defines."""
    plain = re.fullmatch(r"[\x20-\x7E]*", text) and text == text.strip() and not re.fullmatch(r"=\?base64\?.*\?=", text)
    return text if plain else f"=?base64?{base64.b64encode(text.encode(errors='replace')).decode()}?="


def _credentials() -> dict[str, str]:
    try:
        return credentials()
    except BadToken as problem:
        raise Failure(str(problem)) from None


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


class Exchange:
    """One HTTP request on a connection of its own, past all proxies. Raises Undelivered while that is certain."""

    def __init__(self, url: str, silence_timeout_s: float) -> None:
        self.url = url
        try:
            self._parts = urlsplit(url)
            kind, timeout_s = SCHEMES[self._parts.scheme], min(CONNECT_TIMEOUT_S, silence_timeout_s)
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=timeout_s)
            self._connection.connect()
        except (KeyError, *TRANSPORT_ERRORS) as problem:
            raise Undelivered(url, problem) from problem
        self._socket: socket.socket = self._connection.sock
        self._socket.settimeout(silence_timeout_s)

    def send(self, method: str, headers: dict[str, str], body: bytes | None = None) -> HTTPResponse:
        """The response, as soon as it begins."""
        target = self._parts._replace(scheme="", netloc="", fragment="", path=self._parts.path or "/").geturl()
        accept = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        try:
            self._connection.request(method, target, body, {**accept, "Connection": "close", **headers})
        except TRANSPORT_ERRORS as problem:
            raise Undelivered(self.url, problem) from problem
        try:
            return self._connection.getresponse()
        except TRANSPORT_ERRORS as problem:
            raise unanswered(self.url, problem) from problem

    def abort(self) -> None:
        """Hang up from another thread; the reader sees the stream end."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            # Not TLS's own farewell: the thread that reads would trip over it.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


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


def replies(response: HTTPResponse) -> Iterator[tuple[bytes, Message]]:
    """The messages of a response as they come, each in one line and as read. Raises ValueError for what is none."""
    streamed = response.headers.get_content_type() == "text/event-stream"
    for data in events(response) if streamed else [response.read()]:
        message = json.loads(data)
        if not isinstance(message, dict):
            raise ValueError("not a JSON-RPC message")  # noqa: TRY004 - garbage, like what is no JSON at all
        yield data if len(data.splitlines()) == 1 else encode(message), message


class Bridge:
    """Between the stdin and stdout of one client and a gateway; without a URL, the local one."""

    def __init__(self, url: str | None, serve_command: Sequence[str] = SERVE_COMMAND) -> None:
        self._url, self._serve_command = url, serve_command
        self._session: Session | None = None
        self._handshake_over = threading.Event()
        self._handshake_over.set()
        self._in_flight: dict[str, Call] = {}
        self._renewal, self._output = threading.Lock(), threading.Lock()

    def forward(self, lines: Iterable[bytes]) -> None:
        """Forward all lines, give the calls in flight a moment to finish, and end the session."""
        for line in lines:
            if line.strip():
                self._receive(line)
        self._close()

    def _receive(self, line: bytes) -> None:
        """Take a line of stdin: a request gets a thread, all else is sent before the next line is read."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return self._write(encode(error(None, PARSE_ERROR, "not a line of JSON")))
        if not isinstance(message, dict) or not isinstance(message.get("method", ""), str):
            return self._write(encode(error(None, INVALID_REQUEST, "not a JSON-RPC message")))
        if "method" not in message or "id" not in message:
            return self._notify(message)
        return self._begin(Call(message))

    def _close(self) -> None:
        deadline = time.monotonic() + FINISH_TIMEOUT_S
        for call in list(self._in_flight.values()):
            call.done.wait(max(0.0, deadline - time.monotonic()))
        if self._session and self._session.id:
            headers = routing({}, self._session)
            with contextlib.suppress(Failure):  # a gateway that is gone has ended it already
                Exchange(self._address(start=False), FINISH_TIMEOUT_S).send("DELETE", headers | _credentials()).close()

    def _begin(self, call: Call) -> None:
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            return self._fail(call, f"{IN_FLIGHT_MAX} requests are in flight; repeat this one when some are answered")
        self._in_flight[json.dumps(call.id)] = call
        if call.is_handshake:  # what follows needs the session; meanwhile the end of stdin must not go unnoticed
            self._handshake_over = call.done
        return threading.Thread(target=self._serve, args=(call,), daemon=True).start()

    def _serve(self, call: Call) -> None:
        """See to it that the request is answered, whatever happens."""
        try:
            self._deliver(call)
        except Failure as failure:
            self._fail(call, str(failure))
        except Exception as problem:  # a bug here must not leave the client waiting
            self._fail(call, f"the bridge failed: {type(problem).__name__}")
        finally:
            self._in_flight.pop(json.dumps(call.id), None)
            call.done.set()

    def _deliver(self, call: Call) -> None:
        """Send until it is delivered, over a restart of the local server and the loss of the session with it."""
        if not call.is_handshake:
            self._handshake_over.wait()
        deadline = time.monotonic() + START_TIMEOUT_S
        renewed = False
        while not call.cancelled:
            session = self._session
            try:
                return self._post(call, session, self._write)
            except SessionLost:
                if renewed or session is None:
                    raise
                self._renew(session)
                renewed = True
            except Undelivered:
                if self._url or time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_PAUSE_S)
        return None

    def _post(self, call: Call, session: Session | None, write: Callable[[bytes], None]) -> None:
        """Send the request once and pass on what comes back, up to its answer."""
        call.exchange = exchange = Exchange(self._address(start=True), SILENCE_TIMEOUT_S)
        if call.cancelled:  # too early for a cancellation to find the exchange
            return None
        headers = routing(call.message, session)
        with exchange.send("POST", headers | _credentials(), encode(with_directory(call.message))) as response:
            if response.status == 404 and "Mcp-Session-Id" in headers:
                raise SessionLost(f"{exchange.url} no longer knows this session and opens no other; connect again")
            if response.status != 200:
                return write(encode(refusal(response, exchange.url, call.id)))
            return self._relay(call, exchange.url, response, write)

    def _relay(self, call: Call, url: str, response: HTTPResponse, write: Callable[[bytes], None]) -> None:
        try:
            for line, message in replies(response):
                answered = "method" not in message and message.get("id") == call.id
                if answered and call.is_handshake and "result" in message:
                    version = message["result"].get("protocolVersion")
                    self._session = Session(response.headers.get("Mcp-Session-Id"), version, call.message)
                write(line)
                if answered:
                    return
        except TRANSPORT_ERRORS as problem:
            raise unanswered(url, problem) from problem
        raise unanswered(url, "the stream ended")

    def _renew(self, lost: Session) -> None:
        """Shake hands again in the client's name; of the calls that lost the same session, the first one does."""
        with self._renewal:
            if self._session is lost:
                self._post(Call({**lost.handshake, "id": "segue-renewal"}), None, lambda _: None)
                self._notify({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _notify(self, message: Message) -> None:
        """Send what gets no answer. It belongs to the session as it is: nothing is started or renewed for it."""
        self._handshake_over.wait()
        method, session = message.get("method", "an answer"), self._session
        if (method == "notifications/cancelled" and self._cancelled(message.get("params"))) or session is None:
            return
        try:
            exchange = Exchange(self._address(start=False), ORDERED_TIMEOUT_S)
            with exchange.send("POST", routing(message, session) | _credentials(), encode(message)) as response:
                if response.status >= 300:
                    note(f"{method} was refused with {response.status}")
        except (Failure, RecursionError) as failure:
            note(f"{method} is lost: {failure}")
        if method == "notifications/initialized":
            threading.Thread(target=self._listen, args=(session,), daemon=True).start()

    def _cancelled(self, params: object) -> bool:
        call = self._in_flight.get(json.dumps(params.get("requestId"))) if isinstance(params, dict) else None
        return call is not None and call.cancel()

    def _listen(self, session: Session) -> None:
        """Pass on what the gateway sends of its own accord, if it offers that, while the session lasts."""
        failures = 0
        while failures < LISTEN_FAILURES_MAX and self._session is session:
            try:
                exchange = Exchange(self._address(start=False), SILENCE_TIMEOUT_S)
                with exchange.send("GET", routing({}, session) | _credentials()) as response:
                    if response.status != 200:
                        return
                    failures = 0
                    for line, _ in replies(response):
                        self._write(line)
            except (Failure, *TRANSPORT_ERRORS):
                failures += 1
            time.sleep(LISTEN_PAUSE_S)

    def _address(self, *, start: bool) -> str:
        if self._url:
            return self._url
        data_dir = default_data_dir()
        try:
            server = ensure_server(data_dir, START_TIMEOUT_S, self._serve_command) if start else read_server(data_dir)
        except (NotStarted, OSError) as problem:
            raise Failure(f"the local server cannot be started: {problem}") from problem
        if server is None:
            raise Undelivered("the local server", "it is not running")
        return server.url

    def _fail(self, call: Call, message: str) -> None:
        if not call.cancelled:
            self._write(encode(error(call.id, FAILED, message)))

    def _write(self, line: bytes) -> None:
        """One line of stdout, past Python's buffers: a thread that is cut short at exit must not hold their lock."""
        with self._output, contextlib.suppress(BrokenPipeError):  # a client that left closes stdin too
            rest = line + b"\n"
            while rest:
                rest = rest[os.write(1, rest) :]


def note(text: str) -> None:
    """A line on stderr, which never tells what a message says."""
    with contextlib.suppress(OSError):
        os.write(2, f"segue connect: {' '.join(text.split())}\n".encode())


def run(options: argparse.Namespace) -> int:
    """Serve this process's stdin until it ends, which is also how a client that dies says so."""
    Bridge(options.url or os.environ.get("SEGUE_URL")).forward(sys.stdin.buffer)
    return 0
