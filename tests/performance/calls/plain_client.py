"""A client of a server's tools without a library for the protocol."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

_ERA = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": _ERA,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "Mcp-Protocol-Version": _ERA,
    "Mcp-Method": "tools/call",
}


class PlainClient:
    """Its connection stays for as long as it is used."""

    def __init__(self, url: str, token: str = "") -> None:
        self._at = urlsplit(url)
        self._own = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = http.client.HTTPConnection(self._at.hostname or "", self._at.port)

    def call(self, tool: str, arguments: dict[str, Any]) -> bytes:
        """The answer as it came; AssertionError unless the tool answered."""
        params = {"name": tool, "arguments": arguments, "_meta": _META}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        headers = {**_HEADERS, **self._own, "Mcp-Name": tool}
        self._connection.request("POST", self._at.path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content[:500]
        assert b'"isError":true' not in content.replace(b" ", b""), content[:500]
        return content

    def close(self) -> None:
        """It opens by itself when it is used again."""
        self._connection.close()
