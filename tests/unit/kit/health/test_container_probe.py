"""The check that Docker makes, against real servers."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.kit.health import container_probe
from services.kit.health.grpc_health import Health
from services.kit.transport import rpc

FILE = Path(container_probe.__file__)


async def check(port: int, form: str = "127.0.0.1:{}") -> int:
    command = [sys.executable, "-S", str(FILE), form.format(port)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    assert done.stderr == b""
    return done.returncode


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def test_a_service_is_healthy_as_long_as_it_says_so() -> None:
    health, port = Health("probed"), free_port()
    async with rpc.open_server(f"127.0.0.1:{port}", lambda _: None, health, drain_s=1):
        assert await check(port) == 1  # it has not said so yet
        await health.serving(True)
        assert await check(port) == 0
        await health.serving(False)
        assert await check(port) == 1
    assert await check(port) == 1


@pytest.mark.parametrize(("status", "code"), [("200 OK", 0), ("503 Service Unavailable", 1)])
async def test_a_gateway_is_healthy_when_it_answers_200(status: str, code: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readline()).startswith(b"GET /ready ")
        writer.write(f"HTTP/1.1 {status}\r\n\r\n{{}}".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        assert await check(server.sockets[0].getsockname()[1], "http://127.0.0.1:{}/ready") == code


async def test_something_else_on_the_port_is_not_healthy() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await check(port) == 1
        assert await check(port, "http://127.0.0.1:{}/ready") == 1
