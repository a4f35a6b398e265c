"""A server that was started in passing leaves when it has nothing to do, and not before."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastmcp import Client

from services.cli import local_server
from tests.patience import PATIENCE_S, until

IDLE_EXIT_S = 2.0


@pytest.fixture
def server(tmp_path: Path, model_directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "SEGUE_DATA_DIR": str(tmp_path),
        "SEGUE_IDLE_EXIT_S": str(IDLE_EXIT_S),
        "SEGUE_MEMORY_MODEL_DIRECTORY": str(model_directory),
    }
    command = [sys.executable, "-m", "services.cli", "serve", "--background"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield process
    process.terminate()
    process.wait(PATIENCE_S)


def address(data_dir: Path) -> tuple[str, int]:
    """Where the server listens, as soon as it does."""
    until(lambda: local_server.read_server(data_dir))
    info = local_server.read_server(data_dir)
    assert info
    found = urlsplit(info.url)
    return str(found.hostname), int(found.port or 0)


BODY = b"".join(json.dumps({"content": f"memory {number}"}).encode() + b"\n" for number in range(20))


def begin_import(at: tuple[str, int]) -> socket.socket:
    """A connection on which an import has begun, and lacks its last ten bytes."""
    connection = socket.create_connection(at, 60)
    head = f"POST /v1/memories HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n\r\n"
    connection.sendall(head.encode() + BODY[:-10])
    return connection


@pytest.mark.slow
def test_an_import_that_takes_longer_than_the_idle_time_is_finished(
    server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with begin_import(address(tmp_path)) as connection:
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(3 * IDLE_EXIT_S)
        connection.sendall(BODY[-10:])
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert server.wait(60) == 0  # now it has nothing to do


@pytest.mark.slow
async def test_a_client_that_only_listens_does_not_keep_the_server(
    server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    host, port = await asyncio.to_thread(address, tmp_path)
    async with AsyncExitStack() as stack:
        with begin_import((host, port)):  # so that the server is there until the client listens
            client = await stack.enter_async_context(Client(f"http://{host}:{port}/mcp"))
            await client.list_tools()
        assert await asyncio.to_thread(server.wait, 60) == 0
