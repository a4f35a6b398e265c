"""What one person's agent does in a day: a conversation with its hooks, stores, searches, and something forgotten."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx2
from fastmcp import Client

from tests.integration.team import Answer, request

HEARD = frozenset({200, 202, 204})
WORDS = (
    *("parser", "lexer", "socket", "cursor", "ledger", "router", "schema", "branch", "tenant", "widget", "buffer"),
    *("retry", "deploy", "rename", "refactor", "measure", "revert", "migrate", "cache", "index", "stream", "commit"),
    *("otter", "lantern", "quarry", "saffron", "turbine", "willow", "harpoon", "glacier", "violet", "anvil", "heron"),
)


class Person:
    """One of the team; `trouble` counts what did not go well, by the call."""

    def __init__(self, name: str, url: str, token: str, trouble: Counter[str]) -> None:
        self.name = name
        self.url = url
        self._token = token
        self._trouble = trouble
        self._random = random.Random(name)
        self._project = f"project-{name}"
        self._directory = f"/elsewhere/{self._project}"
        self._number = 0

    async def work(self, day: int, today: datetime, turns: int, forget_before: datetime | None) -> None:
        """A day's conversation; what was said before then is deleted at its end."""
        conversation = f"{self.name}-{day}"
        await self._hook("SessionStart", conversation, source="startup", tokens=1_500, within_ms=5_000)
        await self._hook("SessionStart", conversation, source="startup", delivery=f"{conversation}-start")
        for turn in range(turns):
            await self._turn(conversation, today + timedelta(milliseconds=turn), turn)
        await self._with_client(self._look_around)
        await self._hook("PreCompact", conversation, delivery=f"{conversation}-compact")
        await self._hook("SessionEnd", conversation, delivery=f"{conversation}-end")
        if forget_before:
            await self._with_client(partial(self._forget, before=forget_before))

    async def _with_client(self, work: Callable[[Client[Any]], Awaitable[None]]) -> None:
        """Done once more where the connection was lost: a server may close one that has just been idle for long."""
        try:
            async with self.client() as mcp:
                await work(mcp)
        except httpx2.TransportError:
            async with self.client() as mcp:
                await work(mcp)

    async def _turn(self, conversation: str, at: datetime, turn: int) -> None:
        prompt, answer = self._text(25), self._text(70)
        await self._hook("UserPromptSubmit", conversation, prompt=prompt, prompt_tokens=300, within_ms=5_000)
        tool = {"tool": "Bash", "tool_input": {"command": f"make {self._random.choice(WORDS)}"}}
        await self._hook("PreToolUse", conversation, **tool)
        await self._hook("PostToolUse", conversation, **tool)
        if turn == 0:
            await self._hook("PermissionRequest", conversation, delivery=f"{conversation}-asked", **tool)
        said = [("user", prompt, 0), ("assistant", answer, 1)]
        lines = [
            {
                "id": f"{conversation}-{turn}-{role}",
                "content": content,
                "project": self._project,
                "session_id": conversation,
                "role": role,
                "timestamp": (at + timedelta(microseconds=place)).isoformat(),
                "metadata": {"files": [f"src/{self._random.choice(WORDS)}.py"], "turn": turn},
            }
            for role, content, place in said
        ]
        await self._post("/v1/memories", "".join(json.dumps(line) + "\n" for line in lines).encode())
        await self._hook("Stop", conversation, delivery=f"{conversation}-{turn}")

    async def _look_around(self, mcp: Client[Any]) -> None:
        """Searches as agents make them, by subject, with filters and counts, and on through the pages; a decision."""
        await self._call(mcp, "store_reflection", content=self._text(30), project=self._project, tags=["decision"])
        await self._call(mcp, "reflect_on_past", query=self._text(5), project=self._project)
        await self._call(mcp, "search_by_concept", concept=self._text(2))
        asked = {"query": self._text(4), "limit": 5, "facets": True, "sort": "newest"}
        found = await self._call(mcp, "advanced_search", **asked)
        if found.get("next_cursor"):
            await self._call(mcp, "get_more_results", cursor=found["next_cursor"], limit=10)

    async def _forget(self, mcp: Client[Any], before: datetime) -> None:
        chosen = {"project": self._project, "before": before.isoformat()}
        asked = await self._call(mcp, "delete_conversations", **chosen)
        if asked.get("would_delete"):
            token = asked["confirmation_token"]
            await self._call(mcp, "delete_conversations", **chosen, confirm=True, confirmation_token=token)

    async def search(self, mcp: Client[Any]) -> None:
        """One search as it is measured: of words in a new order, so that no cache has its answer."""
        self._number += 1
        await self._call(mcp, "reflect_on_past", query=f"{self._text(4)} {self._number}", project=self._project)

    def client(self) -> Client[Any]:
        """An MCP client of theirs."""
        return Client(self.url, auth=self._token)

    def _text(self, words: int) -> str:
        self._number += 1
        return f"{' '.join(self._random.choices(WORDS, k=words))} {self._number}"

    async def _call(self, mcp: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
        answer = await mcp.call_tool(tool, arguments, raise_on_error=False)
        content: dict[str, Any] = answer.structured_content or {}
        if answer.is_error:
            self._trouble[f"{tool}: {content.get('error_code')}"] += 1
        return {} if answer.is_error else content

    async def _hook(self, event: str, conversation: str, **told: Any) -> None:
        names = {"source": "source", "tool": "tool_name", "tool_input": "tool_input", "prompt": "prompt"}
        client = {names[key]: told.pop(key) for key in tuple(told) if key in names}
        client |= {"session_id": conversation, "cwd": self._directory, "hook_event_name": event}
        envelope = {"input": client, "directory": self._directory, **told}
        await self._post(f"/v1/hooks/{event}", json.dumps(envelope).encode())

    async def _post(self, path: str, body: bytes) -> Answer:
        headers: list[tuple[str, str | bytes]] = [("Authorization", f"Bearer {self._token}")]
        answer = await asyncio.to_thread(request, self.url, "POST", path, headers, body)
        if answer.status not in HEARD:
            self._trouble[f"{path}: {answer.status}"] += 1
        return answer
