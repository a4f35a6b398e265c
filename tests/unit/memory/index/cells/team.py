"""Several users whose memories are in PostgreSQL, each with a cell; and the same found in one index of everybody's."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.kit.encryption.vault import Vault
from services.kit.errors import Conflict
from services.memory.domain.corrections import Edit
from services.memory.domain.deletion_log import Removing, Undoing
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import ContentType, Filter, ListQuery, Query, Results, Sort
from services.memory.domain.rows import ProjectMove
from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cell_files import CELLS, CellFiles
from services.memory.index.cells.cells import Cells
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.operations.correct_memories import Correcting
from services.memory.operations.embedding_backfill import Backfill
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import Storing
from services.memory.search.memory_list import Listing
from services.memory.search.result_cache import Generations, SearchCache
from services.memory.search.search import Searching
from services.memory.storage.postgres.store import PostgresStore
from tests.fakes import FakeEmbedder
from tests.unit.memory.stores import POSTGRES, open_any

USERS = ("ann", "bob", "eve")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = ["otter", "badger", "heron", "ferry", "canary", "lantern", "quarry", "turbine", "glacier", "harbour"]
QUERIES = (
    Query("where is the otter", limit=20),
    Query("ferry heron lantern?", limit=20, project="p", facets=True),
    Query("the quarry of glacier", limit=20, filter=Filter(in_force=True)),
    Query("canary harbour", limit=20, sort=Sort.NEWEST, facets=True),
    Query("badger turbine", limit=20, filter=Filter(session_id="s1"), min_score=0.1),
    Query("badger", limit=20, filter=Filter(tags=("again",), content_type=ContentType.CONVERSATION)),
    Query("", limit=30, is_list=True, filter=Filter(out_of_force=True)),
)


@dataclass
class Team:
    """Storing and searching of several users."""

    store: PostgresStore
    cells: Cells
    storing: Storing

    async def storing_of(self, user: str) -> Storing:
        return replace(self.storing, index=await self.cells.of(user))

    async def remember(self, user: str, *memories: Memory) -> Sequence[str]:
        return [each.id for each in await (await self.storing_of(user)).remember(user, memories)]

    async def found(self, user: str, text: str) -> list[str]:
        results = await search(self.store, await self.cells.of(user), user, Query(text, limit=20))
        return [each.memory.content for each in results.found if each.matched != "semantic"]


@asynccontextmanager
async def team(
    home: Path, size_max_bytes: int = 1 << 30, vault: Vault | None = None, at_once_max: int = 2_000
) -> AsyncIterator[Team]:
    async with open_any(home, POSTGRES, vault) as store:
        assert isinstance(store, PostgresStore)
        files = CellFiles(home / CELLS, vault, FakeEmbedder.model)
        async with Cells(store, FakeEmbedder.model, DIMENSIONS, size_max_bytes, files, at_once_max) as cells:
            yield Team(store, cells, Storing(store, cells.nobody, FakeEmbedder(), Generations(None)))


def searching(store: PostgresStore, index: MemoryIndex) -> Searching:
    return Searching(
        store, index, FakeEmbedder(), Linking(store, Generations(None)), SearchCache(None, Generations(None))
    )


async def search(store: PostgresStore, index: MemoryIndex, user: str, query: Query) -> Results:
    kept: list[Results] = []
    await searching(store, index).search(user, query, lambda results: kept.append(results) or b"")  # type: ignore[func-returns-value]
    return kept[0]


async def seen_in(store: PostgresStore, index: MemoryIndex, user: str) -> list[Any]:
    """All that the user is answered from the index, scores to six digits."""
    seen: list[Any] = []
    for query in QUERIES:
        results = await search(store, index, user, query)
        found = [
            (
                *(each.memory.id, each.memory.author, each.matched, each.memory.out_of_force, each.memory.replaced_by),
                *(each.before and each.before.id, each.after and each.after.id, each.folded_ids),
                round(each.score, 5),
            )
            for each in results.found
        ]
        seen.append((query.text, found, results.total, results.exact, results.facets, results.nearest and 1))
    listed = await Listing(store, index, Linking(store, Generations(None))).list(user, ListQuery(limit=50))
    seen.append([(each.id, each.out_of_force) for each in listed.memories])
    for each in listed.memories[:10]:
        around = await searching(store, index).get(user, each.id, 3)
        seen.append((each.id, [one.id for one in around.before], [one.id for one in around.after]))
    return seen


async def expected(store: PostgresStore, user: str) -> list[Any]:
    """The same from one index of everybody's, made now."""
    with MemoryIndex(DIMENSIONS) as index:
        await Indexing(store, index, FakeEmbedder.model, None).start()
        return await seen_in(store, index, user)


