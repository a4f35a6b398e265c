"""Segue for a team: one process that asks for tokens, and what its users send."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from fastmcp import Client

from services.session.domain.tokens import Tokens
from services.session.store.sqlite import open_sqlite
from tests.integration.stack import ProcessStack

HANDSHAKE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "team", "version": "1"}}


class Answer(NamedTuple):
    """What HTTP brought back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The JSON of the body, or of its last event."""
        text = self.body.decode()
        if text.startswith(("event:", "data:", ":", "id:")):
            text = [line[6:] for line in text.splitlines() if line.startswith("data: {")][-1]
        return json.loads(text)


class TeamStack(ProcessStack):
    """`segue serve` that asks for tokens; what it logs is in `log`."""

    def __init__(self, data_dir: Path, model_directory: Path, **settings: str) -> None:
        settings |= {"SEGUE_GATEWAY_AUTH": "tokens", "SEGUE_MEMORY_MODEL_DIRECTORY": str(model_directory)}
        super().__init__(data_dir, **settings)
        self.log = data_dir.with_suffix(".log")
        self.tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        with self.log.open("a") as log:
            self.stderr = log
            super().__enter__()
        return self

    def token(self, user: str, scope: str = "write") -> str:
        """One of the user's, made in the store as `segue token` makes it, once for the whole stack."""
        key = f"{user} {scope}"
        if key not in self.tokens:
            with ThreadPoolExecutor(1) as thread:  # the caller may have a loop of its own
                self.tokens[key] = thread.submit(asyncio.run, self._create(user, scope)).result()
        return self.tokens[key]

    async def _create(self, user: str, scope: str) -> str:
        async with open_sqlite(self.data_dir / "session" / "session.sqlite", queue_max=10) as store:
            _, shown = await Tokens(store.tokens).create(user, scope, 0)
        return shown

    def client(self, user: str, scope: str = "write", mode: str = "auto") -> Client:  # type: ignore[type-arg]
        """An MCP client of the user's."""
        return Client(self.url, auth=self.token(user, scope), mode=mode)

    def ask(
        self, method: str, path: str, token: str | None = None, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One HTTP request."""
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | (headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return self.raw(method, path, list(sent.items()), data)

    def raw(self, method: str, path: str, headers: list[tuple[str, str | bytes]], body: bytes | None = None) -> Answer:
        """One HTTP request with just these headers, each sent."""
        return request(self.url, method, path, headers, body)

    def mcp(self, token: str | None, method: str, params: dict[str, Any], session: str = "") -> Answer:
        """One request of the protocol with a handshake."""
        headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-06-18"} if session else {}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.ask("POST", "/mcp", token, message, headers)


def request(
    url: str, method: str, path: str, headers: list[tuple[str, str | bytes]], body: bytes | None = None
) -> Answer:
    """One HTTP request to the gateway whose endpoint is `url`."""
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    connection.close()
    return answer
