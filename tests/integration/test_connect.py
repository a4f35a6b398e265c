"""`segue connect` as a client sees it: the real process on pipes, a real FastMCP server behind it.

Run as a script, this file is that server: a stand-in for `segue serve`, with tools that show what passes through.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastmcp import Client, Context, FastMCP
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from fastmcp.server.dependencies import get_http_request
from mcp.shared.inbound import decode_header_value
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

from services.cli.bridge.forwarding import IN_FLIGHT_MAX
from services.cli.bridge.messages import header_value
from services.cli.local_server import ServerInfo, ensure_server, hold, publish, read_server

PATIENCE_S = 30.0
STAND_IN = (sys.executable, __file__)
CONNECT = (sys.executable, "-m", "services.cli", "connect")
# The same as `segue connect`, but what it starts when no server runs is another command.
LOCALLY = "import sys; from services.cli.bridge.forwarding import Bridge; Bridge(None, {!r}).forward(sys.stdin.buffer)"
CONNECT_LOCALLY = (sys.executable, "-c", LOCALLY.format(STAND_IN))
ERAS = ["legacy", "2026-07-28"]

Message = dict[str, Any]


def stand_in() -> FastMCP:
    server = FastMCP("stand-in")

    @server.tool
    def echo(text: str) -> str:
        return text

    @server.tool
    def caller() -> dict[str, str]:
        return dict(get_http_request().headers)

    @server.tool
    async def count(steps: int, ctx: Context) -> int:
        for step in range(steps):
            await ctx.report_progress(step + 1, steps)
        return steps

    @server.tool
    async def ask(question: str, ctx: Context) -> str:
        answer = await ctx.elicit(question, str)
        return str(getattr(answer, "data", answer.action))

    @server.tool
    async def announce(ctx: Context) -> None:
        await ctx.session.send_tool_list_changed()

    server.tool(ask_standing_alone)
    server.tool(wait)
    return server


async def ask_standing_alone(question: str, ctx: Context) -> str | InputRequiredResult:
    if answered := getattr((ctx.input_responses or {}).get("answer"), "content", None):
        return str(answered["value"])
    schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
    form = ElicitRequestFormParams(message=question, requested_schema=schema)
    return InputRequiredResult(input_requests={"answer": ElicitRequest(params=form)})


async def wait(name: str) -> None:
    directory = Path(os.environ["SEGUE_DATA_DIR"])
    (directory / f"{name}.started").touch()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        (directory / f"{name}.cancelled").touch()
        raise


def serve_stand_in() -> None:
    data_dir = Path(os.environ["SEGUE_DATA_DIR"])
    listener = socket.create_server(("127.0.0.1", int(os.environ.get("STAND_IN_PORT", "0"))))
    with hold(data_dir):
        publish(data_dir, ServerInfo(os.getpid(), f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", "0", ""))
        uvicorn.Server(uvicorn.Config(stand_in().http_app())).run(sockets=[listener])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Connection:
    """A `segue connect` process, spoken to in raw lines."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        assert self.process.stdin
        assert self.process.stdout
        self._input, self._output = self.process.stdin, self.process.stdout
        self.lines: queue.Queue[Message] = queue.Queue()
        self._seen: list[Message] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._output:
            self.lines.put(json.loads(line))

    def send(self, *messages: Message | str) -> None:
        for message in messages:
            line = message if isinstance(message, str) else json.dumps({"jsonrpc": "2.0", **message})
            self._input.write(line.encode("utf-8", "surrogateescape") + b"\n")
        self._input.flush()

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
        client = {"name": "test", "version": "0"}
        answer = self.request(0, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self.send({"method": "notifications/initialized"})
        return answer

    def opened(self) -> Connection:
        assert "result" in self.handshake()
        return self

    def end(self) -> int:
        with self.process:
            self._input.close()
            self.process.wait(PATIENCE_S)
            self._reader.join()
            self.diagnostics = self.process.stderr.read().decode() if self.process.stderr else ""
        return self.process.returncode


Connect = Callable[..., Connection]


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    if server := read_server(tmp_path / "data"):
        kill(tmp_path / "data", server)


@pytest.fixture
def server(data_dir: Path) -> ServerInfo:
    return ensure_server(data_dir, PATIENCE_S, STAND_IN)


@pytest.fixture
def connect(data_dir: Path) -> Iterator[Connect]:
    connections = []

    def start(*arguments: str, command: tuple[str, ...] = CONNECT, **environment: str) -> Connection:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
        settings = {**inherited, "SEGUE_DATA_DIR": str(data_dir), **environment}
        connections.append(Connection((*command, *arguments), settings))
        return connections[-1]

    yield start
    for connection in connections:
        if connection.process.poll() is None:
            connection.end()


def kill(data_dir: Path, server: ServerInfo) -> None:
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: read_server(data_dir) is None)


