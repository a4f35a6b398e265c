"""Receivers of webhooks for tests: real servers on loopback that answer as they are told to, also badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Behave = Callable[[asyncio.StreamWriter, int], Awaitable[None]]
"""Answers one request; the number says which one it is, from 0."""


async def accept(writer: asyncio.StreamWriter, _: int = 0) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


def answer(*lines: bytes) -> Behave:
    """Answers with these in turn; the last one for ever."""

    async def behave(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(lines[min(number, len(lines) - 1)] + b"\r\n\r\n")
        await writer.drain()

    return behave


@dataclass
class Receiver:
    """What arrived."""

    port: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    behave: Behave = accept

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=1"

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body in self.bodies]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            headers = {"request": first, **{n.lower(): v for n, _, v in (x.partition(": ") for x in lines) if n}}
            body = await reader.readexactly(int(headers["content-length"]))
            self.heads.append(headers)
            self.bodies.append(body)
            await self.behave(writer, len(self.bodies) - 1)
        writer.close()


@asynccontextmanager
async def receiver(behave: Behave = accept, port: int = 0) -> AsyncIterator[Receiver]:
    found = Receiver(behave=behave)
    async with await asyncio.start_server(found.serve, "127.0.0.1", port) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found
        server.close()