def text_of(rng: random.Random) -> str:
    words = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(2, 9)))
    return f"{words}?" if rng.random() < 0.2 else words


def memory(rng: random.Random, number: int) -> Memory:
    kind = Kind.CONVERSATION if rng.random() < 0.7 else Kind.REFLECTION
    return Memory(
        text_of(rng),
        kind,
        rng.choice("pq"),
        NOON + timedelta(minutes=rng.randrange(-5, 5) + 10 * number),
        rng.choice(["", "s1", "s2"]),
        role=rng.choice(["user", "assistant"]) if kind is Kind.CONVERSATION else "",
        tags=("again",) if rng.random() < 0.2 else (),
        shared=rng.random() < 0.2,
    )


@dataclass
class Changing:
    """A user's memories `one` and `other`, and how they are changed."""

    storing: Storing
    user: str
    rng: random.Random
    sequence: int
    one: Memory
    other: Memory

    async def repeat(self) -> None:
        later = replace(self.one, timestamp=self.one.timestamp + timedelta(minutes=self.rng.randrange(40)))
        await self.storing.remember(self.user, [replace(later, tags=("again",)) if self.rng.random() < 0.5 else later])

    async def delete(self) -> None:
        await self.storing.remove([self.sequence], Removing(self.user))

    async def undelete(self) -> None:
        await self.delete()
        await self.storing.restore(Undoing(self.user, (self.one.id,), datetime.now(UTC)))

    async def share(self) -> None:
        await self.storing.share(self.user, self.one.id, not self.one.shared)

    async def withdraw(self) -> None:
        await Correcting(self.storing).withdraw(self.user, self.one.id, withdrawn=self.rng.random() < 0.7)

    async def replace(self) -> None:
        ids, replaced = (self.one.id, self.other.id), self.rng.random() < 0.7
        await Correcting(self.storing).set_replaced(self.user, *ids, replaced=replaced)

    async def update(self) -> None:
        with suppress(Conflict):  # another one says so
            await Correcting(self.storing).update(self.user, self.one.id, Edit(content=text_of(self.rng)))

    async def merge(self) -> None:
        await self.storing.move_project(ProjectMove(self.user, "q", "p", merges=True))

    async def split(self) -> None:
        await self.storing.move_project(ProjectMove(self.user, "p", "q", splits=True))


OFTEN = ("repeat", "delete", "undelete", "share", "share", "withdraw", "replace", "update")
CHANGES = ("store",) * 20 + OFTEN * 3 + ("merge", "split", "embed")


async def change_something(team: Team, rng: random.Random, number: int) -> str:
    """Any change that there is, by any user; returns what."""
    user, what = rng.choice(USERS), rng.choice(CHANGES)
    known = list((await team.store.page(user, 0, 1_000)).items())
    if what == "embed":
        await Backfill(team.store, team.cells, FakeEmbedder(), Generations(None)).run()
    elif len(known) < 2 or what == "store":
        await team.remember(user, *(memory(rng, number) for _ in range(rng.randrange(1, 4))))
    else:
        (sequence, one), (_, other) = rng.sample(known, 2)
        await getattr(Changing(await team.storing_of(user), user, rng, sequence, one, other), what)()
    return f"{user} {what}"
