"""Retention at work: removes what is older or more than its project's rule keeps, in small batches."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.kit.beside import report_success
from services.kit.errors import ServiceError
from services.memory.memory_store import MemoryStore
from services.memory.removals import Reason, Removing
from services.memory.retention import Clock, Rule, checked_rule, read
from services.memory.storing import Storing

logger = logging.getLogger(__name__)
look_every_s = 600.0
batch = 500
pause_s = 0.05
"""Between two batches, for the stores that wait."""
_clock_name = "retention_clock"


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Retained:
    """A rule, and how many memories would go by it now."""

    rule: Rule
    would_remove: int


class Retaining:
    """`default` holds where a project has no rule. `trouble` says why what is due is not removed."""

    def __init__(
        self,
        store: MemoryStore,
        storing: Storing,
        default: Rule,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._storing = storing
        self._default = default
        self._now = now
        self.trouble = ""

    async def run(self) -> None:
        """Looks at once, and then every so often."""
        while True:
            try:
                await self.look()
                report_success()
            except ServiceError as error:
                self.trouble = error.message
                logger.warning("retention waits: %s", error.message)
            await asyncio.sleep(look_every_s)

    async def look(self) -> int:
        """Removes what is due; how much that was. Nothing while the clock is doubted."""
        if self._default.keeps_all and not await self._store.has_rules():
            self.trouble = ""
            return 0
        now = self._now()
        clock = await self._read_clock(now)
        self.trouble = "" if clock.is_believed else _doubt(clock, now)
        removed = 0
        while clock.is_believed and (due := await self._store.due(self._default, now, batch)):
            await self._storing.remove(due, Removing("", Reason.RETENTION))
            removed += len(due)
            await asyncio.sleep(pause_s)
        if removed:
            logger.info("retention removed %d memories", removed)
        return removed

    async def _read_clock(self, now: datetime) -> Clock:
        kept = await self._store.upkeep(_clock_name)
        newest = (await self._store.newest() or now) if kept is None else now
        clock = read(_unpacked(kept) if kept is not None else Clock(believed=newest), now)
        await self._store.keep_upkeep(_clock_name, _packed(clock))
        return clock

    async def set_rule(self, user: str, rule: Rule) -> Retained:
        """The rule holds for the user's project from now on."""
        rule = checked_rule(rule)
        await self._store.set_rule(user, rule, self._now())
        return next(each for each in await self.rules(user) if each.rule.project == rule.project)

    async def reset_rule(self, user: str, project: str) -> Retained:
        """The project has no rule of its own any more."""
        await self._store.reset_rule(user, project)
        return next(each for each in await self.rules(user) if each.rule.is_default)

    async def rules(self, user: str) -> Sequence[Retained]:
        """What holds for the user's projects, the settings' default first."""
        rules = await self._store.rules(user)
        now = self._now()
        due = await self._store.due_counts(user, self._default, now)
        own = {rule.project for rule in rules}
        rest = sum(count for project, count in due.items() if project not in own)
        return [Retained(self._default, rest), *(Retained(rule, due.get(rule.project, 0)) for rule in rules)]

    async def told(self, user: str, project: str) -> str:
        """What holds for a project, or where it has no rule: empty where everything is kept."""
        rules = await self.rules(user)
        found = next((each for each in rules if each.rule.project == project), rules[0])
        return "" if found.rule.keeps_all else f"{found.rule.words}; {found.would_remove:,} to go"


def _doubt(clock: Clock, now: datetime) -> str:
    days = (now - clock.believed).days
    return (
        f"the clock went on by {days:,} days at once: nothing is removed by retention until it has gone on evenly "
        "for a day."
    )


def _packed(clock: Clock) -> str:
    times = {"believed": clock.believed, "doubted_since": clock.doubted_since, "seen": clock.seen}
    return json.dumps({name: time.isoformat() for name, time in times.items() if time})


def _unpacked(text: str) -> Clock:
    return Clock(**{name: datetime.fromisoformat(time) for name, time in json.loads(text).items()})
