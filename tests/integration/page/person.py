"""Somebody whose agent works with Segue: tools, imports and hooks over HTTP, so that the page has something to show."""

from __future__ import annotations

import json
from datetime import datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.integration.team import HANDSHAKE, Answer
from tests.patience import PATIENCE_S

MODERN = "2026-07-28"


class Person:
    """One user of a running Segue; without a token, the machine's own."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self._token = token

    def tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool answers."""
        own = {"protocolVersion": MODERN, "clientInfo": HANDSHAKE["clientInfo"], "clientCapabilities": {}}
        meta = {f"io.modelcontextprotocol/{each}": value for each, value in own.items()}
        params = {"name": name, "arguments": arguments, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": name}
        answer = self.ask("POST", "/mcp", message, headers)
        found: dict[str, Any] = answer.content["result"]["structuredContent"]
        return found

    def done(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The same where it succeeds."""
        found = self.tool(name, **arguments)
        assert found.get("success"), found
        return found

    def imports(self, lines: list[dict[str, Any]]) -> list[str]:
        """Stores these as `segue import` does; their ids."""
        body = "\n".join(json.dumps(each) for each in lines).encode()
        answer = self.ask("POST", "/v1/memories", body).content
        assert not answer["rejected"], answer
        ids: list[str] = answer["ids"]
        return ids

    def hook(self, event: str, conversation: str, directory: str, **envelope: Any) -> Answer:
        """What a hook is answered."""
        told: dict[str, Any] = {name: envelope.pop(name) for name in ("prompt", "source") if name in envelope}
        given: dict[str, Any] = {"session_id": conversation, "cwd": directory, **told}
        body: dict[str, Any] = {"directory": directory, "input": given, **envelope}
        return self.ask("POST", f"/v1/hooks/{event}", body)

    def link(self) -> str:
        """A link that works once, as `segue dashboard` gets it."""
        path: str = self.ask("POST", "/v1/page/links", {}).content["path"]
        return path

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One HTTP request."""
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | (headers or {})
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE_S)
        connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body).encode(), sent)
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        connection.close()
        return answer


def line(content: str, at: datetime, **more: Any) -> dict[str, Any]:
    """A memory, as an import sends it."""
    return {"content": content, "timestamp": at.isoformat(), **more}
