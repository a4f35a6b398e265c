"""What `segue connect` does while a gateway dies, comes back, or is silent."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.cli.bridge.exchange import Exchange
from services.cli.local_server import ServerInfo, ensure_server, read_server
from tests.bridged import (
    Connect,
    Connection,
    connect_locally,
    connect_with_timeouts,
    kill,
    started_again,
    text,
    tool_call,
)
from tests.patience import PATIENCE_S, until
from tests.stand_in_server import STAND_IN


@pytest.mark.slow
def test_the_local_server_is_started_by_the_handshake_and_when_it_left_by_the_next_call(
    data_dir: Path, connect: Connect
) -> None:
    connection = connect(command=connect_locally()).opened()
    until(lambda: read_server(data_dir))
    first = read_server(data_dir)
    assert first
    kill(data_dir, first)
    connection.send(*({"id": n, **tool_call("echo", text=str(n))} for n in range(1, 9)))
    assert [text(connection.answer(n)) for n in range(1, 9)] == [str(n) for n in range(1, 9)]
    assert read_server(data_dir) not in {None, first}


@pytest.mark.slow
def test_a_session_lost_in_a_restart_of_the_gateway_is_renewed(
    server: ServerInfo, data_dir: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(server.url).opened()
    before = json.loads(text(connection.call(1, "caller")))["mcp-session-id"]
    kill(data_dir, server)
    monkeypatch.setenv("STAND_IN_PORT", server.url.split(":")[2].removesuffix("/mcp"))
    ensure_server(data_dir, PATIENCE_S, STAND_IN)
    after = json.loads(text(connection.call(2, "caller")))["mcp-session-id"]
    assert before != after
    assert json.loads(text(connection.call(3, "caller")))["mcp-session-id"] == after


@pytest.mark.parametrize("local", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_call_that_may_have_been_carried_out_is_not_repeated(
    server: ServerInfo, data_dir: Path, connect: Connect, local: bool
) -> None:
    connection = (connect(command=connect_locally()) if local else connect(server.url)).opened()
    connection.send({"id": "w", **tool_call("wait", name="w")})
    until((data_dir / "w.started").exists)
    kill(data_dir, server)
    error = connection.answer("w")["error"]
    assert error["code"] == -32000
    assert "check before repeating" in error["message"]


def listed(connection: Connection) -> Connection:
    """A client that asked this server for its tools, so that the bridge knows which of them may be called again."""
    assert text(connection.call("before", "echo", text="here")) == "here"  # until then others are listed
    assert "perish_storing" in {each["name"] for each in connection.request("list", "tools/list")["result"]["tools"]}
    return connection


@pytest.mark.parametrize("tool", ["perish_storing", pytest.param("perish_reading", marks=pytest.mark.slow)])
def test_a_call_that_reads_or_is_idempotent_is_repeated_when_the_server_dies_of_it(
    data_dir: Path, connect: Connect, tool: str
) -> None:
    connection = listed(connect(command=connect_locally()).opened())
    assert text(connection.call(1, tool, name="once", times=1)) == "2"


@pytest.mark.slow
def test_a_read_is_repeated_at_a_gateway_elsewhere_that_comes_back(
    server: ServerInfo, data_dir: Path, connect: Connect
) -> None:
    connection = listed(connect(server.url).opened())
    connection.send({"id": 1, **tool_call("perish_reading", name="once", times=1)})
    until(lambda: read_server(data_dir) is None)
    started_again(data_dir, server)
    assert text(connection.answer(1)) == "2"


@pytest.mark.slow
def test_a_call_that_the_server_always_dies_of_is_not_repeated_for_ever(data_dir: Path, connect: Connect) -> None:
    connection = listed(connect(command=connect_locally()).opened())
    assert "did not answer" in connection.call(1, "perish_reading", name="always", times=100)["error"]["message"]
    assert (data_dir / "always.calls").stat().st_size == 3


@pytest.mark.slow
@pytest.mark.parametrize(("tool", "say_first"), [("perish_writing", False), ("perish_reading", True)])
def test_a_call_that_writes_or_was_heard_of_is_made_once(
    data_dir: Path, connect: Connect, tool: str, say_first: bool
) -> None:
    connection = listed(connect(command=connect_locally()).opened())
    call = tool_call(tool, name="once", times=1, say_first=say_first)
    call["params"]["_meta"] = {"progressToken": "p"}
    connection.send({"id": 1, **call})
    assert "check before repeating" in connection.answer(1)["error"]["message"]
    assert (data_dir / "once.calls").stat().st_size == 1


@pytest.mark.slow
def test_a_gateway_that_left_is_waited_for_and_then_named(server: ServerInfo, data_dir: Path, connect: Connect) -> None:
    connection = connect(command=connect_with_timeouts(server.url, restart_s=0.5)).opened()
    kill(data_dir, server)
    assert f"cannot reach {server.url}" in connection.call(1, "echo", text="")["error"]["message"]
    started_again(data_dir, server)
    assert text(connection.call(2, "echo", text="back")) == "back"


@pytest.mark.slow
def test_what_the_server_sends_of_its_own_accord_arrives_after_it_came_back(
    server: ServerInfo, data_dir: Path, connect: Connect
) -> None:
    """Without a call of the client: the bridge listens again, and renews the session for it."""
    connection = connect(server.url).opened()
    until(lambda: "GET /mcp" in (data_dir / "server.log").read_text())
    kill(data_dir, server)
    (data_dir / "server.log").unlink()
    started_again(data_dir, server)
    until(lambda: '"GET /mcp HTTP/1.1" 200' in (data_dir / "server.log").read_text())
    connection.call(1, "announce")
    connection.message(lambda message: message.get("method") == "notifications/tools/list_changed")


class Road:
    """A way to a server, which can be closed so that nothing arrives any more, and nobody is told."""

    def __init__(self, url: str) -> None:
        self._server = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/mcp"
        self.open = threading.Event()
        self.open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._server.hostname, self._server.port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # an end that is closed
            while data := source.recv(1 << 16):
                if not self.open.is_set():  # lost, as in the sleep of a laptop: no end, no reset
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def road(server: ServerInfo) -> Iterator[Road]:
    made = Road(server.url)
    yield made
    made.close()


@pytest.mark.slow
def test_a_connection_that_died_in_silence_is_given_up_and_the_next_call_goes_through(
    road: Road, connect: Connect
) -> None:
    connection = connect(command=connect_with_timeouts(road.url, silence_s=4.0, restart_s=0.0)).opened()
    road.open.clear()
    error = connection.call(1, "echo", text="")["error"]
    assert "timed out" in error["message"]
    assert "check before repeating" in error["message"]
    road.open.set()
    assert text(connection.call(2, "echo", text="awake")) == "awake"


@pytest.mark.slow
def test_who_listens_notices_a_road_that_was_lost_in_silence(road: Road, data_dir: Path, connect: Connect) -> None:
    connection = connect(command=connect_with_timeouts(road.url, silence_s=4.0)).opened()
    log = data_dir / "server.log"
    until(lambda: "GET /mcp" in log.read_text())
    road.open.clear()
    connection.send({"id": 1, **tool_call("announce")})
    road.open.set()
    before = log.read_text().count("GET /mcp")
    until(lambda: log.read_text().count("GET /mcp") > before)
    connection.call(2, "announce")
    connection.message(lambda message: message.get("method") == "notifications/tools/list_changed")


def test_the_kernel_looks_whether_anybody_is_there(server: ServerInfo) -> None:
    exchange = Exchange(server.url, 5.0)
    assert exchange._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert exchange._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
    exchange.abort()
