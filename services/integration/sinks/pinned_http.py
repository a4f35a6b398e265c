"""One POST to a stranger's server: to an address that was checked before, within a time, reading little of the answer.

The connection goes to the address that was checked, whatever the name means a moment later. Redirects are not followed,
nothing is decompressed, and of the answer only its status counts.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.integration.domain.addresses import allowed_addresses

head_max_bytes = 16 * 1024
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotReached(Exception):
    """There was no answer; the message names no address."""


class NotAllowed(NotReached):
    """The address is private."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name. NotReached if it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotReached("its name has no address") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Poster:
    """Posts within `timeout_s`, to private addresses only if `private`."""

    private: bool
    timeout_s: float
    resolve: Resolve = resolve
    trust: ssl.SSLContext | None = None
    """By what certificates are checked; the system's when None."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. NotReached, NotAllowed."""
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self.timeout_s):
                reader, writer = await self._connect(parts)
                try:
                    writer.write(_head(parts, headers, len(body)) + body)
                    await writer.drain()
                    return _status(await reader.readuntil(b"\r\n"))
                finally:
                    writer.transport.abort()  # a polite end would wait for the other side
        except TimeoutError:
            raise NotReached("it did not answer in time") from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise NotReached(f"the connection failed ({type(error).__name__})") from None

    async def _connect(self, parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        addresses = allowed_addresses(await self.resolve(host, port), private=self.private)
        if not addresses:
            raise NotAllowed("its address is private; SEGUE_INTEGRATION_WEBHOOK_PRIVATE allows that")
        tls = (self.trust or ssl.create_default_context()) if is_tls else None
        name = host if is_tls else None
        for address in addresses[:-1]:
            try:
                return await asyncio.open_connection(address, port, ssl=tls, server_hostname=name, limit=head_max_bytes)
            except OSError:
                continue  # the next of its addresses may answer
        return await asyncio.open_connection(addresses[-1], port, ssl=tls, server_hostname=name, limit=head_max_bytes)


def _head(parts: SplitResult, headers: Mapping[str, str], length: int) -> bytes:
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    every = {
        "Host": parts.netloc,
        "User-Agent": "segue",
        "Content-Length": str(length),
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("no HTTP")
    return int(rest[:3])
