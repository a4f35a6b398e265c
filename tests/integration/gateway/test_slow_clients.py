"""Clients that send slowly, or too much, or do not read: what a bare socket sees."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.integration.stack import free_port
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


IMPATIENT = {
    "SEGUE_GATEWAY_HEAD_TIMEOUT_S": "0.5",
    "SEGUE_GATEWAY_BODY_TIMEOUT_S": "0.5",
    "SEGUE_GATEWAY_WRITE_TIMEOUT_S": "0.5",
    "SEGUE_GATEWAY_HEAD_MAX_BYTES": "4096",
    "SEGUE_GATEWAY_BODY_MAX_BYTES": "100000",
    "SEGUE_GATEWAY_CONNECTIONS_MAX": "5",
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[int]:
    """The port of a gateway that has little patience; its services are not there."""
    port = free_port()
    nowhere = {f"SEGUE_GATEWAY_{name}_TARGET": "127.0.0.1:1" for name in ("SESSION", "MEMORY", "QUALITY")}
    settings = {"SEGUE_GATEWAY_PORT": str(port), **IMPATIENT, **nowhere}
    process = subprocess.Popen([sys.executable, "-m", "services.gateway"], env=os.environ | settings)
    while True:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answered:
            assert answered.status == 200
            break
        assert process.poll() is None
    yield port
    process.terminate()
    assert process.wait(PATIENCE_S) == 0


async def connect(gateway: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", gateway)


async def sent(gateway: int, data: bytes) -> bytes:
    """What comes back until the gateway ends the connection."""
    reader, writer = await connect(gateway)
    with contextlib.closing(writer):
        writer.write(data)
        return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionResetError:
        return b""


def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the gateway is done with the connection, by an end or, where bytes crossed it, by a reset."""
    return reader.at_eof() or isinstance(reader.exception(), ConnectionResetError)


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    """A byte each tenth of a second, for ever."""
    with contextlib.suppress(ConnectionError):
        for byte in data * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)


async def test_a_client_that_says_nothing_is_let_go(gateway: int) -> None:
    assert (await sent(gateway, b"")).startswith(b"HTTP/1.1 408")


async def test_a_head_that_drips_in_is_let_go_though_it_never_stops(gateway: int) -> None:
    reader, writer = await connect(gateway)
    writer.write(HEAD)
    dripping = asyncio.create_task(drip(writer, b"X-A: b\r\n"))
    await answer(reader)  # 408, unless the next byte came too soon after it
    assert ended(reader)
    dripping.cancel()
    writer.close()


async def test_a_second_request_on_the_connection_may_not_drip_either(gateway: int) -> None:
    reader, writer = await connect(gateway)
    writer.write(HEAD + b"\r\n")
    assert b"200 OK" in await reader.readuntil(b"}")
    dripping = asyncio.create_task(drip(writer, b"GET /"))
    await answer(reader)
    assert ended(reader)
    dripping.cancel()
    writer.close()


async def test_a_body_that_drips_in_is_let_go(gateway: int) -> None:
    reader, writer = await connect(gateway)
    writer.write(b"POST /v1/memories HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
    dripping = asyncio.create_task(drip(writer, b"{}"))
    await answer(reader)
    assert ended(reader)
    dripping.cancel()
    writer.close()


async def test_others_are_served_while_one_drips(gateway: int) -> None:
    _, slow = await connect(gateway)
    slow.write(HEAD)
    assert b"200 OK" in await sent(gateway, HEAD + b"Connection: close\r\n\r\n")
    slow.close()


async def test_a_head_that_is_too_large_is_not_read(gateway: int) -> None:
    whole = await sent(gateway, HEAD + b"X-A: " + b"b" * 5000 + b"\r\nConnection: close\r\n\r\n")
    assert whole.split(b" ", 2)[1] in {b"400", b"431"}
    endless = await sent(gateway, HEAD + b"X-A: " + b"b" * 50_000)
    assert endless.split(b" ", 2)[1] == b"400"


@pytest.mark.parametrize("path", [b"/mcp", b"/v1/memories", b"/v1/backup", b"/v1/tokens"])
async def test_a_body_that_is_too_large_is_refused_though_it_does_not_say_so(gateway: int, path: bytes) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunk = b"%x\r\n%s\r\n" % (60_000, b" " * 60_000)
    refused = await sent(gateway, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + b"0\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 413")
    assert b"LIMIT_EXCEEDED" in refused
    said = await sent(gateway, head + b"Content-Length: 120000\r\n\r\n" + b" " * 120_000)
    assert said.startswith(b"HTTP/1.1 413")


async def test_a_body_in_chunks_is_read_as_any_other(gateway: int) -> None:
    head = b"POST /v1/memories HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answered = await sent(gateway, head + b"3\r\n{}\n\r\n3\r\n[]\n\r\n0\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.count(b"INVALID_INPUT") == 2


async def test_a_connection_too_many_is_told_so_and_room_is_made_again(gateway: int) -> None:
    waiting = [await connect(gateway) for _ in range(5)]
    for _, writer in waiting:
        writer.write(HEAD)
    assert (await sent(gateway, HEAD + b"\r\n")).startswith(b"HTTP/1.1 503")
    for reader, writer in waiting:
        await answer(reader)  # 408
        writer.close()
    assert b"200 OK" in await sent(gateway, HEAD + b"Connection: close\r\n\r\n")


async def test_a_client_that_reads_nothing_is_let_go(gateway: int) -> None:
    """It asks for metrics over and over, and never takes an answer."""
    reader, writer = await connect(gateway)
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"

    async def ask_for_ever() -> None:
        while True:
            writer.write(request)
            await writer.drain()

    reader._transport.pause_reading()  # type: ignore[attr-defined]
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(ask_for_ever(), PATIENCE_S)
    writer.close()
