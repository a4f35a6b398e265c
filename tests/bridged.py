"""A `segue connect` process as its client sees it: spoken to in raw lines, or by a FastMCP client on stdio."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from services.cli.local_server import ServerInfo, ensure_server, read_server
from tests.patience import PATIENCE_S, until
from tests.stand_in_server import STAND_IN

CONNECT = (sys.executable, "-m", "services.cli", "connect")
ERAS = ["legacy", "2026-07-28"]

Message = dict[str, Any]
Connect = Callable[..., "Connection"]


class StandInGateway(NamedTuple):
    """A stand-in that serves many tests, and the directory in which it leaves its marks."""

    url: str
    directory: Path


def connect_locally(serve: tuple[str, ...] = STAND_IN, **timeouts: float) -> tuple[str, ...]:
    """`segue connect` without a URL, except that what it starts when no server runs is another command."""
    return scripted(f"Bridge(None, {serve!r}, Timeouts(**{timeouts!r}))")


def connect_with_timeouts(url: str, **timeouts: float) -> tuple[str, ...]:
    """`segue connect URL` with other timeouts."""
    return scripted(f"Bridge({url!r}, timeouts=Timeouts(**{timeouts!r}))")


def scripted(bridge: str) -> tuple[str, ...]:
    lines = (
        "import sys",
        "from services.cli.bridge.client import while_client_lives",
        "from services.cli.bridge.forwarding import Bridge, Timeouts",
        f"bridge = {bridge}",
        "while_client_lives(lambda: bridge.forward(sys.stdin.buffer))",
    )
    return (sys.executable, "-c", "\n".join(lines))


class Connection:
    """A process between two pipes."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.lines: queue.Queue[Message] = queue.Queue()
        self._seen: list[Message] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.output:
            self.lines.put(json.loads(line))

    def send(self, *messages: Message | str) -> None:
        for message in messages:
            line = message if isinstance(message, str) else json.dumps({"jsonrpc": "2.0", **message})
            self.input.write(line.encode("utf-8", "surrogateescape") + b"\n")
        self.input.flush()

    def message(self, wanted: Callable[[Message], bool]) -> Message:
        while not (found := next(filter(wanted, self._seen), None)):
            self._seen.append(self.lines.get(timeout=PATIENCE_S))
        self._seen.remove(found)
        return found

    def answer(self, request_id: object) -> Message:
        return self.message(lambda message: message.get("id") == request_id and "method" not in message)

    def request(self, request_id: object, method: str, **params: Any) -> Message:
        self.send({"id": request_id, "method": method, "params": params})
        return self.answer(request_id)

    def call(self, request_id: object, tool: str, /, **arguments: Any) -> Message:
        return self.request(request_id, "tools/call", name=tool, arguments=arguments)

    def handshake(self) -> Message:
        self.send(*HANDSHAKE)
        return self.answer(0)

    def opened(self) -> Connection:
        assert "result" in self.handshake()
        return self

    def end(self) -> int:
        with self.process:
            self.input.close()
            self.process.wait(PATIENCE_S)
            self._reader.join()
            self.diagnostics = self.process.stderr.read().decode() if self.process.stderr else ""
        return self.process.returncode


HANDSHAKE: tuple[Message, Message] = (
    {
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        },
    },
    {"method": "notifications/initialized"},
)


def lines(*messages: Message) -> bytes:
    return b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages)


def tool_call(tool: str, /, **arguments: Any) -> Message:
    return {"method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def text(answer: Message) -> str:
    return str(answer["result"]["content"][0]["text"])


def client_of(url: str, era: str, **settings: Any) -> Client[StdioTransport]:
    transport = StdioTransport(CONNECT[0], [*CONNECT[1:], url], env=dict(os.environ), keep_alive=False)
    return Client(transport, mode=era, **settings)


def kill(data_dir: Path, server: ServerInfo) -> None:
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: read_server(data_dir) != server)


def started_again(data_dir: Path, server: ServerInfo) -> ServerInfo:
    """Another stand-in on the address of one that ended."""
    port = server.url.split(":")[2].removesuffix("/mcp")
    return ensure_server(data_dir, PATIENCE_S, ("/usr/bin/env", f"STAND_IN_PORT={port}", *STAND_IN))
