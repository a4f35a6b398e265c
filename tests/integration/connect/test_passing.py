"""What passes through `segue connect`, in both directions and in both eras of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastmcp.client.elicitation import ElicitResult
from mcp.client.subscriptions import listen
from mcp.shared.subscriptions import ToolsListChanged
from mcp_types import LoggingMessageNotificationParams

from tests.bridged import ERAS, Connect, StandInGateway, client_of, tool_call
from tests.patience import until

STANDALONE = ["", "_standing_alone"]  # how a tool asks in each era


@pytest.mark.parametrize("era", ERAS)
async def test_progress_arrives_before_the_result(gateway: StandInGateway, era: str) -> None:
    seen: list[float] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with client_of(gateway.url, era) as client:
        await client.call_tool("count", {"steps": 3}, progress_handler=progressed)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(("era", "tool"), zip(ERAS, ["ask", "ask_standing_alone"], strict=True))
async def test_a_tool_can_ask_the_user_in_the_middle_of_a_call(gateway: StandInGateway, era: str, tool: str) -> None:
    async def answered(message: str, response_type: Any, params: Any, context: Any) -> ElicitResult[Any]:
        return ElicitResult(action="accept", content=response_type(value=f"to {message}: yes"))

    async with client_of(gateway.url, era, elicitation_handler=answered) as client:
        assert (await client.call_tool(tool, {"question": "sure?"})).data == "to sure?: yes"


@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_is_cancelled_at_the_server(gateway: StandInGateway, era: str) -> None:
    async with client_of(gateway.url, era) as client:
        call = asyncio.create_task(client.call_tool("wait", {"name": era}))
        await asyncio.to_thread(until, (gateway.directory / f"{era}.started").exists)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(until, (gateway.directory / f"{era}.cancelled").exists)
        assert (await client.call_tool("echo", {"text": "still here"})).data == "still here"


def listeners(gateway: StandInGateway) -> int:
    return (gateway.directory / "server.log").read_text().count("GET /mcp")


def test_what_the_server_sends_of_its_own_accord_arrives(gateway: StandInGateway, connect: Connect) -> None:
    before = listeners(gateway)
    connection = connect(gateway.url).opened()
    until(lambda: listeners(gateway) > before)
    connection.call(1, "announce")
    connection.message(lambda message: message.get("method") == "notifications/tools/list_changed")


@pytest.mark.parametrize(("era", "asking"), zip(ERAS, STANDALONE, strict=True))
async def test_a_tool_can_ask_the_clients_model(gateway: StandInGateway, era: str, asking: str) -> None:
    async def sampled(messages: Any, params: Any, context: Any) -> str:
        return f"the model says yes to {messages[0].content.text}"

    async with client_of(gateway.url, era, sampling_handler=sampled) as client:
        answer = await client.call_tool(f"ask_model{asking}", {"question": "sure?"})
    assert answer.data == "the model says yes to sure?"


@pytest.mark.parametrize(("era", "asking"), zip(ERAS, STANDALONE, strict=True))
async def test_a_tool_can_ask_for_the_roots(gateway: StandInGateway, era: str, asking: str) -> None:
    async with client_of(gateway.url, era, roots=["file:///home/ada/shop"]) as client:
        assert (await client.call_tool(f"ask_roots{asking}")).data == ["file:///home/ada/shop"]


@pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
async def test_what_the_server_logs_arrives(gateway: StandInGateway) -> None:
    """In the handshake era; in 2026-07-28 a request asks for it itself, as the next test does."""
    logged: asyncio.Queue[LoggingMessageNotificationParams] = asyncio.Queue()
    async with client_of(gateway.url, "legacy", log_handler=logged.put) as client:
        await client.set_logging_level("warning")
        await client.call_tool("say", {"text": "mind the gap"})
        assert "mind the gap" in str((await logged.get()).data)


def test_what_a_request_that_stands_alone_asks_to_be_logged_arrives(gateway: StandInGateway, connect: Connect) -> None:
    connection = connect(gateway.url)
    call = tool_call("say", text="mind the gap")
    call["params"]["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/logLevel": "warning",
    }
    connection.send({"id": 1, **call})
    logged = connection.message(lambda message: message.get("method") == "notifications/message")
    assert "mind the gap" in str(logged["params"]["data"])
    assert "result" in connection.answer(1)


async def test_a_subscription_of_a_client_without_a_session_hears_of_changes(gateway: StandInGateway) -> None:
    async with (
        client_of(gateway.url, "2026-07-28") as client,
        listen(client.session, tools_list_changed=True) as subscription,
    ):
        await client.call_tool("announce")
        assert await anext(subscription) == ToolsListChanged()
