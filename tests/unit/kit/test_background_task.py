"""Background work that fails begins again, says so while it does not work, and ends with its block."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from services.kit.background_task import Backoff, Run, Supervisor, background_task, report_success
from services.kit.backup import PartContent
from services.kit.errors import LimitExceeded
from services.memory.domain.retention_policy import Rule
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.backups import Backups, Schedule
from services.memory.operations.embedding_backfill import Backfill
from services.memory.operations.erasure_job import Erasing
from services.memory.operations.retention_job import Retaining
from services.session.operations.events import Event, deliver
from services.session.operations.session_lookup import Finding, Terms
from services.session.operations.session_retention import Retention
from tests.patience import PATIENCE_S

NEVER_S = 3600.0
OTHER_MODEL: Any = SimpleNamespace(model="another")


class Pauses:
    """Stands in for sleeping: notes each pause, and lets the work go on when the test says so."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self.begun = asyncio.Event()
        self._over = asyncio.Event()

    async def __call__(self, pause_s: float) -> None:
        self.asked_s.append(pause_s)
        self.begun.set()
        await self._over.wait()
        self._over.clear()

    async def end(self) -> None:
        await self.begun.wait()
        self.begun.clear()
        self._over.set()


def supervisor(pauses: Pauses, steady_s: float = NEVER_S) -> Supervisor:
    return Supervisor(Backoff(1.0, 8.0, chance=lambda: 1.0), steady_s, pauses)


class Work:
    """Fails as often as it has errors, then does a round each time it is let."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.begun = 0
        self.waits = asyncio.Event()
        self.round = asyncio.Event()
        self.done = asyncio.Event()

    async def run(self) -> None:
        self.begun += 1
        if self._errors:
            raise self._errors.pop(0)
        self.waits.set()
        await self.round.wait()
        report_success()
        self.done.set()
        await asyncio.Event().wait()


async def test_work_that_fails_begins_again_and_is_in_trouble_until_it_has_worked() -> None:
    pauses, work = Pauses(), Work(LimitExceeded("The queue is full."), ZeroDivisionError("content"))
    watched = supervisor(pauses)
    async with watched.background_task("sweep", work.run):
        await pauses.begun.wait()
        assert watched.troubles == {"sweep": "background work failed and is tried again: The queue is full."}
        await pauses.end()
        await pauses.begun.wait()
        assert watched.troubles["sweep"].endswith("ZeroDivisionError")  # an error's text may hold content
        await pauses.end()
        await work.waits.wait()
        assert "sweep" in watched.troubles  # it runs again, and has not worked yet
        work.round.set()
        await work.done.wait()
        assert watched.troubles == {}
    assert work.begun == 3


async def test_pauses_grow_up_to_a_limit_and_begin_anew_after_a_success() -> None:
    pauses = Pauses()
    begun = 0

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun == 7:
            report_success()
        raise OSError

    async with supervisor(pauses).background_task("work", run):
        for _ in range(8):
            await pauses.end()
    assert pauses.asked_s[:8] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 1.0, 2.0]


@pytest.mark.parametrize(("chance", "least"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_a_pause_is_jittered_and_never_without_end(chance: float, least: float) -> None:
    backoff = Backoff(2.0, 60.0, chance=lambda: chance)
    assert backoff.pause_s(1) == 2.0 * least
    assert backoff.pause_s(100_000) == 60.0 * least


async def test_work_that_only_waits_counts_as_working_after_a_while() -> None:
    pauses, work = Pauses(), Work(OSError())
    watched = supervisor(pauses, steady_s=0.01)
    async with watched.background_task("events", work.run):
        await pauses.end()
        await work.waits.wait()
        await _until(lambda: not watched.troubles)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


async def test_a_cancellation_that_nobody_asked_for_does_not_end_the_work() -> None:
    pauses, work = Pauses(), Work(asyncio.CancelledError())
    async with supervisor(pauses).background_task("work", work.run):
        await pauses.end()
        await work.waits.wait()
    assert work.begun == 2


async def test_work_that_is_done_is_not_begun_again() -> None:
    calls: list[int] = []

    async def run() -> None:
        calls.append(1)

    watched = supervisor(Pauses())
    async with watched.background_task("backfill", run):
        await _until(lambda: bool(calls))
        await asyncio.sleep(0)
    assert calls == [1]
    assert watched.troubles == {}


async def test_work_ends_with_its_block_also_where_it_swallows_a_cancellation_or_pauses() -> None:
    swallowed = asyncio.Event()
    begun = asyncio.Event()

    async def stubborn() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.Event().wait()

    pauses = Pauses()
    watched = supervisor(pauses)
    async with background_task("stubborn", stubborn), watched.background_task("failing", Work(OSError()).run):
        await begun.wait()
        await pauses.begun.wait()
    assert swallowed.is_set()
    assert watched.troubles == {}


async def test_a_success_that_is_reported_by_nobodys_work_changes_nothing() -> None:
    watched = supervisor(Pauses())
    watched.troubles["other"] = "why"
    report_success()
    assert watched.troubles == {"other": "why"}


class Fails:
    """Stands in for a store, source or index: the first use raises what nobody expects, the second waits."""

    def __init__(self) -> None:
        self.uses = 0
        self.again = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def use(*_: object, **__: object) -> None:
            self.uses += 1
            if self.uses == 1:
                raise duckdb.OutOfMemoryException("content")
            self.again.set()
            await asyncio.Event().wait()

        return use


async def _unheard(_: Event) -> None: ...


READS_ALL = cast("MemoryIndex", SimpleNamespace(unreadable={}))
RUNS: dict[str, Callable[[Any], Run]] = {
    "retention": lambda fails: Retaining(fails, fails, Rule(days=1, is_default=True)).run,
    "erasing": lambda fails: Erasing(fails, 1.0).run,
    "backfill": lambda fails: (
        Backfill(fails, cast("MemoryIndex", SimpleNamespace(unreadable={})), OTHER_MODEL, fails).run
    ),
    "sessions' sweep": lambda fails: lambda: Finding(fails, Terms()).sweep(1.0),
    "sessions' retention": lambda fails: Retention(fails, Finding(fails, Terms()), timedelta(days=1)).run,
    "events": lambda fails: lambda: deliver(fails, _unheard),
}


@pytest.mark.parametrize("name", RUNS)
async def test_no_work_ends_at_an_error_that_it_does_not_expect(name: str) -> None:
    fails, pauses = Fails(), Pauses()
    watched = supervisor(pauses)
    async with watched.background_task(name, RUNS[name](fails)):
        await pauses.begun.wait()
        assert watched.troubles == {name: "background work failed and is tried again: OutOfMemoryException"}
        await pauses.end()
        await asyncio.wait_for(fails.again.wait(), 30)


async def test_backups_go_on_after_an_error_that_they_do_not_expect(tmp_path: Path) -> None:
    class Part:
        name = "part"
        calls = 0
        again = asyncio.Event()

        async def copy_to(self, directory: Path) -> PartContent:
            self.calls += 1
            if self.calls == 1:
                raise ZeroDivisionError
            (directory / "file").write_text("content")
            self.again.set()
            return PartContent(1, 1, {})

    part, pauses = Part(), Pauses()
    backups = Backups([part], Schedule(tmp_path, timedelta(hours=1), 3), "heron")
    watched = supervisor(pauses)
    async with watched.background_task("backup", backups.run):
        await pauses.begun.wait()
        assert watched.troubles["backup"].endswith("ZeroDivisionError")
        await pauses.end()
        await asyncio.wait_for(part.again.wait(), 30)
        await _until(lambda: not watched.troubles)
