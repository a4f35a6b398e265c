"""Calls a gateway's tools from the command line over one MCP connection. Standard library only."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from services.cli import local_server
from services.cli.gateway.credentials import BadToken, credentials
from services.cli.gateway.failures import address_problem, refusal, unreachable

timeout_s = 30.0
start_timeout_s = 60.0
_protocol = "2025-06-18"


class CallFailed(Exception):
    """The gateway could not be reached, or the tool failed; the message is for the user.

    `reason` names the limit, if one was exceeded: later, too_large or over_quota.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


def gateway_url() -> str:
    """`SEGUE_URL`, or the local server, which is started if none runs."""
    return (
        os.environ.get("SEGUE_URL") or local_server.ensure_server(local_server.default_data_dir(), start_timeout_s).url
    )


class Gateway:
    """An MCP connection to the gateway at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = build_opener(ProxyHandler({}))  # calls to the user's own gateway do not go through a proxy
        self._headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        try:
            self._headers |= credentials()
        except BadToken as problem:
            raise CallFailed(str(problem)) from problem
        if wrong := address_problem(url):
            raise CallFailed(wrong)
        self._next_id = 0

    def open(self) -> dict[str, Any]:
        """Performs the handshake; returns the server's answer."""
        client = {"name": "segue-cli", "version": "0"}
        result = self._request("initialize", {"protocolVersion": _protocol, "capabilities": {}, "clientInfo": client})
        self._headers["mcp-protocol-version"] = result["protocolVersion"]
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        info: dict[str, Any] = result["serverInfo"]
        return info

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The tool's structured content; CallFailed with the tool's message if it fails."""
        result = self._request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            reason = (result.get("structuredContent") or {}).get("reason")
            raise CallFailed(" ".join(result["content"][0]["text"].splitlines()), str(reason or ""))
        content: dict[str, Any] = result["structuredContent"]
        return content

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._next_id += 1
        body = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        answer = self._post(body)
        if "error" in answer:
            raise CallFailed(answer["error"]["message"])
        result: dict[str, Any] = answer["result"]
        return result

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        request = Request(self.url, json.dumps(body).encode(), self._headers)  # noqa: S310  # the user's own URL
        try:
            with self._opener.open(request, timeout=timeout_s) as response:
                if session := response.headers.get("mcp-session-id"):
                    self._headers["mcp-session-id"] = session
                return _message(response.read().decode())
        except HTTPError as error:
            raise CallFailed(refusal(self.url, error)) from error
        except OSError as error:
            raise CallFailed(unreachable(self.url, error)) from error


def gateway_call(tool: str, **arguments: Any) -> dict[str, Any]:
    """Calls one tool over a connection of its own; the local server is started if none runs. Raises CallFailed."""
    try:
        gateway = Gateway(gateway_url())
    except local_server.NotStarted as problem:
        raise CallFailed(str(problem)) from problem
    gateway.open()
    return gateway.call(tool, **arguments)


def _message(text: str) -> dict[str, Any]:
    """The last JSON-RPC message of a body that is JSON, an event stream, or empty."""
    if not text.strip():
        return {}
    if not text.lstrip().startswith("{"):
        text = [line[len("data:") :] for line in text.splitlines() if line.startswith("data:")][-1]
    message: dict[str, Any] = json.loads(text)
    return message
