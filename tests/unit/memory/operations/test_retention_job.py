"""How long memories are kept: by rules, in batches, never by a clock that jumped, and with a way back."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.encryption.vault import Vault
from services.kit.errors import InvalidInput
from services.memory.domain.deletion_log import Reason
from services.memory.domain.memories import Kind, Memory, accept
from services.memory.domain.retention_policy import Clock, Rule, advance_clock, doubt_lasts, jump_max
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations import retention_job
from services.memory.operations.retention_job import Retaining
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.unit.memory.stores import POSTGRES, open_any

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=2)
"""When what the tests store may be removed."""
NINETY = Rule(days=90, is_default=True)
NONE = Rule(is_default=True)


@pytest.fixture(
    params=[1, pytest.param(3, marks=pytest.mark.slow), pytest.param(POSTGRES, id="postgres", marks=pytest.mark.slow)]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    async with open_any(tmp_path, request.param) as opened:
        yield opened


class At:
    """A clock that shows what it is told."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


async def remember(
    store: MemoryStore,
    *ages_days: float,
    project: str = "p",
    kind: Kind = Kind.CONVERSATION,
    text: str = "",
    user: str = "ann",
) -> list[str]:
    rows = []
    for age in ages_days:
        content = text or f"said {age} days ago in {project}"
        memory = Memory(f"{content} {age}", kind, project, NOW - timedelta(days=age))
        rows.append(NewRow(accept(memory, NOW), user))
    return [each.id for each in await store.insert(rows, "none")]


def retaining_of(store: MemoryStore, default: Rule, clock: At) -> Retaining:
    index = MemoryIndex(384)
    return Retaining(store, Storing(store, index, None, Generations(None)), default, clock)


async def in_force(store: MemoryStore, default: Rule, clock: At) -> Retaining:
    """The same, with a rule of the settings that has waited for its hour."""
    before = At(clock.now - timedelta(hours=1))
    assert await retaining_of(store, default, before).look() == 0
    return retaining_of(store, default, clock)


async def left(store: MemoryStore, user: str = "ann") -> set[str]:
    return {each.id for each in (await store.page(user, 0, 1000)).values()}


async def test_conversations_age_and_reflections_stay(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_job, "batch", 2)
    await remember(store, 100, 200, 300, 400, 89.9 + 2)
    kept = [*await remember(store, 1, 80), *await remember(store, 500, kind=Kind.REFLECTION)]
    assert await (await in_force(store, NINETY, At(LATER))).look() == 5
    assert await left(store) == set(kept)
    entries = await store.removals("ann", "", 10)
    assert sum(each.count for each in entries) == 5
    assert {(each.actor, each.reason) for each in entries} == {("", Reason.RETENTION)}
    assert await (await in_force(store, replace(NINETY, reflections=True), At(LATER))).look() == 1


async def test_a_project_keeps_the_newest_that_fit(store: MemoryStore) -> None:
    text = "x" * 10_000
    _, *kept = await remember(store, 3, 2, 1, text=text)
    other = await remember(store, 3, project="q", text=text)
    assert await (await in_force(store, Rule(size_mb=0.025, is_default=True), At(LATER))).look() == 1
    assert await left(store) == {*kept, *other}


async def test_a_projects_own_rule_replaces_the_default_and_can_be_taken_back(store: MemoryStore) -> None:
    await remember(store, 100, project="short")
    await remember(store, 100, project="default")
    forever = await remember(store, 100, project="kept")
    clock = At(LATER)
    at_work = await in_force(store, NINETY, clock)
    assert (await at_work.set_rule("ann", Rule("kept"))).would_remove == 0
    assert (await at_work.set_rule("ann", Rule("short", days=365))).would_remove == 0
    told = await at_work.set_rule("ann", Rule("short", days=10))
    assert (told.would_remove, told.rule.days) == (1, 10)
    assert await at_work.look() == 1  # of the default: a new rule has an hour to be taken back
    clock.now += timedelta(minutes=61)
    assert await at_work.look() == 1
    assert await left(store) == set(forever)
    rules = await at_work.rules("ann")
    assert [(each.rule.project, each.rule.days) for each in rules] == [("", 90), ("kept", None), ("short", 10)]
    assert await at_work.describe("ann", "kept") == ""
    assert "for 10 days" in await at_work.describe("ann", "short")
    assert (await at_work.reset_rule("ann", "kept")).would_remove == 1
    assert await at_work.look() == 0  # what was taken back waits like what is new
    assert [each.rule.project for each in await at_work.rules("ann")] == ["", "short"]
    clock.now += timedelta(minutes=59)
    await at_work.reset_rule("ann", "kept")  # again: nothing is taken back by it
    assert await at_work.look() == 0
    clock.now += timedelta(minutes=1)
    assert await at_work.look() == 1
    assert await left(store) == set()


