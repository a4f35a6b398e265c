"""The caches: what is kept, what a write makes unreachable, and what happens while Redis is away."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count

import numpy as np
import pytest
from redis.asyncio import Redis

from services.kit.errors import InvalidInput, NotFound, Unavailable
from services.memory.domain.memories import Kind, Memory, metadata_max_bytes
from services.memory.domain.queries import Beside, Found, Results
from services.memory.messages import encoded_results
from services.memory.search.result_cache import (
    EncodedPage,
    Generations,
    SearchCache,
    Shared,
    _version_key,
    pages_max_bytes,
    query_key,
)
from services.memory.search.result_list import Ranking, unpack
from services.memory.storage.redis_cache import open_shared_cache
from tests.fakes import FakeShared
from tests.patience import eventually

ROWS = unpack(bytes(52)).rows.dtype
PAGE = EncodedPage(b"as it is sent", "hybrid")


def ranking(*sequences: int) -> Ranking:
    rows = np.array(
        [(sequence, -1, -1, 0.5, 0.4, True, -1, -1) for sequence in sequences],
        ROWS,
    )
    return Ranking(rows, hybrid=True, shown=len(rows), total=len(rows))


@pytest.fixture(params=["fake", pytest.param("redis", marks=pytest.mark.containers)])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Shared]:
    if request.param == "fake":
        yield FakeShared()
        return
    async with open_shared_cache(request.getfixturevalue("redis_url")) as cache:
        yield cache


async def test_a_value_is_kept_until_its_time_has_passed(shared: Shared) -> None:
    await shared.put("a", b"\x00value", 60)
    await shared.put("b", b"short", 0.001)

    async def is_over() -> bool:
        return await shared.get("b") is None

    await eventually(is_over)
    assert await shared.get("a") == b"\x00value"
    assert await shared.get("never") is None


async def test_a_generation_moves_on_and_never_comes_back(shared: Shared) -> None:
    await shared.move(["x", "y", "new"])
    assert await shared.generations(["x", "y"]) == [None, None]
    seen = set()
    for _ in range(20):
        await shared.begin(["x", "y"])
        (x, y) = await shared.generations(["x", "y"])
        await shared.begin(["x"])
        assert await shared.generations(["x", "y"]) == [x, y]
        seen |= {x}
        await shared.move(["x"])
        assert await shared.generations(["x", "y"]) == [None, y]
    assert len(seen - {None}) == 20
    await shared.move(["new"])
    assert await shared.generations(["new"]) == [None]


async def test_a_write_on_one_replica_moves_the_generation_on_every_other(shared: Shared) -> None:
    here, there = Generations(shared), Generations(shared)
    await here.of("ann", ["p"])
    before = [await there.of("ann", ["p"]), await there.of("ann", ["q"]), await there.of("ann", [])]
    await here.move("ann", ["p"])
    after = [await there.of("ann", ["p"]), await there.of("ann", ["q"]), await there.of("ann", [])]
    assert [was == now for was, now in zip(before, after, strict=True)] == [False, True, False]


async def test_a_project_that_there_is_not_has_no_generation(shared: Shared) -> None:
    async def projects(user: str) -> Sequence[str]:
        return {"eve": ["p"]}.get(user, [])

    generations = Generations(shared, projects)
    assert await generations.of("eve", ["nowhere"]) is None
    assert await generations.of("eve", ["p", "nowhere"]) is None
    assert await shared.generations([_version_key("eve", "p"), _version_key("eve", "nowhere")]) == [None, None]
    assert await generations.of("eve", ["p"]) == await generations.of("eve", ["p"]) is not None
    assert await generations.of("eve", []) is not None


async def test_a_generation_that_was_lost_does_not_bring_back_what_was_found_under_it(shared: Shared) -> None:
    generations = Generations(shared)
    before = await generations.of("ann", ["lost"])
    await shared.move([_version_key("ann", "lost")])  # as it expires, or is evicted
    assert await generations.of("ann", ["lost"]) != before


@pytest.mark.containers
async def test_every_key_in_redis_has_a_time_to_live_and_a_generations_is_the_longest(emptied_redis: str) -> None:
    async with (
        open_shared_cache(emptied_redis) as cache,
        Redis.from_url(emptied_redis, decode_responses=True) as client,
    ):
        generations = Generations(cache)
        for number in range(50):
            await generations.of("bob", [f"p{number}"])
            await generations.move("bob", [f"p{number}", "q"])
        await generations.of("bob", ["p"])
        kept = SearchCache(cache, generations)
        await kept.keep_ranking("key", ranking(1))
        name = _version_key("bob", "p")
        await client.pexpire(f"segue:memory:{name}", 1_000)
        await cache.generations([name])  # a use makes it live on
        lives_s = {str(key): await client.ttl(key) for key in await client.keys("*")}
    assert min(lives_s.values()) > 0
    assert lives_s[f"segue:memory:{name}"] > 2 * lives_s["segue:memory:ranking:key"]


@pytest.mark.containers
async def test_what_earlier_versions_kept_without_end_is_given_one(emptied_redis: str) -> None:
    async with (
        open_shared_cache(emptied_redis) as cache,
        Redis.from_url(emptied_redis, decode_responses=True) as client,
    ):
        await client.mset({f"segue:memory:{number:032x}": 1_700_000_000_000_000_000 for number in range(1_200)})
        await client.set("segue:memory:ranking:x", b"x", px=300_000)
        await client.set("another:program", b"x")
        await cache.limit_lives()
        lives_ms = {str(key): await client.pttl(key) for key in await client.keys("segue:*")}
        assert len(lives_ms) == 1_201
        assert min(lives_ms.values()) > 0
        assert lives_ms["segue:memory:ranking:x"] <= 300_000
        assert await client.ttl("another:program") == -1
        assert await cache.generations([f"{7:032x}"]) == [1_700_000_000_000_000_000]


async def test_a_ranking_is_found_by_every_replica(shared: Shared) -> None:
    key = query_key("ann", "which", str(next(count())))
    await SearchCache(shared, Generations(shared)).keep_ranking(key, ranking(3, 1, 2))
    found = await SearchCache(shared, Generations(shared)).ranking(key)
    assert found is not None
    assert found.sequences == [3, 1, 2]


async def test_without_a_shared_cache_each_process_counts_for_itself() -> None:
    generations = Generations(None)
    before = await generations.of("ann", ["p"])
    await generations.move("bob", ["p"])
    assert await generations.of("ann", ["p"]) == before
    await generations.move_all()
    assert await generations.of("ann", ["p"]) != before


class AwayShared(FakeShared):
    """Cannot be reached while `away`."""

    away = True

    async def generations(self, names: Sequence[str]) -> list[int | None]:
        self._reach()
        return await super().generations(names)

    async def move(self, names: Sequence[str]) -> None:
        self._reach()
        await super().move(names)

    async def get(self, key: str) -> bytes | None:
        self._reach()
        return await super().get(key)

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("away")


async def test_a_write_while_redis_is_away_is_told_before_the_cache_is_used_again() -> None:
    shared = AwayShared()
    shared.away = False
    generations, other = Generations(shared), Generations(shared)
    before = await generations.of("ann", ["p"]), await other.of("ann", ["p"])
    shared.away = True
    await generations.move("ann", ["p"])
    assert await generations.of("ann", ["p"]) is None
    shared.away = False
    assert await generations.of("ann", ["p"]) not in before
    assert await other.of("ann", ["p"]) not in before


async def test_while_redis_is_away_a_search_finds_nothing_kept_and_a_cursor_lives_here() -> None:
    cache = SearchCache(shared := AwayShared(), Generations(shared))
    assert await cache.ranking("key") is None
    name = await cache.open_cursor("ann", "q" * 32, ranking(1))
    assert (await cache.at_cursor("ann", name)).sequences == [1]


async def test_a_cursor_is_its_owners_and_its_querys() -> None:
    cache = SearchCache(None, Generations(None))
    name = await cache.open_cursor("ann", query_key("one"), ranking(7))
    assert (await cache.at_cursor("ann", name, query_key("one"))).sequences == [7]
    with pytest.raises(NotFound):
        await cache.at_cursor("bob", name)
    with pytest.raises(InvalidInput):
        await cache.at_cursor("ann", name, query_key("two"))


def test_an_empty_key_keeps_nothing() -> None:
    cache = SearchCache(None, Generations(None))
    cache.keep_page("", PAGE)
    cache.keep_page("key", PAGE)
    assert cache.page("") is None
    assert cache.page("key") is PAGE


def page_of(number: int) -> EncodedPage:
    """Fifty short memories, each with as much metadata as may be, made of many small parts."""
    metadata = {f"key{number}": f"value{number}" for number in range(2_500)}
    assert 50_000 < len(json.dumps(metadata)) <= metadata_max_bytes
    memory = Memory("short", Kind.CONVERSATION, "p", datetime.now(UTC), metadata=metadata, id=str(number))
    beside = Beside(str(number), "short")
    found = [Found(memory, 0.5, 0.5, "both", beside, beside)] * 50
    return EncodedPage(encoded_results(Results(found, 50, "hybrid", 0.0)), "hybrid")


@pytest.mark.slow
def test_pages_take_no_more_than_they_may_whatever_is_in_them() -> None:
    cache = SearchCache(None, Generations(None))
    cache.keep_page("warm", page_of(0))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(4):  # two of them fit
            cache.keep_page(f"key {number}", page_of(number))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.page("key 3") is not None
    assert after - before <= pages_max_bytes * 1.05


def test_many_small_pages_and_cursors_take_no_more_either() -> None:
    cache = SearchCache(None, Generations(None))
    tracemalloc.start()
    try:
        for number in range(40_000):
            cache.keep_page(f"key {number:032}", EncodedPage(bytes(10), "hybrid"))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after <= pages_max_bytes * 1.05


def test_a_page_larger_than_all_that_may_be_kept_is_not_kept_and_costs_no_other() -> None:
    cache = SearchCache(None, Generations(None))
    cache.keep_page("small", PAGE)
    cache.keep_page("large", EncodedPage(bytes(pages_max_bytes), "hybrid"))
    assert cache.page("large") is None
    assert cache.page("small") is PAGE


def test_a_ranking_comes_back_from_its_bytes() -> None:
    packed = ranking(5, 4).pack()
    assert unpack(packed).sequences == [5, 4]
    with pytest.raises(ValueError, match="buffer"):
        unpack(packed[:-1])


async def test_a_redis_that_is_not_there_is_unavailable_at_once_the_second_time() -> None:
    async with open_shared_cache("redis://127.0.0.1:1/0") as cache:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await cache.get("x")
        assert await cache.is_reachable() is False
