"""The day: conversations of users by Zipf's law, so many at once; the kills in it; and what was promised."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from tests.simulate.caller import Caller, Log
from tests.simulate.promises import Memory, Promises, Verdict, chosen, is_found, verify_one
from tests.soak.people import WORDS


@dataclass(frozen=True)
class Plan:
    """How much happens. A user's share of the conversations, and their history, are as 1 to their rank."""

    users: int = 1_000
    conversations: int = 1_000
    at_once: int = 8
    turns: int = 2
    history_max: int = 10_000
    projects: int = 3
    verified_max: int = 1_500
    searched_share: float = 0.25
    seed: int = 1

    def histories(self) -> dict[int, int]:
        """How many memories each user has from before."""
        return {user: max(self.history_max // (user + 1), min(self.history_max, 20)) for user in range(self.users)}

    def order(self) -> list[int]:
        """Whose conversations come one after the other."""
        weights = [1 / (rank + 1) for rank in range(self.users)]
        return random.Random(self.seed).choices(range(self.users), weights, k=self.conversations)


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed, and when: after this share of the conversations."""

    name: str
    after: float
    strike: Callable[[], None]


@dataclass
class Day:
    """One run. `strikes` says when each kill was, and when it was up again, by the monotonic clock; `used_s` is the
    processor time by process until the first kill, as `processor_s` counts it."""

    plan: Plan
    callers: Sequence[Caller]
    log: Log
    say: Callable[[str], None]
    processor_s: Callable[[], Mapping[str, float]] = dict
    promises: Promises = field(default_factory=Promises)
    verdict: Verdict = field(default_factory=Verdict)
    strikes: list[tuple[str, float, float]] = field(default_factory=list)
    used_s: dict[str, float] = field(default_factory=dict)
    _begun: int = 0
    _used_before: Mapping[str, float] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def run(self, kills: Sequence[Kill]) -> None:
        """All conversations, with the kills among them."""
        waiting = iter(self.plan.order())
        self._used_before = self.processor_s()
        async with asyncio.TaskGroup() as group:
            for number in range(self.plan.at_once):
                group.create_task(self._work(waiting, random.Random(f"{self.plan.seed} {number}")))
            group.create_task(self._strike(kills))

    async def _strike(self, kills: Sequence[Kill]) -> None:
        """One after the other."""
        for kill in kills:
            await self._reach(kill.after)
            if not self.used_s:
                self.used_s = {name: used - self._used_before[name] for name, used in self.processor_s().items()}
            await self._strike_once(kill)

    async def _reach(self, share: float) -> None:
        while self._begun < share * self.plan.conversations:
            await asyncio.sleep(0.05)

    async def _strike_once(self, kill: Kill) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        self.say(f"{kill.name}: killed")
        await asyncio.to_thread(kill.strike)
        self.log.life += 1
        self.strikes.append((kill.name, began, now()))
        self.say(f"{kill.name}: started again after {now() - began:.1f} s")

    async def _work(self, waiting: Iterator[int], chance: random.Random) -> None:
        for user in waiting:
            self._begun += 1
            if self._begun % max(self.plan.conversations // 20, 1) == 0:
                calls = len(self.log.calls)
                self.say(f"{self._begun} of {self.plan.conversations} conversations, {calls:,} calls")
            await Conversation(self, user, chance).run()

    def content(self, chance: random.Random, words: int) -> str:
        """A text that nobody else has."""
        return f"u{next(self._numbers)} {' '.join(chance.choices(WORDS, k=words))}"

    async def verify(self) -> None:
        """Looks at what was promised, as many at once as in the day."""
        memories = chosen(self.promises, self.plan.verified_max, self.plan.seed)
        waiting, chance = iter(memories), random.Random(self.plan.seed)
        searched = {each.id for each in memories if chance.random() < self.plan.searched_share}

        async def look() -> None:
            for memory in waiting:
                await verify_one(list(self.callers), memory, self.promises, self.verdict, memory.id in searched)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.plan.at_once):
                group.create_task(look())


class Conversation:
    """One of a user's: hooks, turns, searches, a decision, and now and then a share or a deletion."""

    def __init__(self, day: Day, user: int, chance: random.Random) -> None:
        self._day = day
        self._user = user
        self._chance = chance
        self._caller = day.callers[user]
        self._project = f"project-{user}-{chance.randrange(day.plan.projects)}"
        self._directory = f"/elsewhere/{self._project}"
        self._name = str(UUID(int=chance.getrandbits(128), version=4))

    async def run(self) -> None:
        start = {"input": {"source": "startup"}, "tokens": 1_500, "within_ms": 5_000}
        await self._hook("session start", "SessionStart", **start)
        for turn in range(self._day.plan.turns):
            await self._turn(turn)
        await self._search()
        for chances, step in ((0.6, self._decide), (0.3, self._delete)):
            if self._chance.random() < chances:
                await step()
        await self._hook("session end", "SessionEnd", delivery=f"{self._name}-end")

    async def _turn(self, turn: int) -> None:
        prompt, answer = self._day.content(self._chance, 12), self._day.content(self._chance, 40)
        asked = {"input": {"prompt": prompt}, "prompt_tokens": 300, "within_ms": 5_000}
        await self._hook("prompt", "UserPromptSubmit", **asked)
        command = {"tool_name": "Bash", "tool_input": {"command": f"make {self._chance.choice(WORDS)}"}}
        await self._hook("tool use", "PreToolUse", input=command)
        memories = [
            Memory(f"{self._name}-{turn}-{role}", self._user, self._project, content)
            for role, content in (("user", prompt), ("assistant", answer))
        ]
        lines = [self._line(memory) for memory in memories]
        if await self._caller.memories("store turns", lines):
            for memory in memories:
                self._day.promises.store(memory)
            await self._check(self._chance.choice(memories), 0.3)

    def _line(self, memory: Memory) -> dict[str, object]:
        role = memory.id.rpartition("-")[2]
        said = {"session_id": self._name, "role": role, "timestamp": datetime.now(UTC).isoformat()}
        return {"id": memory.id, "content": memory.content, "project": memory.project, **said}

    async def _check(self, memory: Memory, share: float) -> None:
        """Sometimes, what was just acknowledged is searched for; another conversation may delete it meanwhile."""
        if self._chance.random() < share:
            found = await is_found(self._caller, memory)
            if memory.id not in self._day.promises.deleting:
                self._day.verdict.note("found by the next search", found, memory)

    async def _search(self) -> None:
        asked = {"query": " ".join(self._chance.choices(WORDS, k=4)), "project": self._project}
        await self._caller.tool("search", "reflect_on_past", **asked)
        await self._caller.tool("search", "reflect_on_past", query=self._day.content(self._chance, 3))

    async def _decide(self) -> None:
        asked = {"content": self._day.content(self._chance, 20), "project": self._project, "tags": ["decision"]}
        answer = await self._caller.tool("store decision", "store_reflection", **asked)
        if answer is None:
            return
        memory = Memory(answer["reflection_id"], self._user, self._project, str(asked["content"]))
        self._day.promises.store(memory)
        await self._check(memory, 0.3)
        if self._chance.random() < 0.3 and await self._caller.tool("share", "share_memory", id=memory.id):
            self._day.promises.shared.add(memory.id)

    async def _delete(self) -> None:
        promises = self._day.promises
        mine = [each for each in promises.alive[-400:] if each.user == self._user]
        if not mine:
            return
        memory = self._chance.choice(mine)
        asked = await self._caller.tool("deletion, asked", "delete_conversations", ids=[memory.id])
        if not asked or not asked.get("confirmation_token"):
            return
        promises.deleting.add(memory.id)
        confirmed = {"ids": [memory.id], "confirm": True, "confirmation_token": asked["confirmation_token"]}
        if await self._caller.tool("deletion", "delete_conversations", **confirmed):
            promises.deleted.add(memory.id)
            found = await is_found(self._caller, memory)
            is_gone = None if found is None else not found
            self._day.verdict.note("kept out of the next search once deleted", is_gone, memory)

    async def _hook(self, kind: str, event: str, **more: object) -> None:
        await self._caller.hook(kind, event, self._name, self._directory, **more)