async def test_a_rule_is_its_users_alone(store: MemoryStore) -> None:
    theirs = await remember(store, 100, user="bob")
    await remember(store, 100)
    clock = At(LATER)
    at_work = retaining_of(store, NONE, clock)
    await at_work.set_rule("ann", Rule("p", days=10))
    clock.now += timedelta(hours=2)
    assert [each.would_remove for each in await at_work.rules("bob")] == [0]
    assert await at_work.look() == 1
    assert (await left(store), await left(store, "bob")) == (set(), set(theirs))


async def test_what_was_just_stored_stays_a_day_however_long_ago_it_was_said(store: MemoryStore) -> None:
    imported = await remember(store, 1000)
    soon = retaining_of(store, NINETY, At(NOW + timedelta(hours=23)))
    assert await soon.look() == 0
    assert [each.would_remove for each in await soon.rules("ann")] == [1]  # it is said before it happens
    assert await left(store) == set(imported)
    assert await retaining_of(store, NINETY, At(LATER)).look() == 1  # its hour began with the first look


async def test_nothing_is_removed_by_a_clock_that_jumped_until_it_went_on_for_a_day(store: MemoryStore) -> None:
    known = await remember(store, 1, 2, 3)
    clock = At(NOW + timedelta(days=1000))
    first = retaining_of(store, NINETY, clock)  # it has never looked: what was stored last tells the time
    assert await first.look() == 0
    assert "999 days" in first.trouble or "1,000 days" in first.trouble
    clock.now += timedelta(hours=23)
    assert await retaining_of(store, NINETY, clock).look() == 0  # another process doubts it, too
    clock.now = LATER
    put_right = retaining_of(store, NINETY, clock)
    assert await put_right.look() == 0
    assert put_right.trouble == ""
    assert await left(store) == set(known)
    clock.now += timedelta(days=200)  # a laptop that slept for long
    assert await put_right.look() == 0
    for _ in range(24):
        clock.now += timedelta(hours=1)
        await put_right.look()
    assert await left(store) == set()


async def test_a_clock_set_back_removes_nothing(store: MemoryStore) -> None:
    known = await remember(store, 100)
    at_work = retaining_of(store, NINETY, At(NOW - timedelta(days=3000)))
    assert await at_work.look() == 0
    assert at_work.trouble == ""
    assert await left(store) == set(known)


@given(st.lists(st.timedeltas(timedelta(days=-4000), timedelta(days=4000)), max_size=30))
def test_however_a_clock_goes_it_is_believed_only_after_a_small_step_or_a_day(steps: list[timedelta]) -> None:
    clock, now = Clock(believed=NOW), NOW
    doubted_since: datetime | None = None
    for step in steps:
        before, now = clock, now + step
        clock = advance_clock(before, now)
        if clock.is_believed and before.is_believed:
            assert now - before.believed <= jump_max
        elif clock.is_believed:
            assert now - before.believed <= jump_max or (doubted_since and now - doubted_since >= doubt_lasts)
        doubted_since = clock.doubted_since
        assert clock.is_believed == (clock.believed == now)


