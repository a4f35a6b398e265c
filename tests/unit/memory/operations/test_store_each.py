"""A batch of which each part is stored that can be: as if its memories had been sent one by one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from services.kit.errors import Conflict, InvalidInput, LimitExceeded, ServiceError, TooLarge
from services.memory.domain.memories import Kind, Memory, Outcome
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.store import MemoryStore
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards

NOW = datetime.now(UTC)


def memory(content: str, **others: object) -> Memory:
    return replace(Memory(content, Kind.CONVERSATION, "p", NOW), **others)  # type: ignore[arg-type]  # its fields


@asynccontextmanager
async def storing_in(directory: Path, shards: int = 1) -> AsyncIterator[Storing]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_shards(directory, shards, StoreSettings(readers=1, threads=1)))
        index = stack.enter_context(MemoryIndex(384))
        yield Storing(store, index, None, Generations(None))


async def contents(store: MemoryStore) -> set[str]:
    return {each.content for each in (await store.page("ann", 0, 1000)).values()}


def shown(answers: Sequence[Outcome | ServiceError]) -> list[str]:
    return [type(each).__name__ if isinstance(each, ServiceError) else f"{each.duplicate}" for each in answers]


REFUSED = [
    (memory(" \n"), InvalidInput),
    (memory("far", timestamp=NOW + timedelta(days=30)), InvalidInput),
    (memory("old", timestamp=datetime(1969, 1, 1, tzinfo=UTC)), InvalidInput),
    (memory("tagged", tags=tuple(map(str, range(51)))), TooLarge),
    (memory("x" * 300_000), TooLarge),
    (memory("named", project="p" * 201), TooLarge),
    (memory("<private>all of it</private>"), InvalidInput),
]


@pytest.mark.parametrize("shards", [1, 3])
async def test_what_can_be_stored_is_and_the_rest_is_named_by_its_place(tmp_path: Path, shards: int) -> None:
    batch = [memory("first")]
    for number, (bad, _) in enumerate(REFUSED):
        batch += [bad, memory(f"good {number}", project=f"q{number}")]
    async with storing_in(tmp_path, shards) as storing:
        answers = await storing.remember_each("ann", batch)
        assert [type(each) for each in answers[1::2]] == [kind for _, kind in REFUSED]
        assert all(isinstance(each, Outcome) and not each.duplicate for each in answers[::2])
        assert await contents(storing.store) == {"first", *(f"good {number}" for number in range(len(REFUSED)))}
        assert shown(await storing.remember_each("ann", batch))[::2] == ["True"] * (len(REFUSED) + 1)


async def test_an_id_that_is_another_memorys_refuses_that_one_alone(tmp_path: Path) -> None:
    async with storing_in(tmp_path) as storing:
        await storing.remember("ann", [memory("taken", id="one")])
        batch = [
            memory("a"),
            memory("b", id="one"),
            memory("taken", id="one"),
            memory("c", id="two"),
            memory("d", id="two"),
        ]
        answers = await storing.remember_each("ann", batch)
        assert shown(answers) == ["False", "Conflict", "True", "False", "Conflict"]
        assert await contents(storing.store) == {"taken", "a", "c"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_a_batch_comes_out_as_if_sent_one_by_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    pool = [memory(f"said {number}") for number in range(6)] + [bad for bad, _ in REFUSED[:4]]
    batch = [replace(chance.choice(pool), id=chance.choice(["", "1", "2", "3"])) for _ in range(20)]
    homes = [tmp_path / "together", tmp_path / "apart"]
    await asyncio.gather(*(asyncio.to_thread(home.mkdir) for home in homes))
    async with storing_in(homes[0]) as together, storing_in(homes[1]) as apart:
        one_by_one = [answer for each in batch for answer in await apart.remember_each("ann", [each])]
        assert shown(await together.remember_each("ann", batch)) == shown(one_by_one)
        assert await contents(together.store) == await contents(apart.store)


async def test_an_empty_batch_and_one_of_nothing_but_refusals_store_nothing(tmp_path: Path) -> None:
    async with storing_in(tmp_path) as storing:
        assert await storing.remember_each("ann", []) == []
        assert shown(await storing.remember_each("ann", [memory(""), memory(" ")])) == ["InvalidInput"] * 2
        assert await contents(storing.store) == set()


class Full:
    """A store that takes nothing more for now."""

    async def find_existing(self, _: object) -> dict[int, object]:
        raise LimitExceeded("Too many writes wait.")


async def test_what_is_wrong_with_the_store_is_no_memorys_fault(tmp_path: Path) -> None:
    async with storing_in(tmp_path) as storing:
        full = replace(storing, store=cast("MemoryStore", Full()))
        with pytest.raises(LimitExceeded, match="Too many writes"):
            await full.remember_each("ann", [memory("a"), memory("b")])


async def test_one_memory_alone_still_raises_what_is_wrong_with_it(tmp_path: Path) -> None:
    async with storing_in(tmp_path) as storing:
        await storing.remember("ann", [memory("a", id="one")])
        with pytest.raises(Conflict):
            await storing.remember("ann", [memory("b", id="one")])
        with pytest.raises(InvalidInput):
            await storing.remember("ann", [memory("c"), memory("")])
        assert await contents(storing.store) == {"a"}


async def test_of_links_those_are_kept_that_can_be(tmp_path: Path) -> None:
    def link(source: str, target: str) -> Link:
        return Link(source, target, LinkType.RELATED, "", NOW)

    async with storing_in(tmp_path) as storing:
        linking = Linking(storing.store, Generations(None))
        sent = [link("a", "b"), link("a", "a"), link("", "b"), link("a", "b"), link("c" * 201, "d"), link("c", "d")]
        answers = await linking.restore_each("ann", sent)
        assert [each if isinstance(each, bool) else type(each) for each in answers] == [
            True,
            InvalidInput,
            InvalidInput,
            False,
            TooLarge,
            True,
        ]
        assert [(each.source, each.target) for each in await linking.links("ann")] == [("a", "b"), ("c", "d")]
        with pytest.raises(InvalidInput):
            await linking.restore("ann", [link("a", "a")])
