"""Delivers memories to a gateway: batches over HTTP, retried while the gateway is busy, split if they are too big.

Retries are safe, because every memory carries its id. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from services.cli.gateway.failures import ADVICE, address_problem, plain

ENDPOINT = "/v1/memories"
CONTENT_TYPE = "application/x-ndjson"

connect_timeout_s = 10.0
# Embedding a batch of long texts takes a while on a small machine.
answer_timeout_s = 120.0
answer_max_bytes = 1 << 20
# A busy gateway still answers; one that does not answer at all is given up sooner.
busy_attempts_max = 8
silent_attempts_max = 4
first_pause_s = 0.2
pause_max_s = 30.0

# Too many requests, a service that is starting, one that took too long.
BUSY = (429, 503, 504)
# Nothing of the batch was stored because of its size, or because of one memory: smaller batches may succeed.
DIVISIBLE = (400, 409, 413)
OVER_QUOTA = "over_quota"


class NotDelivered(Exception):
    """The gateway did not accept a batch, and retrying now will not help."""


class Stopped(NotDelivered):
    """The user interrupted the import."""


class NoRoom(NotDelivered):
    """The user is over quota: nothing more is stored until memories are deleted. Memories stored before are counted."""


class _Refused(Exception):
    """The gateway refused a batch as a whole."""

    def __init__(self, code: str, reason: str, *, is_over_quota: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.is_over_quota = is_over_quota


class Rejection(NamedTuple):
    """A memory that the gateway refused: its place in the batch, counted from 0, and why."""

    line: int
    code: str
    reason: str


@dataclass(slots=True)
class Receipt:
    """The result of a batch; if its rest did not fit into the quota, `over_quota` says why."""

    stored: int = 0
    duplicates: int = 0
    embedded: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    over_quota: str = ""
    deleted: int = 0
    """Not stored, since they were deleted before."""
    ids: list[str] = field(default_factory=list)
    """Of the memories that were stored, and not there before; empty from a gateway of an earlier version."""

    def add(self, other: Receipt, lines_before: int) -> None:
        """Adds the receipt of a later part of the same batch."""
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.embedded += other.embedded
        self.deleted += other.deleted
        self.ids += other.ids
        self.rejected += [refusal._replace(line=refusal.line + lines_before) for refusal in other.rejected]
        self.over_quota = other.over_quota


class Delivery:
    """Connections to one gateway; every thread that delivers has its own."""

    def __init__(self, address: str, headers: dict[str, str], *, deleted_too: bool = False) -> None:
        self._endpoint = f"{ENDPOINT}?deleted_too=true" if deleted_too else ENDPOINT
        if problem := address_problem(address):
            raise NotDelivered(problem)
        self._address = address.rstrip("/")
        self._headers = {"Content-Type": CONTENT_TYPE, "Accept": "application/json", **headers}
        self._stop = threading.Event()
        self._own = threading.local()
        self._connections: list[HTTPConnection] = []
        self._parts = urlsplit(self._address)

    def deliver(self, lines: Sequence[bytes]) -> Receipt:
        """Stores a batch; returns once the gateway has stored it durably. Raises NotDelivered."""
        try:
            return self._patiently(b"".join(lines))
        except _Refused as refused:
            if len(lines) == 1 and refused.is_over_quota:
                return Receipt(over_quota=refused.reason)
            if len(lines) == 1:
                return Receipt(rejected=[Rejection(0, refused.code, refused.reason)])
        half = len(lines) // 2
        receipt = self.deliver(lines[:half])
        if not receipt.over_quota:
            receipt.add(self.deliver(lines[half:]), half)
        return receipt

    def stop(self) -> None:
        """Starts nothing more; running requests may finish."""
        self._stop.set()

    def hang_up(self) -> None:
        """Aborts running requests."""
        self._stop.set()
        for connection in self._connections:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connections; nothing may use them any more."""
        for connection in self._connections:
            connection.close()

    def _patiently(self, body: bytes) -> Receipt:
        busy, silent, pause = 0, 0, first_pause_s
        while not self._stop.is_set():
            wanted = 0.0
            try:
                status, headers, answer = self._exchange(body)
                if status not in BUSY:
                    return self._receipt(status, answer)
                problem, wanted = ": ".join(_explanation(status, answer)), _retry_after(headers)
                busy += 1
            except (OSError, HTTPException) as error:
                problem, silent = f"it does not answer ({_words(error)})", silent + 1
                self._disconnect()
            if busy >= busy_attempts_max or silent >= silent_attempts_max:
                raise NotDelivered(f"{self._address}: {problem}")
            self._stop.wait(min(max(pause, wanted), pause_max_s))
            pause *= 2
        raise Stopped(f"{self._address}: interrupted")

    def _exchange(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = self._connection()
        connection.request("POST", f"{self._parts.path}{self._endpoint}", body, self._headers)
        response: HTTPResponse = connection.getresponse()
        answer = response.read(answer_max_bytes)
        if not response.isclosed():  # larger than any valid answer; the rest is not read
            self._disconnect()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, answer

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
            connection = kind(self._parts.hostname or "", self._parts.port, timeout=connect_timeout_s)
            self._own.connection = connection
            self._connections.append(connection)
        if connection.sock is None:
            _open(connection)
        return connection

    def _disconnect(self) -> None:
        connection: HTTPConnection | None = getattr(self._own, "connection", None)
        if connection:
            connection.close()

    def _receipt(self, status: int, answer: bytes) -> Receipt:
        if status in DIVISIBLE:
            raise _Refused(*_explanation(status, answer))
        if limit_of(answer) == OVER_QUOTA:
            raise _Refused(*_explanation(status, answer), is_over_quota=True)
        if status != 200:
            advice = f"; {ADVICE[status]}" if status in ADVICE else ""
            raise NotDelivered(f"{self._address}: {': '.join(_explanation(status, answer))}{advice}")
        try:
            return _read_receipt(json.loads(answer))
        except (ValueError, KeyError, TypeError):
            raise NotDelivered(f"{self._address}: its answer is not a Segue gateway's") from None


def _open(connection: HTTPConnection) -> None:
    connection.connect()
    connection.sock.settimeout(answer_timeout_s)


def _read_receipt(fields: Any) -> Receipt:
    rejected = [
        Rejection(int(one["line"]), plain(one["error_code"]), plain(one["error"])) for one in fields["rejected"]
    ]
    counts = (int(fields["stored"]), int(fields["duplicates"]), int(fields["embedded"]))
    ids = [str(each) for each in fields.get("ids", [])]
    return Receipt(*counts, rejected, deleted=int(fields.get("deleted", 0)), ids=ids)


def _explanation(status: int, answer: bytes) -> tuple[str, str]:
    """The gateway's error code and message."""
    try:
        fields: Any = json.loads(answer)
        return plain(fields["error_code"]), plain(fields["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}", "no reason given"


def limit_of(answer: bytes) -> str:
    """The limit that the gateway reports: later, too_large or over_quota; empty if it was none."""
    try:
        fields: Any = json.loads(answer)
        return str(fields.get("reason") or "")
    except (ValueError, AttributeError):
        return ""


def _retry_after(headers: dict[str, str]) -> float:
    """Seconds; the header may also hold a date, but our own gateway never sends one."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0


def _words(error: Exception) -> str:
    return plain(getattr(error, "strerror", None) or error or type(error).__name__)
