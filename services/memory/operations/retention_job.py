"""The retention job: removes memories that exceed their project's retention rule, in small batches."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.kit.background_task import report_success
from services.kit.errors import ServiceError
from services.memory.domain.deletion_log import Reason, Removing
from services.memory.domain.retention_policy import Clock, Rule, Standing, advance_clock, checked_rule, standing
from services.memory.domain.store import MemoryStore
from services.memory.operations.store_memories import Storing

logger = logging.getLogger(__name__)
look_every_s = 600.0
batch = 500
pause_s = 0.05
"""Between two batches, so that waiting stores can run."""
_clock_name = "retention_clock"
_default_name = "retention_default"


def utc_now() -> datetime:
    """The current time by the system clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Retained:
    """A retention rule, and how many memories it would remove now."""

    rule: Rule
    would_remove: int


class Retaining:
    """`default` applies to projects without a rule. `trouble` says why due memories are not removed."""

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
        self._changing = asyncio.Lock()
        self._changes = 0
        self.trouble = ""

    async def run(self) -> None:
        """Checks at once, and then at regular intervals."""
        while True:
            try:
                await self.look()
                report_success()
            except ServiceError as error:
                self.trouble = error.message
                logger.warning("retention is delayed: %s", error.message)
            await asyncio.sleep(look_every_s)

    async def look(self) -> int:
        """Removes due memories and returns their number; removes none while the clock is in doubt."""
        now = self._now()
        default = await self._read_default(now)
        if self._default.keeps_all and not await self._store.has_rules():
            self.trouble = ""
            return 0
        clock = await self._read_clock(now)
        self.trouble = "" if clock.is_believed else _doubt(clock, now)
        removed = await self._remove_due(default, now) if clock.is_believed else 0
        if removed:
            logger.info("retention removed %d memories", removed)
        return removed

    async def _remove_due(self, default: Standing, now: datetime) -> int:
        """Removes due memories in batches; stops if a rule is changed meanwhile."""
        removed, changes = 0, self._changes
        due = await self._store.due(default, now)
        for each in due.batches(batch):
            async with self._changing:
                if changes != self._changes:
                    return removed
                removed += await self._storing.remove_due(each, Removing("", Reason.RETENTION))
            await asyncio.sleep(pause_s)
        return removed

    async def _read_default(self, now: datetime) -> Standing:
        """The default rule, and since when it is in force, across restarts."""
        kept = await self._store.upkeep(_default_name)
        before = _read_standing(kept) if kept is not None else None
        default = standing(before, self._default, now)
        if default != before and (before or not self._default.keeps_all):
            await self._store.keep_upkeep(_default_name, _standing_text(default))
        return default

    async def _read_clock(self, now: datetime) -> Clock:
        kept = await self._store.upkeep(_clock_name)
        newest = (await self._store.newest() or now) if kept is None else now
        clock = advance_clock(_decode_clock(kept) if kept is not None else Clock(believed=newest), now)
        await self._store.keep_upkeep(_clock_name, _encode_clock(clock))
        return clock

    async def set_rule(self, user: str, rule: Rule) -> Retained:
        """Sets the rule of the user's project; it takes effect after an hour."""
        rule = checked_rule(rule)
        async with self._changing:
            await self._store.set_rule(user, rule, self._now())
            self._changes += 1
        return next(each for each in await self.rules(user) if each.rule.project == rule.project)

    async def reset_rule(self, user: str, project: str) -> Retained:
        """Removes the project's own rule; the default takes effect for it after the same delay as a new rule."""
        async with self._changing:
            await self._store.reset_rule(user, project, self._now())
            self._changes += 1
        return next(each for each in await self.rules(user) if each.rule.is_default)

    async def rules(self, user: str) -> Sequence[Retained]:
        """The rules of the user's projects, the default first."""
        rules = await self._store.rules(user)
        may_remove = not all(rule.keeps_all for rule in (self._default, *rules))
        due = await self._store.due_counts(user, self._default, self._now()) if may_remove else {}
        own = {rule.project for rule in rules}
        rest = sum(count for project, count in due.items() if project not in own)
        return [Retained(self._default, rest), *(Retained(rule, due.get(rule.project, 0)) for rule in rules)]

    async def describe(self, user: str, project: str) -> str:
        """The rule that applies to a project, or the default, in words; empty if everything is kept."""
        rules = await self.rules(user)
        found = next((each for each in rules if each.rule.project == project), rules[0])
        return "" if found.rule.keeps_all else f"{found.rule.words}; {found.would_remove:,} to go"


def _doubt(clock: Clock, now: datetime) -> str:
    days = (now - clock.believed).days
    return (
        f"the clock jumped forward by {days:,} days: retention removes nothing until the clock has run evenly "
        "for a day."
    )


def _standing_text(default: Standing) -> str:
    rule = default.rule
    limits = {"days": rule.days, "size_mb": rule.size_mb, "reflections": rule.reflections}
    return json.dumps({**limits, "since": default.since.isoformat()})


def _read_standing(text: str) -> Standing:
    kept = json.loads(text)
    since = datetime.fromisoformat(kept.pop("since"))
    return Standing(Rule(**kept, is_default=True), since)


def _encode_clock(clock: Clock) -> str:
    times = {"believed": clock.believed, "doubted_since": clock.doubted_since, "seen": clock.seen}
    return json.dumps({name: time.isoformat() for name, time in times.items() if time})


def _decode_clock(text: str) -> Clock:
    return Clock(**{name: datetime.fromisoformat(time) for name, time in json.loads(text).items()})
