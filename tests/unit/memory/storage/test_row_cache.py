"""Memories that are kept where they were read are what the database says, for whoever may read them, and no others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.memory.storage.duckdb.row_cache import RowCache, kept_max_bytes, one_max_bytes
from services.memory.storage.duckdb.store import DuckStore
from services.memory.storage.duckdb.writer import Writer
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
        each._cache._kept.clear()


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


def cache_at(rewrites: int) -> tuple[RowCache, Any]:
    writer = SimpleNamespace(rewrites=rewrites)
    return RowCache(cast("Writer", writer)), writer


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    cache, writer = cache_at(3)
    at = cache.rewrites
    writer.rewrites += 1
    cache.keep("ann", {7: said("Before the change.", MARCH)}, at)
    assert cache.visible("ann", [7]) == {}


def test_it_takes_a_bounded_room_and_keeps_what_was_asked_for_last() -> None:
    cache, _ = cache_at(0)
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


def test_another_user_gets_what_is_shared_with_its_author_and_nothing_else() -> None:
    cache, _ = cache_at(0)
    own, open_to_all = said("Mine alone.", MARCH), replace(said("For all.", MARCH), shared=True)
    cache.keep("ann", {1: own, 2: open_to_all}, 0)
    assert cache.visible("ann", [1, 2]) == {1: own, 2: open_to_all}
    assert cache.visible("bob", [1, 2]) == {2: replace(open_to_all, author="ann")}
    cache.keep("bob", {3: replace(open_to_all, author="ann")}, 0)
    assert cache.visible("ann", [3]) == {3: open_to_all}