def text(answer: Message) -> str:
    return str(answer["result"]["content"][0]["text"])


def client_of(url: str, era: str, **settings: Any) -> Client[StdioTransport]:
    transport = StdioTransport(CONNECT[0], [*CONNECT[1:], url], env=dict(os.environ), keep_alive=False)
    return Client(transport, mode=era, **settings)


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_lists_and_calls_tools_in_either_era(server: ServerInfo, era: str) -> None:
    async with client_of(server.url, era) as client:
        assert {"echo", "count"} <= {tool.name for tool in await client.list_tools()}
        assert (await client.call_tool("echo", {"text": "grüße 日本\n"})).data == "grüße 日本\n"
        headers = (await client.call_tool("caller")).data
        assert headers["mcp-protocol-version"] == client.session.protocol_version


@pytest.mark.parametrize("era", ERAS)
async def test_progress_arrives_before_the_result(server: ServerInfo, era: str) -> None:
    seen: list[float] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with client_of(server.url, era) as client:
        await client.call_tool("count", {"steps": 3}, progress_handler=progressed)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(("era", "tool"), zip(ERAS, ["ask", "ask_standing_alone"], strict=True))
async def test_a_tool_can_ask_the_user_in_the_middle_of_a_call(server: ServerInfo, era: str, tool: str) -> None:
    async def answered(message: str, response_type: Any, params: Any, context: Any) -> ElicitResult[Any]:
        return ElicitResult(action="accept", content=response_type(value=f"to {message}: yes"))

    async with client_of(server.url, era, elicitation_handler=answered) as client:
        assert (await client.call_tool(tool, {"question": "sure?"})).data == "to sure?: yes"


@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_is_cancelled_at_the_server(server: ServerInfo, data_dir: Path, era: str) -> None:
    async with client_of(server.url, era) as client:
        call = asyncio.create_task(client.call_tool("wait", {"name": era}))
        await asyncio.to_thread(until, (data_dir / f"{era}.started").exists)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(until, (data_dir / f"{era}.cancelled").exists)
        assert (await client.call_tool("echo", {"text": "still here"})).data == "still here"


def test_what_the_server_sends_of_its_own_accord_arrives(server: ServerInfo, data_dir: Path, connect: Connect) -> None:
    connection = connect(server.url).opened()
    until(lambda: "GET /mcp" in (data_dir / "server.log").read_text())
    connection.call(1, "announce")
    connection.message(lambda message: message.get("method") == "notifications/tools/list_changed")


def test_the_local_server_is_started_by_the_handshake_and_when_it_left_by_the_next_call(
    data_dir: Path, connect: Connect
) -> None:
    connection = connect(command=CONNECT_LOCALLY).opened()
    first = read_server(data_dir)
    assert first
    kill(data_dir, first)
    connection.send(*({"id": n, **tool_call("echo", text=str(n))} for n in range(1, 9)))
    assert [text(connection.answer(n)) for n in range(1, 9)] == [str(n) for n in range(1, 9)]
    assert read_server(data_dir) not in {None, first}


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


@pytest.mark.parametrize("local", [True, False])
def test_a_call_that_may_have_been_carried_out_is_not_repeated(
    server: ServerInfo, data_dir: Path, connect: Connect, local: bool
) -> None:
    connection = (connect(command=CONNECT_LOCALLY) if local else connect(server.url)).opened()
    connection.send({"id": "w", **tool_call("wait", name="w")})
    until((data_dir / "w.started").exists)
    kill(data_dir, server)
    error = connection.answer("w")["error"]
    assert error["code"] == -32000
    assert "check before repeating" in error["message"]


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
        connection = connect(command=CONNECT_LOCALLY)
        connection.send({"id": 0, "method": "initialize", "params": {}})
        assert connection.end() == 0
    assert connection.lines.empty()


