"""Memories that are kept where they were read are what the database says, for whoever may read them, and no others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.memory.domain.memories import Memory
from services.memory.storage.duckdb.kept_rows.rewrites import Rewrites
from services.memory.storage.duckdb.kept_rows.row_cache import (
    RowCache,
    kept_max_bytes,
    one_max_bytes,
    unasked_max_bytes,
)
from services.memory.storage.duckdb.store import DuckStore
from services.memory.storage.sharded_store import ShardedStore
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, said, served
from tests.unit.memory.storage.random_changes import change_something


@pytest.fixture(params=[each for each in STORES if "postgres" not in str(each.id)])
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    shards, vault = request.param
    async with served(tmp_path, shards, vault) as opened:
        yield opened


async def every_sequence(service: Service) -> list[int]:
    pages = [await service.store.page(user, 0, 1_000) for user in ("ann", "bob")]
    return sorted(sequence for page in pages for sequence in page)


def empty(service: Service) -> None:
    shards = service.store._shards if isinstance(service.store, ShardedStore) else [service.store]
    for each in shards:
        assert isinstance(each, DuckStore)
        each.rows._cache._kept.clear()
        each.rows._cache._bytes = 0


@pytest.mark.slow
async def test_what_is_kept_is_what_the_database_says_after_whatever_is_written(service: Service) -> None:
    rng, ever = random.Random(5), set[int]()  # no secret
    for number in range(30):
        await change_something(service, rng, number)
        ever |= {*await every_sequence(service)}
        for user in ("ann", "bob", "eve"):
            await service.store.visible(user, sorted(ever))  # so that it is kept
            kept = await service.store.visible(user, sorted(ever))
            empty(service)
            assert kept == await service.store.visible(user, sorted(ever))


async def test_nothing_older_is_read_after_an_answered_change_however_reads_and_changes_meet(service: Service) -> None:
    (outcome,) = await service.storing.remember("ann", [said("It is shared, or not.", MARCH)])
    sequence = (await every_sequence(service))[0]

    async def read() -> None:
        for _ in range(20):
            await service.store.visible("bob", [sequence])

    for number in range(20):
        is_shared = number % 2 == 0
        reading = asyncio.gather(read(), read())
        await service.storing.share("ann", outcome.id, is_shared)
        assert bool(await service.store.visible("bob", [sequence])) == is_shared
        await reading
        assert bool(await service.store.visible("bob", [sequence])) == is_shared


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    rewrites = Rewrites()
    cache = RowCache(rewrites)
    at = cache.rewrites
    rewrites.note(None)
    cache.keep("ann", {7: said("Before the change.", MARCH)}, at)
    assert cache.visible("ann", [7]) == {}


def test_of_a_change_that_says_which_rows_it_rewrote_those_alone_are_forgotten() -> None:
    rewrites = Rewrites()
    cache = RowCache(rewrites)
    cache.keep("ann", {each: said(f"Number {each}.", MARCH) for each in range(4)}, cache.rewrites)
    rewrites.note([1])
    rewrites.note([3, 9])
    assert set(cache.visible("ann", range(4))) == {0, 2}
    rewrites.note([2])
    rewrites.note(None)
    assert cache.visible("ann", range(4)) == {}


def test_who_missed_more_changes_than_are_noted_forgets_everything() -> None:
    rewrites = Rewrites(noted_max=2)
    cache = RowCache(rewrites)
    cache.keep("ann", {7: said("It stays.", MARCH)}, cache.rewrites)
    rewrites.note([1])
    rewrites.note([2])
    assert 7 in cache.visible("ann", [7])
    for each in (1, 2, 3):
        rewrites.note([each])
    assert cache.visible("ann", [7]) == {}


def test_it_takes_a_bounded_room_and_keeps_what_was_asked_for_last() -> None:
    cache = RowCache(Rewrites())
    cache.keep("ann", {0: said("x" * (one_max_bytes + 1), MARCH)}, 0)
    assert cache.visible("ann", [0]) == {}
    large = {each: said(f"{each} " + "x" * 30_000, MARCH + timedelta(hours=each)) for each in range(1, 1_001)}
    for sequence, memory in large.items():
        cache.keep("ann", {sequence: memory}, 0)
        cache.visible("ann", [1])
    kept = cache.visible("ann", large)
    assert {1, 1_000} <= set(kept)
    assert sum(each.size_bytes for each in kept.values()) < kept_max_bytes
    assert kept[1_000] == large[1_000]


def test_what_nobody_asked_for_goes_first_and_leaves_room() -> None:
    cache = RowCache(Rewrites())
    cache.keep("ann", {1: said("It was asked for.", MARCH)}, 0)
    unasked = {each: said(f"{each} " + "x" * 30_000, MARCH) for each in range(1_000, 2, -1)}
    for sequence, memory in unasked.items():
        if cache.has_room:
            cache.keep("", {sequence: replace(memory, author="ann")}, 0, unasked=True)
    kept = cache.visible("ann", range(1_001))
    assert 1 in kept
    assert 1_000 in kept
    assert sum(each.size_bytes for each in kept.values()) < unasked_max_bytes + 2 * one_max_bytes
    for number in range(2_000, 2_200):
        cache.keep("ann", {number: said(f"{number} " + "x" * 30_000, MARCH)}, 0)
    oldest = min(set(kept) - {1})
    assert 1_000 in cache.visible("ann", [1_000])
    assert cache.visible("ann", [oldest]) == {}


@pytest.mark.parametrize("user", ["ann", "bob", "eve"])
async def test_what_is_at_hand_unasked_is_what_the_database_says(service: Service, user: str) -> None:
    rng = random.Random(7)  # no secret
    for number in range(8):
        await change_something(service, rng, number)
    every = await every_sequence(service)
    empty(service)
    expected = await service.store.visible(user, every)
    stores = service.store._shards if isinstance(service.store, ShardedStore) else [service.store]
    empty(service)
    for each in stores:
        assert isinstance(each, DuckStore)
        await each.rows._keep_newest()
        assert each.rows._cache._kept or not (await each.size())[0]
        each.rows._readable = refuse
    assert await service.store.visible(user, [sequence for sequence in every if sequence in expected]) == expected


async def refuse(*_: object) -> dict[int, Memory | None]:
    raise AssertionError("the database was asked")


def test_another_user_gets_what_is_shared_with_its_author_and_nothing_else() -> None:
    cache = RowCache(Rewrites())
    own, open_to_all = said("Mine alone.", MARCH), replace(said("For all.", MARCH), shared=True)
    cache.keep("ann", {1: own, 2: open_to_all}, 0)
    assert cache.visible("ann", [1, 2]) == {1: own, 2: open_to_all}
    assert cache.visible("bob", [1, 2]) == {2: replace(open_to_all, author="ann")}
    cache.keep("bob", {3: replace(open_to_all, author="ann")}, 0)
    assert cache.visible("ann", [3]) == {3: open_to_all}
