"""Links as searches use them: whatever is read while one is made, the next search knows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.store import MemoryStore
from services.memory.operations.link_projects import Linking
from services.memory.search.result_cache import Generations
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.patience import PATIENCE_S
from tests.unit.memory.rows import row

LINK = Link("heron", "egret", LinkType.RELATED, "", datetime(2026, 3, 1, tzinfo=UTC))


class Slow:
    """A store that answers with the links of when it was asked, and makes links, once it is let."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.may_answer, self.was_asked = asyncio.Event(), asyncio.Event()
        self.may_link, self.is_linking = asyncio.Event(), asyncio.Event()
        self.may_link.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def links(self, user: str) -> list[Link]:
        found = await self._store.links(user)
        self.was_asked.set()
        await self.may_answer.wait()
        return found

    async def link(self, user: str, link: Link) -> None:
        self.is_linking.set()
        await self.may_link.wait()
        await self._store.link(user, link)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Slow]:
    async with open_shards(tmp_path, 1, StoreSettings()) as opened:
        await opened.insert([row("one", "heron"), row("two", "egret")], "m")
        yield Slow(opened)


async def overlapping(linking: Linking, store: Slow) -> asyncio.Task[list[str]]:
    """A search that has read the links, and has not got its answer."""

    async def search() -> list[str]:
        return list(await linking.search_scope("ann", "heron", related=True))

    searching = asyncio.create_task(search())
    await store.was_asked.wait()
    return searching


async def test_a_link_made_while_links_are_read_is_known_to_the_next_search(store: Slow) -> None:
    linking = Linking(cast("MemoryStore", store), Generations(None))
    searching = await overlapping(linking, store)
    restoring = asyncio.create_task(linking.restore("ann", [LINK]))
    store.may_answer.set()
    assert await restoring == 1
    await searching
    assert await linking.search_scope("ann", "heron", related=True) == ("heron", "egret")
    assert await linking.links("ann") == [LINK]


async def test_a_link_taken_away_while_links_are_read_is_used_no_more(store: Slow) -> None:
    linking = Linking(cast("MemoryStore", store), Generations(None))
    await store.link("ann", LINK)
    searching = await overlapping(linking, store)
    assert await linking.unlink("ann", "heron", "egret")
    store.may_answer.set()
    assert await searching == ["heron", "egret"]  # as it was when it was asked
    assert await linking.search_scope("ann", "heron", related=True) == ("heron",)


async def test_a_link_whose_caller_has_gone_is_known_all_the_same(store: Slow) -> None:
    linking = Linking(cast("MemoryStore", store), Generations(None))
    store.may_answer.set()
    assert await linking.links("ann") == []
    store.may_link.clear()
    restoring = asyncio.create_task(linking.restore("ann", [LINK]))
    await store.is_linking.wait()
    restoring.cancel()
    await asyncio.wait([restoring])
    store.may_link.set()
    async with asyncio.timeout(PATIENCE_S):
        while await linking.links("ann") != [LINK]:
            await asyncio.sleep(0)
