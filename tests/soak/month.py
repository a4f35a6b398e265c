"""The month: days of a team one after the other, backups and restarts between them, figures at its quarters."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.integration.load import at
from tests.integration.team import request
from tests.integration.whole import index_settled
from tests.soak.measures import Measured, growths
from tests.soak.people import Person
from tests.soak.subjects import Subject

searched, rounds = 60, 4


@dataclass(frozen=True)
class Plan:
    """How much is soaked. After `keep_days` as much goes as comes, and a little later all caches are full: from then on
    nothing may grow. It is restarted within the warm-up and at the end, so that processes live through the rest."""

    days: int = 30
    people: int = 20
    turns: int = 3
    keep_days: int = 7
    warm_days: int = 12
    backup_every: int = 5
    restart_every: int = 3
    idle_s: float = 10.0

    @property
    def measured_on(self) -> Sequence[int]:
        """The warm-up's last day, and the quarters of what is left."""
        return sorted({self.warm_days + (self.days - self.warm_days) * quarter // 4 for quarter in range(5)})


@dataclass
class Month:
    """One run of a plan; `say` is told each measure."""

    subject: Subject
    plan: Plan
    say: Callable[[Measured], None] = lambda _: None
    measured: list[Measured] = field(default_factory=list)
    trouble: Counter[str] = field(default_factory=Counter)
    _began: list[datetime] = field(default_factory=list)

    def run(self) -> list[str]:
        """What grew, and what did not go well; nothing where all is as it should be."""
        token = self.subject.admin_token()
        people = [self._person(f"person{number:02}", token) for number in range(self.plan.people)]
        self._measure("begin", people)
        for day in range(1, self.plan.days + 1):
            self._day(day, people, token)
            if day in self.plan.measured_on:
                self._measure(f"day {day}", people)
        self.subject.stack.restart()
        self._measure("restarted", people)
        warm, end = self.measured[1], self.measured[-2]
        return [*growths(warm, end), *(f"{count} x {what}" for what, count in self.trouble.items())]

    def _person(self, name: str, token: str) -> Person:
        url = self.subject.stack.url
        body = json.dumps({"user": name, "scope": "write"}).encode()
        answer = request(url, "POST", "/v1/tokens", [("Authorization", f"Bearer {token}")], body)
        return Person(name, url, answer.content["token"], self.trouble)

    def _day(self, day: int, people: Sequence[Person], token: str) -> None:
        if day % self.plan.restart_every == 0 and day <= self.plan.keep_days:
            self.subject.stack.restart()
        if day % self.plan.backup_every == 0:
            self.subject.back_up(token)
        asyncio.run(self._work(day, people))

    async def _work(self, day: int, people: Sequence[Person]) -> None:
        """All at once; where retention sees the days pass, one in ten leaves forgetting to it."""
        today = self.subject.today(day)
        self._began.append(today)
        before = self._began[-1 - self.plan.keep_days] if day > self.plan.keep_days else None
        async with asyncio.TaskGroup() as group:
            for number, person in enumerate(people):
                person.url = self.subject.stack.url  # a restart may have moved it
                forgets = number % 10 or not self.subject.retains
                group.create_task(person.work(day, today, self.plan.turns, before if forgets else None))

    def _measure(self, moment: str, people: Sequence[Person]) -> None:
        for person in people:
            person.url = self.subject.stack.url
        p50, p99, memories = asyncio.run(self._search(people))
        figures = {**self.subject.figures(self.plan.idle_s), "search p99 ms": {"reflect_on_past": p99}}
        told = {"search p50 ms": p50, "memories": memories}
        self.measured.append(Measured(moment, figures, told))
        self.say(self.measured[-1])

    async def _search(self, people: Sequence[Person]) -> tuple[float, float, float]:
        """Milliseconds of a search while nothing else is asked, the best of some rounds; and how much is stored."""
        memories = 0
        async with people[0].client() as mcp:
            await index_settled(mcp)
            took = [await self._round(people[0], mcp) for _ in range(rounds)]
        for person in people:
            async with person.client() as mcp:
                stats = (await mcp.call_tool("reflection_stats")).structured_content or {}
                memories += stats["total_conversations"] + stats["total_reflections"]
        return min(at(each, 0.5) for each in took), min(at(each, 0.99) for each in took), memories

    async def _round(self, person: Person, mcp: object) -> list[float]:
        took = []
        for _ in range(searched):
            began = time.perf_counter()
            await person.search(mcp)  # type: ignore[arg-type]
            took.append(time.perf_counter() - began)
        return sorted(took)
