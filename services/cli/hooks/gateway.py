"""A hook's request to the gateway: HTTP/1.0 on a connection of its own.

`http.client` alone would cost more than the rest of a hook, and HTTP/1.0 has no chunks to assemble.
"""

from __future__ import annotations

import os
import time

from services.cli.hooks.state_files import data_directory
from services.kit.systems import lock

MYPY = False
if MYPY:
    import _socket
    import socket

ANSWER_MAX_BYTES = 1 << 20
SCHEMES = {"http": 80, "https": 443}


class Unreachable(Exception):
    """Nothing answers there, or not in time; the message is for the hook log."""


class Address:
    """A gateway: how to reach it. `path` is what stands before `/v1`."""

    def __init__(self, scheme: str, host: str, port: int, path: str) -> None:
        self.scheme, self.host, self.port, self.path = scheme, host, port, path

    @property
    def authority(self) -> str:
        """The Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def gateway() -> Address | None:
    """The gateway that `SEGUE_URL` names, else the local server; None while none runs. Raises Unreachable."""
    if url := os.environ.get("SEGUE_URL", "").strip():
        return parse_address(url)
    return _local(data_directory())


def parse_address(url: str) -> Address:
    """The address of a URL that may end in /mcp. Raises Unreachable for one that is none."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, bracket, port = authority.rpartition("]")[2].partition(":")
    if authority.startswith("["):
        host = authority[1:].partition("]")[0]
    if scheme not in SCHEMES or not host or "@" in authority or (bracket and not port.isdecimal()):
        raise Unreachable("SEGUE_URL is not the address of a gateway: http:// or https://, a host and a port")
    return Address(scheme, host, int(port or SCHEMES[scheme]), f"/{path}".rstrip("/").removesuffix("/mcp").rstrip("/"))


def _local(directory: str) -> Address | None:
    """The address in `server.json` while its server runs, which holds the lock.

    A file that a killed server left behind would send what was said to whoever has its port now.
    """
    try:
        held = os.open(os.path.join(directory, "server.lock"), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if lock(held, shared=True) else _local_address(directory)
    finally:
        os.close(held)


def _local_address(directory: str) -> Address | None:
    """The address in our own file, found without a JSON parser, which would double a hook's time."""
    try:
        with open(os.path.join(directory, "server.json"), encoding="utf-8") as file:
            url = file.read(4096).partition('"url": "')[2].partition('"')[0]
    except (FileNotFoundError, ValueError):
        return None  # it starts
    return parse_address(url) if url else None


def token() -> str:
    """The header line that says who calls; empty without a token. Raises Unreachable for one that is none."""
    given = os.environ.get("SEGUE_TOKEN", "")
    if path := os.environ.get("SEGUE_TOKEN_FILE"):
        try:
            with open(os.path.expanduser(path), encoding="ascii") as file:
                given = file.read(8192)
        except (OSError, ValueError):
            raise Unreachable("SEGUE_TOKEN_FILE cannot be read") from None
    given = given.strip()
    if not all("!" <= each <= "~" for each in given):
        raise Unreachable("the token must be one word of ASCII")
    return f"Authorization: Bearer {given}\r\n" if given else ""


class Answer:
    """What the gateway answered, with `head` as it came; status 0 where nobody did."""

    def __init__(self, status: int, head: bytes = b"", body: bytes = b"") -> None:
        self.status, self.head, self.body = status, head, body

    def header(self, name: str) -> str:
        """A header's value; empty without it."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return ""


def post(address: Address, path: str, body: bytes, deadline: float) -> Answer:
    """The answer, by `deadline` of the monotonic clock. Raises Unreachable."""
    head = (
        f"POST {address.path}{path} HTTP/1.0\r\nHost: {address.authority}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{token()}\r\n"
    )
    try:
        connection = _connect(address, deadline)
        try:
            connection.settimeout(_time_left(deadline))
            connection.sendall(head.encode("latin-1") + body)
            return _answer(connection, deadline)
        finally:
            connection.close()
    except (OSError, ValueError) as problem:
        raise Unreachable(f"the gateway does not answer: {type(problem).__name__}") from None


def _connect(address: Address, deadline: float) -> socket.socket | _socket.socket:
    if address.scheme == "http":
        return _plain_connection(address, deadline)
    import socket
    import ssl

    connection = socket.create_connection((address.host, address.port), timeout=_time_left(deadline))
    return ssl.create_default_context().wrap_socket(connection, server_hostname=address.host)


def _plain_connection(address: Address, deadline: float) -> _socket.socket:
    """What `socket.create_connection` makes, without that module: to import it takes as long as Python's own start."""
    import _socket  # and this only where a server runs

    host = address.host.encode() if address.host.isascii() else address.host  # text goes by a codec that imports `re`
    problem = OSError("the name has no address")
    for family, kind, protocol, _, place in _socket.getaddrinfo(host, address.port, 0, _socket.SOCK_STREAM):
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_time_left(deadline))
            connection.connect(place)
        except OSError as error:
            connection.close()
            problem = error
        else:
            return connection
    raise problem


def _answer(connection: socket.socket | _socket.socket, deadline: float) -> Answer:
    received = b""
    while len(received) <= ANSWER_MAX_BYTES:
        connection.settimeout(_time_left(deadline))
        data = connection.recv(65536)
        if not data:
            break
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].isdigit():
        raise ValueError("no HTTP")
    return Answer(int(status[0]), head, body)


def _time_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