@pytest.mark.parametrize(
    "rule",
    [Rule(), Rule("  "), Rule("p", days=0), Rule("p", days=10**6), Rule("p", size_mb=0), Rule("p", size_mb=-1.0)],
)
async def test_a_rule_that_makes_no_sense_is_refused(store: MemoryStore, rule: Rule) -> None:
    with pytest.raises(InvalidInput):
        await retaining_of(store, NONE, At(NOW)).set_rule("ann", rule)


async def test_a_search_finds_nothing_that_retention_removed(store: MemoryStore) -> None:
    vector = np.full(384, 384**-0.5, np.float16)
    memory = accept(Memory("the old walrus", Kind.CONVERSATION, "p", NOW - timedelta(days=100)), NOW)
    inserted = await store.insert([NewRow(memory, "ann", vector, vector)], "m")
    with MemoryIndex(384) as index:
        await Indexing(store, index, "m", None).start()
        storing = Storing(store, index, None, Generations(None))
        await in_force(store, NINETY, At(LATER))
        assert await Retaining(store, storing, NINETY, At(LATER)).look() == 1
        held, _ = await index.held_sequences()
        assert inserted[0].sequence not in held.tolist()


async def test_the_settings_rule_waits_for_its_hour_and_a_restart_neither_skips_nor_repeats_it(
    store: MemoryStore,
) -> None:
    await remember(store, 100, 200)
    clock = At(LATER)
    for _ in range(4):  # a process each
        assert await retaining_of(store, NINETY, clock).look() == 0
        clock.now += timedelta(minutes=15)
    assert await retaining_of(store, NINETY, clock).look() == 2


@pytest.mark.parametrize(
    "changed", [Rule(days=3, is_default=True), replace(NINETY, reflections=True), replace(NINETY, size_mb=1e-6)]
)
async def test_a_rule_of_the_settings_that_is_changed_waits_anew(store: MemoryStore, changed: Rule) -> None:
    kept = await remember(store, 10, 10.5, text="x" * 100)
    await remember(store, 500, kind=Kind.REFLECTION)
    clock = At(LATER)
    assert await (await in_force(store, NINETY, clock)).look() == 0
    assert await retaining_of(store, changed, clock).look() == 0
    clock.now += timedelta(minutes=59)
    assert await retaining_of(store, changed, clock).look() == 0
    assert set(kept) < await left(store)
    clock.now += timedelta(minutes=1)
    assert await retaining_of(store, changed, clock).look() > 0


async def test_a_rule_that_was_away_meanwhile_waits_anew(store: MemoryStore) -> None:
    clock = At(LATER)
    assert await (await in_force(store, NINETY, clock)).look() == 0
    await remember(store, 100)
    assert await retaining_of(store, NONE, clock).look() == 0
    clock.now += timedelta(days=3)
    assert await retaining_of(store, NINETY, clock).look() == 0
    clock.now += timedelta(hours=1)
    assert await retaining_of(store, NINETY, clock).look() == 1


async def test_a_rule_that_was_first_seen_by_a_clock_ahead_waits_by_the_right_one(store: MemoryStore) -> None:
    await remember(store, 100)
    assert await retaining_of(store, NINETY, At(NOW + timedelta(days=4000))).look() == 0
    clock = At(LATER)
    assert await retaining_of(store, NINETY, clock).look() == 0
    clock.now += timedelta(hours=1)
    assert await retaining_of(store, NINETY, clock).look() == 1


