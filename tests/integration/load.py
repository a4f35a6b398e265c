"""Many clients at once, each doing what a user's agent does; what was answered, how soon, and what was promised."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from fastmcp import Client

OK = "ok"
tries_max, pause_s, call_timeout_s = 4, 0.4, 30.0
_words = ("otter", "lantern", "quarry", "saffron", "turbine", "willow", "harpoon", "glacier", "violet", "anvil")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client: `outcomes` of each try, the last one being what the client is left with."""

    tool: str
    began: float
    took_s: float
    outcomes: Sequence[str]

    @property
    def outcome(self) -> str:
        return self.outcomes[-1]


@dataclass
class Promises:
    """What was acknowledged: contents of memories by id, and the last checkpoint's number by session."""

    memories: dict[str, str] = field(default_factory=dict)
    checkpoints: dict[str, int] = field(default_factory=dict)


@dataclass
class Noted:
    """The calls that began in a span of time; those that have ended by now."""

    calls: Sequence[Call]
    since: float
    until: float = math.inf

    def ended(self) -> list[Call]:
        return [call for call in self.calls if self.since <= call.began < self.until]


class Load:
    """`clients` that work until they are told to stop; every second one shakes hands, the others' requests stand
    alone."""

    def __init__(self, url: str, project: str, clients: int, *, think_s: float = 0.0) -> None:
        self._url = url
        self._project = project
        self._clients = clients
        self._think_s = think_s
        self._random = random.Random(project)
        self._number = 0
        self._calls: list[Call] = []
        self._in_session: set[str] = set()
        self.promises = Promises()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The load runs within; what has begun is finished at the end."""
        stop = asyncio.Event()
        working = [asyncio.create_task(self._work(number, stop)) for number in range(self._clients)]
        try:
            yield
        finally:
            stop.set()
            done = await asyncio.gather(*working, return_exceptions=True)
            failures = [each for each in done if isinstance(each, BaseException)]
        if failures:
            raise failures[0]

    async def begun(self) -> None:
        """Returns when every client has connected and has a session."""
        while len(self._in_session) < self._clients:
            await asyncio.sleep(0.1)

    @contextmanager
    def noted(self) -> Iterator[Noted]:
        """The calls that begin within."""
        noted = Noted(self._calls, time.monotonic())
        yield noted
        noted.until = time.monotonic()

    async def _work(self, number: int, stop: asyncio.Event) -> None:
        agent = Agent(self._url, "legacy" if number % 2 else "auto")
        directory = f"/elsewhere/{self._project}-{number}"
        session = ""
        try:
            while not stop.is_set():
                session = await self._one(agent, directory, session)
                await asyncio.sleep(self._random.uniform(0, 2 * self._think_s))
        finally:
            await agent.close()

    async def _one(self, agent: Agent, directory: str, session: str) -> str:
        """One call, chosen as an agent would; the session it is in."""
        what = self._random.random()
        if not session:
            begun = await self._call(agent, "init", working_directory=directory)
            session = begun.get("session_id", "")
            self._in_session |= {session} - {""}
        elif what < 0.35:
            await self._store(agent)
        elif what < 0.75:
            query = " ".join(self._random.choices(_words, k=3))
            await self._call(agent, "reflect_on_past", query=query, project=self._project, limit=5)
        elif what < 0.85:
            recorded = await self._call(agent, "checkpoint", session_id=session, note="under load")
            if recorded:
                number = recorded["workflow_insights"]["checkpoint_number"]
                self.promises.checkpoints[session] = max(number, self.promises.checkpoints.get(session, 0))
        elif what < 0.95:
            await self._call(agent, "list_sessions", project=directory.rpartition("/")[2])
        else:
            await self._call(agent, "init", working_directory=directory)
        return session

    async def _store(self, agent: Agent) -> None:
        self._number += 1
        content = f"memory {self._number}: {' '.join(self._random.choices(_words, k=6))}"
        stored = await self._call(agent, "store_reflection", content=content, project=self._project)
        if stored:
            self.promises.memories[stored["reflection_id"]] = content

    async def _call(self, agent: Agent, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer; empty where there is none after some tries."""
        outcomes = []
        began = time.monotonic()
        for attempt in range(tries_max):
            await asyncio.sleep(pause_s * attempt)
            outcome, answer = await agent.call(tool, arguments)
            outcomes.append(outcome)
            if outcome == OK:
                break
        self._calls.append(Call(tool, began, time.monotonic() - began, outcomes))
        return answer if outcome == OK else {}


class Agent:
    """One client that connects again when its connection broke."""

    def __init__(self, url: str, mode: str) -> None:
        self._url = url
        self._mode = mode
        self._client: Client[Any] | None = None

    async def call(self, tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """`ok`, an error code of ours, or what went wrong on the way; and the answer."""
        try:
            if self._client is None:
                client = Client(self._url, mode=self._mode, timeout=call_timeout_s, init_timeout=call_timeout_s)
                await client.__aenter__()  # type: ignore[no-untyped-call]
                self._client = client
            result = await self._client.call_tool(tool, arguments, raise_on_error=False)
        except Exception as error:  # whatever a client may meet: it is what is counted
            await self.close()
            return type(error).__name__, {}
        content = result.structured_content or {}
        return (content.get("error_code", "error"), {}) if result.is_error else (OK, content)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client:
            with suppress(Exception):  # it is broken, or it is not
                leaving = client.__aexit__(None, None, None)  # type: ignore[no-untyped-call]
                await asyncio.wait_for(leaving, call_timeout_s)


def told(calls: Sequence[Call]) -> str:
    """The calls in a line: how many, how soon, and what came of those that did not go well at once."""
    if not calls:
        return "no calls"
    took = sorted(call.took_s for call in calls)
    first = Counter(call.outcomes[0] for call in calls if call.outcomes[0] != OK)
    left = Counter(f"{call.tool}: {call.outcome}" for call in calls if call.outcome != OK)
    retried = f", tried again {dict(first)}" if first else ""
    failed = f", failed {dict(left)}" if left else ""
    return f"{len(calls)} calls, p50 {at(took, 0.5):.0f} ms, p99 {at(took, 0.99):.0f} ms{retried}{failed}"


def at(took_s: Sequence[float], share: float) -> float:
    """A percentile of sorted seconds, in milliseconds."""
    return 1000 * took_s[min(len(took_s) - 1, int(share * len(took_s)))]


async def lost(url: str, promises: Promises) -> list[str]:
    """What was acknowledged and is not there, or not once."""
    missing = []
    async with Client(url) as mcp:
        for name, content in promises.memories.items():
            known = await mcp.call_tool("get_memory", {"id": name, "neighbours": 0}, raise_on_error=False)
            if ((known.structured_content or {}).get("memory") or {}).get("content") != content:
                missing.append(content)
        for session, number in promises.checkpoints.items():
            found = await mcp.call_tool("status", {"session_id": session}, raise_on_error=False)
            state = (found.structured_content or {}).get("session") or {}
            if state.get("checkpoints", 0) < number:
                missing.append(f"checkpoint {number} of {session}")
    return missing
