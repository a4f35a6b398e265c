"""One user's requests as their client and its hooks make them, each measured; what failed is not repeated."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

MODERN = "2026-07-28"
pause_s = 0.5
"""After a failure; else the day would be over before what was killed is up again."""
OK = "ok"
ANSWERED = frozenset({200, 202, 204})
_meta = {
    f"io.modelcontextprotocol/{name}": value
    for name, value in {
        "protocolVersion": MODERN,
        "clientInfo": {"name": "simulation", "version": "1"},
        "clientCapabilities": {},
    }.items()
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what it was, its span by the monotonic clock, and `ok` or what went wrong."""

    kind: str
    began: float
    ended: float
    outcome: str

    @property
    def took_ms(self) -> float:
        return (self.ended - self.began) * 1e3


@dataclass
class Log:
    """All requests. `life` counts the starts of the memory service: in each, a user's first call reads their cell."""

    calls: list[Call] = field(default_factory=list)
    life: int = 0


class Caller:
    """A user with a token; what is asked shares the connections of `http`."""

    def __init__(self, http: httpx2.AsyncClient, url: str, token: str, log: Log) -> None:
        self._http = http
        self._mcp = url
        self._root = url.removesuffix("/mcp")
        self._token = {"Authorization": f"Bearer {token}"}
        self._log = log
        self._life = -1

    async def tool(self, kind: str, tool: str, **arguments: Any) -> dict[str, Any] | None:
        """What the tool answers; None where it failed."""
        _, answer = await self._tool(kind, tool, arguments)
        return answer

    async def refusal(self, tool: str, **arguments: Any) -> str:
        """The error code with which the tool refuses; empty where it does not. Not measured."""
        outcome, _ = await self._tool("", tool, arguments)
        return "" if outcome == OK else outcome

    async def _tool(self, kind: str, tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        params = {"name": tool, "arguments": arguments, "_meta": _meta}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": tool}
        headers |= {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        return await self._send(kind, self._mcp, body, headers, _tool_failure)

    async def hook(self, kind: str, event: str, conversation: str, directory: str, **more: Any) -> None:
        """One event of a conversation; `input` is the client's own, in addition."""
        given = {"session_id": conversation, "cwd": directory, "hook_event_name": event, **more.pop("input", {})}
        body = json.dumps({"input": given, "directory": directory, **more})
        await self._send(kind, f"{self._root}/v1/hooks/{event}", body, {}, _no_failure)

    async def memories(self, kind: str, lines: list[dict[str, Any]]) -> bool:
        """Whether all of them were stored."""
        body = "".join(json.dumps(line) + "\n" for line in lines)
        outcome, _ = await self._send(kind, f"{self._root}/v1/memories", body, {}, _refusal)
        return outcome == OK

    async def _send(
        self, kind: str, url: str, body: str, headers: Mapping[str, str], failure: Callable[[dict[str, Any]], str]
    ) -> tuple[str, dict[str, Any] | None]:
        """`ok` with the answer, or what went wrong."""
        began, content = time.monotonic(), dict[str, Any]()
        try:
            answer = await self._http.post(url, content=body.encode(), headers={**self._token, **headers})
            content = _content(answer.text)
            is_answer = answer.status_code in ANSWERED
            outcome = failure(content) if is_answer else f"{answer.status_code} {content.get('error_code', '')}".strip()
        except (httpx2.HTTPError, OSError, ValueError) as error:
            outcome = type(error).__name__
        if kind:
            self._note(kind, began, outcome)
            await asyncio.sleep(0 if outcome == OK else pause_s)
        return outcome, _result(content) if outcome == OK else None

    def _note(self, kind: str, began: float, outcome: str) -> None:
        is_first = kind in SEARCHING and self._life != self._log.life
        if is_first and outcome == OK:
            self._life = self._log.life
        name = f"{kind}, user's first" if is_first else kind
        self._log.calls.append(Call(name, began, time.monotonic(), outcome))


SEARCHING = frozenset({"session start", "prompt", "search"})
"""What reads a user's cell."""


def _content(text: str) -> dict[str, Any]:
    if text.startswith(("event:", "data:", ":", "id:")):
        text = [line[6:] for line in text.splitlines() if line.startswith("data: {")][-1]
    content = json.loads(text) if text.startswith("{") else {}
    return content if isinstance(content, dict) else {}


def _result(content: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = content.get("result", {}).get("structuredContent") or content
    return result


def _tool_failure(content: dict[str, Any]) -> str:
    result = content.get("result")
    if result is None:
        return str(content.get("error", {}).get("message", "no result"))[:60]
    return str((result.get("structuredContent") or {}).get("error_code", "error")) if result.get("isError") else OK


def _refusal(content: dict[str, Any]) -> str:
    return "rejected" if content.get("rejected") else OK


def _no_failure(_: dict[str, Any]) -> str:
    return OK