class Watched:
    """A store that counts what it is asked, and may do something else first."""

    def __init__(self, store: MemoryStore, first: Callable[[str], Awaitable[object]] | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self._store, self._first = store, first

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        async def ask(*arguments: object) -> object:
            self.asked[name] += 1
            if self._first:
                await self._first(name)
            return await getattr(self._store, name)(*arguments)

        return ask


def watched(store: MemoryStore, first: Callable[[str], Awaitable[object]] | None = None) -> MemoryStore:
    return cast("MemoryStore", Watched(store, first))


async def test_however_much_is_due_it_is_looked_for_once(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_job, "batch", 3)
    await remember(store, *range(100, 120))
    await in_force(store, NINETY, At(LATER))
    asked = watched(store)
    assert await retaining_of(asked, NINETY, At(LATER)).look() == 20
    counts = cast("Watched", asked).asked
    assert (counts["due"], counts["delete_due"] >= 7) == (1, True)
    assert await left(store) == set()


async def test_where_there_is_no_rule_nothing_is_counted(store: MemoryStore) -> None:
    await remember(store, 100)
    asked = watched(store)
    at_work = retaining_of(asked, NONE, At(LATER))
    await at_work.set_rule("ann", Rule("kept"))
    assert await at_work.describe("ann", "p") == ""
    assert [each.would_remove for each in await at_work.rules("ann")] == [0, 0]
    assert await at_work.look() == 0
    counts = cast("Watched", asked).asked
    assert (counts["due_counts"], counts["due"]) == (0, 0)


async def test_a_rule_that_is_thought_over_while_it_is_at_work_removes_no_more(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_job, "batch", 2)
    await remember(store, *range(100, 110))
    await in_force(store, NINETY, At(LATER))
    at_work: list[Retaining] = []

    async def think_over(name: str) -> None:
        if name == "delete_due" and not await store.rules("ann"):
            changes.append(asyncio.create_task(at_work[0].set_rule("ann", Rule("p"))))

    changes: list[asyncio.Task[object]] = []
    at_work.append(retaining_of(watched(store, think_over), NINETY, At(LATER)))
    removed = await at_work[0].look()
    await asyncio.gather(*changes)
    assert removed == 2
    assert len(await left(store)) == 8


async def test_what_was_said_again_since_it_was_found_to_be_due_stays(store: MemoryStore) -> None:
    first, *_ = await remember(store, 100, 101, 102)
    await in_force(store, NINETY, At(LATER))

    async def say_again(name: str) -> None:
        if name == "delete_due":
            content = "said 100 days ago in p 100"
            memory = accept(Memory(content, Kind.CONVERSATION, "p", NOW), NOW)
            assert await store.restate([NewRow(memory, "ann")], "none")

    assert await retaining_of(watched(store, say_again), NINETY, At(LATER)).look() == 2
    assert await left(store) == {first}


async def test_days_count_from_the_last_time_it_was_said(store: MemoryStore) -> None:
    await remember(store, 100)
    memory = accept(Memory("said 100 days ago in p 100", Kind.CONVERSATION, "p", NOW - timedelta(days=50)), NOW)
    assert len(await store.restate([NewRow(memory, "ann")], "none")) == 1
    clock = At(LATER)
    at_work = await in_force(store, NINETY, clock)
    assert [each.would_remove for each in await at_work.rules("ann")] == [0]
    assert await at_work.look() == 0
    for _ in range(7):
        clock.now += timedelta(days=6)
        assert await at_work.look() == (clock.now >= NOW + timedelta(days=40))


TEXTS = {"short": "x" * 80, "long": "y" * 2000, "wide": "\N{GREEK SMALL LETTER OMEGA}" * 300}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_encryption_changes_neither_what_is_over_a_size_nor_what_a_quota_counts(
    tmp_path: Path, text: str
) -> None:
    content_bytes = len(f"{text} 10.0".encode())
    found = []
    for name, vault in (("clear", None), ("sealed", Vault(bytes(range(32))))):
        (tmp_path / name).mkdir()
        async with open_shards(tmp_path / name, 1, StoreSettings(vault=vault)) as opened:
            await remember(opened, *(10 + number / 10 for number in range(40)), text=text)
            at_work = await in_force(opened, Rule(size_mb=25.5 * content_bytes / 1e6, is_default=True), At(LATER))
            found.append((await opened.usage("ann"), await at_work.look()))
    assert found == [((40, 40 * content_bytes), 15)] * 2


async def test_metadata_counts_as_text_whatever_is_in_it(store: MemoryStore) -> None:
    metadata = {"note": "\N{SNOWMAN}" * 10}
    await store.insert([NewRow(Memory("four", Kind.CONVERSATION, "p", NOW, metadata=metadata, id="i"), "ann")], "none")
    assert await store.usage("ann") == (1, len("four") + len(json.dumps(metadata)))