@pytest.mark.parametrize(
    ("line", "code"),
    [("{no json", -32700), ("\udc80", -32700), ("[" * 100_000, -32700), ("[1]", -32600), ('{"method": 1}', -32600)],
    ids=["not json", "not utf-8", "too deep", "not an object", "not a method"],
)
def test_a_line_that_is_no_message_is_refused(server: ServerInfo, connect: Connect, line: str, code: int) -> None:
    connection = connect(server.url)
    connection.send("", line)
    assert connection.answer(None)["error"]["code"] == code
    assert "result" in connection.handshake()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/mcp", "https://127.0.0.1:1/mcp", "ftp://host/", "http://[", "x"])
def test_a_gateway_out_of_reach_is_named_in_every_answer(connect: Connect, url: str) -> None:
    connection = connect(SEGUE_URL=url)
    for answer in (connection.handshake(), connection.request("a", "tools/list")):
        assert answer["error"]["code"] == -32000
        assert f"cannot reach {url} (" in answer["error"]["message"]
    assert connection.end() == 0


def test_a_local_server_that_cannot_start_is_answered_with_its_last_words(connect: Connect) -> None:
    broken = (sys.executable, "-c", "raise SystemExit('no disk left')")
    error = connect(command=(sys.executable, "-c", LOCALLY.format(broken))).handshake()["error"]
    assert error["code"] == -32000
    assert "no disk left" in error["message"]


def test_what_the_gateway_refuses_is_answered_with_its_words_or_its_status(
    server: ServerInfo, connect: Connect
) -> None:
    connection = connect(server.url.removesuffix("/mcp") + "/other")
    assert "404 Not Found; the address of a gateway ends in /mcp" in connection.handshake()["error"]["message"]
    error = connect(server.url).request("without a handshake", "tools/list")["error"]
    assert "session" in error["message"].lower()


def test_more_requests_than_the_limit_are_refused(server: ServerInfo, data_dir: Path, connect: Connect) -> None:
    connection = connect(server.url).opened()
    connection.send(*({"id": f"w{n}", **tool_call("wait", name=f"w{n}")} for n in range(IN_FLIGHT_MAX)))
    until(lambda: len(list(data_dir.glob("w*.started"))) == IN_FLIGHT_MAX)
    assert "in flight" in connection.call("one more", "echo", text="")["error"]["message"]
    connection.send({"method": "notifications/cancelled", "params": {"requestId": "w0"}})
    until((data_dir / "w0.cancelled").exists)
    until(lambda: "result" in connection.call("one more", "echo", text=""))


def test_a_token_file_may_be_replaced_meanwhile(server: ServerInfo, connect: Connect, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    connection = connect(server.url, SEGUE_TOKEN_FILE=str(token)).opened()
    token.write_text("two\n")
    assert json.loads(text(connection.call(1, "caller")))["authorization"] == "Bearer two"
    token.unlink()
    assert "SEGUE_TOKEN_FILE" in connection.call(2, "caller")["error"]["message"]
    other = connect(server.url, SEGUE_TOKEN="three").opened()
    assert json.loads(text(other.call(1, "caller")))["authorization"] == "Bearer three"


@pytest.mark.parametrize("value", ["plain", "segue://memory/1", " edge", "日本", "=?base64?aGk=?=", "new\nline", ""])
def test_a_name_survives_being_a_header(value: str) -> None:
    assert decode_header_value(header_value(value)) == value
    assert header_value(value).isprintable()


def test_it_imports_nothing_heavy_and_asks_no_proxy(server: ServerInfo, connect: Connect) -> None:
    command, nowhere = (sys.executable, "-X", "importtime", *CONNECT[1:]), "http://127.0.0.1:1"
    connection = connect(server.url, command=command, HTTP_PROXY=nowhere, http_proxy=nowhere, ALL_PROXY=nowhere)
    assert connection.opened().end() == 0
    imported = {line.split("|")[2].strip().split(".")[0] for line in connection.diagnostics.splitlines()}
    assert "http" in imported
    assert not imported & {"fastmcp", "mcp", "pydantic", "grpc", "httpx2", "anyio", "asyncio", "subprocess"}


def tool_call(tool: str, /, **arguments: Any) -> Message:
    return {"method": "tools/call", "params": {"name": tool, "arguments": arguments}}


if __name__ == "__main__":
    serve_stand_in()
