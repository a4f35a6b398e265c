"""`segue connect` as a client sees it: the real process on pipes, a real FastMCP server behind it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from mcp.shared.inbound import decode_header_value

from services.cli.bridge.forwarding import IN_FLIGHT_MAX
from services.cli.bridge.messages import header_value
from tests.bridged import CONNECT, ERAS, Connect, StandInGateway, client_of, connect_locally, text, tool_call
from tests.patience import PATIENCE_S, until
from tests.stand_in_server import STAND_IN


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_lists_and_calls_tools_in_either_era(gateway: StandInGateway, era: str) -> None:
    async with client_of(gateway.url, era) as client:
        assert {"echo", "count"} <= {tool.name for tool in await client.list_tools()}
        assert (await client.call_tool("echo", {"text": "grüße 日本\n"})).data == "grüße 日本\n"
        headers = (await client.call_tool("caller")).data
        assert headers["mcp-protocol-version"] == client.session.protocol_version


@pytest.mark.parametrize(
    ("line", "code"),
    [("{no json", -32700), ("\udc80", -32700), ("[" * 100_000, -32700), ("[1]", -32600), ('{"method": 1}', -32600)],
    ids=["not json", "not utf-8", "too deep", "not an object", "not a method"],
)
def test_a_line_that_is_no_message_is_refused(gateway: StandInGateway, connect: Connect, line: str, code: int) -> None:
    connection = connect(gateway.url)
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
    connection = connect(command=connect_locally(broken)).opened()  # answered by what is stored
    error = connection.call(1, "init")["error"]
    assert error["code"] == -32000
    assert "no disk left" in error["message"]


@pytest.mark.slow
def test_lists_are_there_before_the_server_and_a_call_waits_for_it(connect: Connect, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    lines = (
        "import os, time",
        f"while not os.path.exists({str(gate)!r}):",
        "    time.sleep(0.02)",
        f"os.execv({STAND_IN[0]!r}, {list(STAND_IN)!r})",
    )
    waits = "\n".join(lines)
    connection = connect(command=connect_locally((sys.executable, "-c", waits), start_s=PATIENCE_S))
    assert connection.handshake()["result"]["serverInfo"]["name"] == "segue"
    listed = connection.request(1, "tools/list")["result"]["tools"]
    assert {"init", "reflect_on_past"} <= {tool["name"] for tool in listed}
    assert connection.request(2, "prompts/list")["result"]["prompts"]
    assert connection.request(3, "resources/templates/list")["result"]["resourceTemplates"]
    assert connection.request(4, "ping")["result"] == {}
    connection.send({"id": 5, **tool_call("echo", text="at last")})
    connection.send({"id": 6, **tool_call("echo", text="never mind")})
    connection.send({"method": "notifications/cancelled", "params": {"requestId": 6}})
    assert connection.request(7, "ping")["result"] == {}  # stdin is read on
    gate.touch()
    assert text(connection.answer(5)) == "at last"
    connection.message(lambda message: message.get("method") == "notifications/tools/list_changed")
    assert "echo" in {tool["name"] for tool in connection.request(8, "tools/list")["result"]["tools"]}


def test_a_client_without_a_handshake_gets_its_lists_before_the_server(connect: Connect) -> None:
    connection = connect(command=connect_locally((sys.executable, "-c", "import time; time.sleep(600)"), start_s=1))
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    assert connection.request(1, "server/discover", _meta=meta)["result"]["supportedVersions"] == ["2026-07-28"]
    listed = connection.request(2, "tools/list", _meta=meta)["result"]
    assert listed["resultType"] == "complete"
    assert len(listed["tools"]) > 25


def test_what_the_gateway_refuses_is_answered_with_its_words_or_its_status(
    gateway: StandInGateway, connect: Connect
) -> None:
    connection = connect(gateway.url.removesuffix("/mcp") + "/other")
    assert "404 Not Found; the address of a gateway ends in /mcp" in connection.handshake()["error"]["message"]
    error = connect(gateway.url).request("without a handshake", "tools/list")["error"]
    assert "session" in error["message"].lower()


def test_more_requests_than_the_limit_are_refused(gateway: StandInGateway, connect: Connect) -> None:
    connection = connect(gateway.url).opened()
    connection.send(*({"id": f"w{n}", **tool_call("wait", name=f"w{n}")} for n in range(IN_FLIGHT_MAX)))
    until(lambda: len(list(gateway.directory.glob("w*.started"))) == IN_FLIGHT_MAX)
    assert "in flight" in connection.call("one more", "echo", text="")["error"]["message"]
    connection.send({"method": "notifications/cancelled", "params": {"requestId": "w0"}})
    until((gateway.directory / "w0.cancelled").exists)
    until(lambda: "result" in connection.call("one more", "echo", text=""))


def test_a_token_file_may_be_replaced_meanwhile(gateway: StandInGateway, connect: Connect, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    connection = connect(gateway.url, SEGUE_TOKEN_FILE=str(token)).opened()
    token.write_text("two\n")
    assert json.loads(text(connection.call(1, "caller")))["authorization"] == "Bearer two"
    token.unlink()
    assert "SEGUE_TOKEN_FILE" in connection.call(2, "caller")["error"]["message"]
    other = connect(gateway.url, SEGUE_TOKEN="three").opened()
    assert json.loads(text(other.call(1, "caller")))["authorization"] == "Bearer three"


@pytest.mark.parametrize("value", ["plain", "segue://memory/1", " edge", "日本", "=?base64?aGk=?=", "new\nline", ""])
def test_a_name_survives_being_a_header(value: str) -> None:
    assert decode_header_value(header_value(value)) == value
    assert header_value(value).isprintable()


def test_it_imports_nothing_heavy_and_asks_no_proxy(gateway: StandInGateway, connect: Connect) -> None:
    command, nowhere = (sys.executable, "-X", "importtime", *CONNECT[1:]), "http://127.0.0.1:1"
    connection = connect(gateway.url, command=command, HTTP_PROXY=nowhere, http_proxy=nowhere, ALL_PROXY=nowhere)
    assert connection.opened().end() == 0
    imported = {line.split("|")[2].strip().split(".")[0] for line in connection.diagnostics.splitlines()}
    assert "http" in imported
    assert not imported & {"fastmcp", "mcp", "pydantic", "grpc", "httpx2", "anyio", "asyncio", "subprocess"}
