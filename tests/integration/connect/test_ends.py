"""How `segue connect` ends, whatever its client does; and that nothing is left behind of many."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.local_server import ServerInfo, hold, read_server
from tests.bridged import (
    CONNECT,
    HANDSHAKE,
    Connect,
    StandInGateway,
    connect_locally,
    kill,
    lines,
    text,
    tool_call,
)
from tests.patience import PATIENCE_S, until

STARTS = (20, pytest.param(200, marks=pytest.mark.slow))


@pytest.mark.slow
def test_the_end_of_stdin_ends_session_and_process(server: ServerInfo, data_dir: Path, connect: Connect) -> None:
    connection = connect(server.url).opened()
    connection.send({"id": 1, **tool_call("wait", name="w")})
    until((data_dir / "w.started").exists)
    connection.send({"id": 2, **tool_call("echo", text="last words")})
    assert connection.end() == 0
    assert text(connection.answer(2)) == "last words"
    assert connection.diagnostics == ""
    until(lambda: "DELETE /mcp" in (data_dir / "server.log").read_text())


def test_the_end_of_stdin_ends_it_while_the_server_starts(data_dir: Path, connect: Connect) -> None:
    with hold(data_dir):
        connection = connect(command=connect_locally())
        connection.send({"id": 0, "method": "initialize", "params": {}})
        assert connection.end() == 0
    assert connection.answer(0)["result"]["serverInfo"]["name"] == "segue"  # by what is stored
    assert connection.lines.empty()


def ended_sessions(gateway: StandInGateway) -> int:
    return (gateway.directory / "server.log").read_text().count("DELETE /mcp")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_session_and_process(gateway: StandInGateway, connect: Connect, number: int) -> None:
    before = ended_sessions(gateway)
    connection = connect(gateway.url).opened()
    connection.process.send_signal(number)
    assert connection.process.wait(PATIENCE_S) == 0
    until(lambda: ended_sessions(gateway) > before)


def test_a_signal_ends_it_while_the_server_starts(data_dir: Path, connect: Connect) -> None:
    with hold(data_dir):
        connection = connect(command=connect_locally())
        connection.send(*HANDSHAKE)
        assert "result" in connection.answer(0)  # by what is stored
        connection.process.terminate()
        assert connection.process.wait(PATIENCE_S) == 0


def test_a_client_that_closes_stdout_ends_it(gateway: StandInGateway, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen([*CONNECT, gateway.url], stdin=subprocess.PIPE, stdout=writing) as process:
        os.close(writing)
        os.close(reading)
        assert process.stdin
        process.stdin.write(lines(*HANDSHAKE))
        process.stdin.flush()
        assert process.wait(PATIENCE_S) == 0


CLIENT = """
import os, subprocess, sys
# A client with a child of its own that has all its pipes, and outlives it. Each has one more as long as it runs.
of_bridge, of_bystander = map(int, sys.argv[2:4])
bridge = subprocess.Popen(sys.argv[4:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[of_bridge])
os.close(of_bridge)
os.set_inheritable(bridge.stdin.fileno(), True)
bystander = subprocess.Popen(["sleep", "600"], close_fds=False)
os.close(of_bystander)
bridge.stdin.write(sys.argv[1].encode())
bridge.stdin.flush()
print(bridge.stdout.readline().decode().strip())
print(bystander.pid, flush=True)
bridge.wait()
"""


def test_a_client_that_is_killed_leaves_no_orphan_even_where_its_pipes_stay_open(gateway: StandInGateway) -> None:
    (bridge, of_bridge), (bystander, of_bystander) = os.pipe(), os.pipe()
    ends = (of_bridge, of_bystander)
    command = [sys.executable, "-c", CLIENT, lines(*HANDSHAKE).decode(), *map(str, ends), *CONNECT, gateway.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=ends) as client:
        for end in ends:
            os.close(end)
        assert client.stdout
        assert "result" in json.loads(client.stdout.readline())
        bystander_pid = int(client.stdout.readline())
        before = ended_sessions(gateway)
        client.kill()
        assert has_ended(bridge, PATIENCE_S)
        assert not has_ended(bystander, 0)
        os.kill(bystander_pid, signal.SIGKILL)
    assert ended_sessions(gateway) > before
    for each in (bridge, bystander):
        os.close(each)


def has_ended(pipe: int, timeout_s: float) -> bool:
    """Whether nobody has the other end any more, or within this time."""
    return bool(select.select([pipe], [], [], timeout_s)[0])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A place in which everything lands that a process of ours may leave."""
    for name in ("data", "tmp"):
        (tmp_path / name).mkdir(mode=0o700)
    yield tmp_path
    if server := read_server(tmp_path / "data"):
        kill(tmp_path / "data", server)


def processes(mark: str) -> dict[int, str]:
    """All that carry the mark in their environment, whoever their parent is."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and mark.encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has just ended, or is another user's
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("starts", STARTS)
def test_many_starts_at_once_share_one_server_and_their_ends_leave_nothing(home: Path, starts: int) -> None:
    mark = f"SEGUE_DATA_DIR={home}/data"
    environment = {**os.environ, "SEGUE_DATA_DIR": f"{home}/data", "TMPDIR": f"{home}/tmp"}
    pipe = subprocess.PIPE
    clients = [
        subprocess.Popen(connect_locally(), stdin=pipe, stdout=pipe, env=environment, cwd=home) for _ in range(starts)
    ]
    for client in clients:
        assert client.stdin
        client.stdin.write(lines(HANDSHAKE[0]))
        client.stdin.flush()
    for client in clients:
        assert client.stdout
        assert "result" in json.loads(client.stdout.readline())
    until(lambda: read_server(home / "data"))
    server = read_server(home / "data")
    assert server
    assert {pid for pid, command in processes(mark).items() if "stand_in" in command.split()[1]} == {server.pid}
    until(lambda: "Started server process" in (home / "data" / "server.log").read_text())
    for number, client in enumerate(clients):  # each of them has come through
        assert client.stdin
        assert client.stdout
        client.stdin.write(lines({"id": number, **tool_call("echo", text="here")}))
        client.stdin.flush()
        while json.loads(client.stdout.readline()).get("id") != number:
            pass
    assert (home / "data" / "server.log").read_text().count("Started server process") == 1
    for client in random.Random(8).sample(clients, starts // 2):
        client.kill()
    for client in clients:
        client.communicate(timeout=PATIENCE_S)
    assert {client.returncode for client in clients} == {0, -signal.SIGKILL}
    assert set(processes(mark)) == {server.pid}
    os.kill(server.pid, signal.SIGTERM)
    until(lambda: not processes(mark))
    assert {path.name for path in (home / "data").iterdir()} == {
        "listed_tools.json",
        "server.lock",
        "server.log",
        "start.lock",
    }
    assert not list((home / "tmp").iterdir())
