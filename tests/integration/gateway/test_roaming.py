"""A client that shook hands with one gateway may go on at another, or at the same one after a restart."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from services.embedded import open_embedded
from services.gateway.app import GatewayApp
from services.gateway.config import GatewaySettings
from tests.integration.stack import ProcessStack

VERSION = "2025-06-18"
HANDSHAKE = {
    "protocolVersion": VERSION,
    "capabilities": {},
    "clientInfo": {"name": "roaming", "version": "1"},
}


def ask(url: str, session: str, method: str, params: dict[str, Any], http_method: str = "POST") -> tuple[str, Any]:
    """One request of the protocol with a handshake: the session's id that came back, and the answer."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if session:
        headers |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": VERSION}
    body = json.dumps(message).encode() if http_method == "POST" else None
    request = urllib.request.Request(url, body, headers, method=http_method)
    with urllib.request.urlopen(request, timeout=30) as response:
        data = next(line for line in response if line.startswith(b"data: {"))
        return response.headers.get("Mcp-Session-Id", ""), json.loads(data[6:])


def store(url: str, session: str, content: str) -> Any:
    arguments = {"name": "store_reflection", "arguments": {"content": content}}
    return ask(url, session, "tools/call", arguments)[1]["result"]["structuredContent"]


@pytest.mark.slow
def test_a_session_goes_on_at_a_gateway_that_never_saw_its_handshake(tmp_path: Path) -> None:
    with ProcessStack(tmp_path / "one") as one, ProcessStack(tmp_path / "other") as other:
        session, _ = ask(one.url, "", "initialize", HANDSHAKE)
        assert session
        assert store(one.url, session, "At the one.")["success"]
        assert store(other.url, session, "At the other. " + "word " * 20_000)["success"]  # a body in many pieces
        assert store(other.url, session, "At the other again.")["success"]
        assert store(one.url, session, "Back at the one.")["success"]
        tools = ask(other.url, session, "tools/list", {})[1]["result"]["tools"]
        assert {"init", "store_reflection"} <= {tool["name"] for tool in tools}


@pytest.mark.slow
def test_a_stream_of_a_session_from_elsewhere_is_not_offered(tmp_path: Path) -> None:
    with ProcessStack(tmp_path / "one") as one:
        with pytest.raises(HTTPError) as refused:
            ask(one.url, "0123456789abcdef0123456789abcdef", "", {}, "GET")
        assert refused.value.code == 405
        refused.value.close()


@pytest.mark.slow
async def test_a_gateway_that_is_leaving_says_so_and_serves_what_still_comes(tmp_path: Path) -> None:
    async with open_embedded(tmp_path, GatewaySettings(port=0)) as app:
        assert await status(app, "/accepting") == 200
        await app.stop_accepting()
        assert await status(app, "/accepting") == 404
        assert await status(app, "/health") == 200
        assert (await asyncio.to_thread(shaken, app.url, "Stored while it leaves."))["success"]


def shaken(url: str, content: str) -> Any:
    """Stores in a session of its own."""
    session, _ = ask(url, "", "initialize", HANDSHAKE)
    return store(url, session, content)


async def status(app: GatewayApp, path: str) -> int:
    def get() -> int:
        try:
            with urllib.request.urlopen(app.url.removesuffix("/mcp") + path, timeout=30) as response:
                return int(response.status)
        except HTTPError as refused:
            refused.close()
            return refused.code

    return await asyncio.to_thread(get)
