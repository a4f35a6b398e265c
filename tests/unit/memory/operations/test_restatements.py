"""What is said again is one memory with its last time, its tags and metadata; in another session it is another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import duckdb
import numpy as np
import pytest

from services.kit.encryption.vault import Vault
from services.kit.errors import Conflict
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Kind, Memory, Outcome, accept, metadata_max_bytes, tags_max
from services.memory.domain.queries import Filter, Query, Results, Sort
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.embedder import DIMENSIONS
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.snapshot import SNAPSHOT, SnapshotFile
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import Storing
from services.memory.search.result_cache import Generations, SearchCache
from services.memory.search.search import Searching
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.fakes import FakeEmbedder
from tests.unit.memory.stores import POSTGRES, open_any

MARCH = datetime(2026, 3, 1, 9, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, 9, tzinfo=UTC)
STORES = [
    pytest.param((1, None), id="one"),
    pytest.param((3, None), id="three", marks=pytest.mark.slow),
    pytest.param((2, Vault(bytes(range(32)))), id="two sealed"),
    pytest.param((POSTGRES, None), id="postgres", marks=pytest.mark.slow),
    pytest.param((POSTGRES, Vault(bytes(range(32)))), id="postgres sealed", marks=pytest.mark.slow),
]


@dataclass
class Service:
    """Storing and searching on one store, as the service has them."""

    store: MemoryStore
    index: MemoryIndex
    indexing: Indexing
    storing: Storing
    searching: Searching

    async def remember(self, *memories: Memory) -> list[Outcome]:
        return await self.storing.remember("ann", memories)

    async def found(self, text: str, sort: Sort = Sort.RELEVANCE, **conditions: object) -> list[Memory]:
        query = Query(text, project="p", filter=Filter(**conditions), sort=sort)  # type: ignore[arg-type]
        return [each.memory for each in (await self.search(query)).found]

    async def search(self, query: Query) -> Results:
        """What is found now, whatever was found before."""
        kept: list[Results] = []
        uncached = replace(self.searching, cache=SearchCache(None, Generations(None)))
        await uncached.search("ann", query, lambda results: kept.append(results) or b"")  # type: ignore[func-returns-value]
        return kept[0]

    async def all(self) -> list[Memory]:
        return list((await self.store.page("ann", 0, 1000)).values())


@asynccontextmanager
async def served(home: Path, shards: int = 1, vault: Vault | None = None) -> AsyncIterator[Service]:
    async with open_any(home, shards, vault) as store:
        with MemoryIndex(DIMENSIONS) as index:
            embedder = FakeEmbedder()
            indexing = Indexing(store, index, embedder.model, SnapshotFile(home / SNAPSHOT, vault), 1)
            await indexing.start()
            generations = Generations(None)
            storing = Storing(store, index, embedder, generations)
            linking = Linking(store, generations)
            yield Service(
                store,
                index,
                indexing,
                storing,
                Searching(store, index, embedder, linking, SearchCache(None, generations)),
            )


@pytest.fixture(params=STORES)
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path, *request.param) as opened:
        yield opened


def said(content: str, at: datetime = MARCH, session: str = "", **rest: object) -> Memory:
    return Memory(content, Kind.CONVERSATION, "p", at, session, **rest)  # type: ignore[arg-type]


def noted(content: str, at: datetime = MARCH, *tags: str) -> Memory:
    return Memory(content, Kind.REFLECTION, "p", at, tags=tags)


async def test_the_same_words_in_two_sessions_are_a_memory_of_each(service: Service) -> None:
    for session, at in (("sA", MARCH), ("sB", AUGUST)):
        turns = [
            said(f"Shall I deploy build {session} to the canary?", at, session),
            said("Yes, go ahead and deploy it to the canary", at + timedelta(minutes=1), session),
            said(f"Deployed, canary of {session} is healthy", at + timedelta(minutes=2), session),
        ]
        outcomes = await service.remember(*turns)
        assert [each.duplicate for each in outcomes] == [False, False, False]
        assert [each.duplicate for each in await service.remember(*turns)] == [True, True, True]
        surroundings = await service.searching.get("ann", outcomes[0].id, 2)
        assert [each.content for each in surroundings.after] == [turn.content for turn in turns[1:]]
    for session, at in (("sA", MARCH), ("sB", AUGUST)):
        (consent,) = [each for each in await service.found("go ahead", session_id=session) if "Yes" in each.content]
        assert (consent.session_id, consent.timestamp) == (session, at + timedelta(minutes=1))
    lately = await service.found("go ahead and deploy", since=AUGUST)
    assert [each.session_id for each in lately if "Yes" in each.content] == ["sB"]


async def test_of_what_was_said_in_several_sessions_the_latest_is_shown_once(service: Service) -> None:
    times = {"s1": AUGUST, "s2": AUGUST + timedelta(days=2), "s3": MARCH}
    for session, at in times.items():
        await service.remember(
            said(f"Are the ferries of {session} to sail now?", at - timedelta(minutes=1), session),
            said("Yes, let the ferries sail at once", at, session),
        )
    found = await service.search(Query("let the ferries sail", project="p"))
    (shown,) = [each for each in found.found if each.memory.content.startswith("Yes")]
    assert (shown.memory.session_id, shown.folded) == ("s2", 2)
    yes = {each.session_id: each.id for each in await service.all() if each.content.startswith("Yes")}
    assert set(shown.folded_ids) == {yes["s1"], yes["s3"]}
    newest = [each for each in await service.found("let the ferries sail", Sort.NEWEST) if "Yes" in each.content]
    assert [each.session_id for each in newest] == ["s2", "s1", "s3"]


async def test_a_score_is_never_above_that_of_the_result_before_it(service: Service) -> None:
    for number in range(6):
        await service.remember(
            said("Yes, let the ferries sail", MARCH + timedelta(days=number), f"s{number}"),
            said(f"the ferries of harbour {number} sail in weather {number}", MARCH, f"s{number}"),
        )
    results = await service.search(Query("let the ferries sail", project="p"))
    scores = [each.score for each in results.found]
    assert scores == sorted(scores, reverse=True)


async def test_a_decision_that_was_taken_up_again_is_as_new_as_its_last_time(service: Service) -> None:
    january, april, september = (datetime(2026, month, 10, tzinfo=UTC) for month in (1, 4, 9))
    (first,) = await service.remember(noted("We use pnpm as the package manager", january, "decision"))
    await service.remember(noted("We no longer use pnpm, the package manager is npm now", april, "decision"))
    (again,) = await service.remember(noted("We use pnpm as the package manager", september, "decision"))
    assert (again.duplicate, again.id, again.stored_at) == (True, first.id, first.stored_at)
    newest, older = await service.found("package manager pnpm", Sort.NEWEST, tags=("decision",))
    assert (newest.timestamp, newest.first_said, newest.content[:12]) == (september, january, "We use pnpm ")
    assert (older.timestamp, older.first_said) == (april, None)
    assert [each.id for each in await service.found("package manager", since=april + timedelta(days=1))] == [first.id]
    assert [each.id for each in await service.found("package manager", until=april)] == []
    stats = await service.store.stats("ann", "p", "m")
    assert (stats.oldest, stats.most_recent, stats.reflections) == (january, september, 2)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("at_once", [True, False], ids=["one call", "three calls"])
async def test_the_first_and_last_time_do_not_depend_on_the_order(
    tmp_path: Path, order: Sequence[int], at_once: bool
) -> None:
    memories = [noted("The lock is in the vestry", MARCH + timedelta(days=each), f"tag{each}") for each in order]
    async with served(tmp_path) as service:
        for batch in [memories] if at_once else [[each] for each in memories]:
            outcomes = await service.remember(*batch)
            assert [each.tags for each in outcomes] == [each.tags for each in batch]
        (kept,) = await service.all()
        assert (kept.first_said, kept.timestamp) == (MARCH, MARCH + timedelta(days=2))
        assert set(kept.tags) == {"tag0", "tag1", "tag2"}
        for number in range(3):
            assert len(await service.found("the lock", tags=(f"tag{number}",))) == 1


async def test_more_tags_and_metadata_are_added_and_found(service: Service) -> None:
    (first,) = await service.remember(replace(noted("Release branches are cut on Tuesdays", MARCH, "release")))
    (again,) = await service.remember(noted("Release branches are cut on Tuesdays", MARCH, "process", "calendar"))
    assert (again.duplicate, again.id, again.tags) == (True, first.id, ("process", "calendar"))
    for tag in ("release", "process", "calendar"):
        assert [each.id for each in await service.found("release branches", tags=(tag,))] == [first.id]
    assert [each.id for each in await service.found("calendar")] == [first.id]  # a tag's words find it, too
    surroundings = await service.searching.get("ann", first.id, 1)
    assert surroundings.memory.tags == ("release", "process", "calendar")

    cut = said("Cut it from main", AUGUST, "s1", metadata={"by": "ann", "kept": 1})
    await service.remember(cut)
    await service.remember(replace(cut, metadata={"kept": 2, "files": ["src/release.py"]}))
    (kept,) = await service.found("cut it", file_path="src/release.py")
    assert kept.metadata == {"by": "ann", "kept": 1, "files": ["src/release.py"]}
    assert (await service.store.usage("ann"))[1] == sum(each.size for each in await service.all())


async def test_a_memory_keeps_its_vectors_its_place_and_its_sharing_when_it_gets_more_tags(service: Service) -> None:
    turns = [said(f"turn {number} of the pilot", MARCH + timedelta(minutes=number), "s") for number in range(3)]
    outcomes = await service.remember(*turns)
    await service.storing.share("ann", outcomes[1].id, True)
    before = await vectors(service)
    await service.remember(replace(turns[1], tags=("harbour",)))
    assert await vectors(service) == before
    middle = await service.searching.get("ann", outcomes[1].id, 1)
    assert ([each.id for each in middle.before], [each.id for each in middle.after]) == (
        [outcomes[0].id],
        [outcomes[2].id],
    )
    assert (middle.memory.shared, middle.memory.tags) == (True, ("harbour",))
    assert (await service.searching.get("bob", outcomes[1].id, 0)).memory.author == "ann"
    assert await service.store.without_embedding(service.storing.embedder.model, 10) == []  # type: ignore[union-attr]


async def vectors(service: Service) -> set[tuple[str, bytes, bytes]]:
    model = service.storing.embedder.model  # type: ignore[union-attr]
    held = (await service.store.inventory(model)).sequences
    loaded = [part async for part in service.store.load(model, held, text=True)]
    return {
        (part.content[at], bytes(part.content_vector[at]), bytes(part.context_vector[at]))
        for part in loaded
        for at in range(len(part.sequence))
    }


async def test_what_says_nothing_new_writes_nothing(service: Service) -> None:
    turn = said("All 41 tests pass.", MARCH, "s", tags=("ci",), metadata={"a": 1})
    (first,) = await service.remember(turn)
    sequence, changes = await service.store.find("ann", first.id), service.index.changes
    for again in (turn, replace(turn, tags=(), metadata={}), replace(turn, content="  All 41  tests pass. ")):
        assert (await service.remember(again))[0].duplicate
    assert (await service.store.find("ann", first.id), service.index.changes) == (sequence, changes)
    assert (await service.all())[0].first_said is None


async def test_a_forked_sessions_copy_is_the_first_ones_memory_by_its_id(service: Service) -> None:
    turn = said("Run the tests again", MARCH, "first", id="turn-1")
    await service.remember(turn)
    copy, fresh = replace(turn, session_id="fork"), said("And the linter", AUGUST, "fork", id="turn-2")
    outcomes = await service.remember(copy, fresh)
    assert [(each.id, each.duplicate) for each in outcomes] == [("turn-1", True), ("turn-2", False)]
    assert {(each.session_id, each.timestamp) for each in await service.all()} == {("first", MARCH), ("fork", AUGUST)}
    with pytest.raises(Conflict):
        await service.remember(replace(copy, content="Run the tests never"))
    outcomes = await service.remember(said("a", id="new", session="x"), said("a", id="new", session="y"))
    assert [each.duplicate for each in outcomes] == [False, True]
    with pytest.raises(Conflict):
        await service.remember(said("b", id="newer", session="x"), said("c", id="newer", session="x"))


async def test_a_session_id_that_is_left_out_is_a_session_of_its_own(service: Service) -> None:
    await service.remember(said("We ship on Fridays", MARCH, "s"))
    assert [each.duplicate for each in await service.remember(said("We ship on Fridays", AUGUST))] == [False]
    assert [each.duplicate for each in await service.remember(said("We ship on Fridays", AUGUST))] == [True]
    assert len(await service.found("ship on Fridays")) == 1


async def test_what_a_memory_cannot_hold_any_more_is_left_out_and_said(service: Service) -> None:
    many = [f"tag{number}" for number in range(tags_max)]
    await service.remember(noted("The bell is cracked", MARCH, *many[:-1]))
    (again,) = await service.remember(noted("The bell is cracked", MARCH, "fits", "too many"))
    assert again.tags == ("fits",)
    assert len((await service.all())[0].tags) == tags_max
    large = {"a": "x" * (metadata_max_bytes - 100)}
    await service.remember(said("The bell tolls", metadata=large))
    await service.remember(said("The bell tolls", metadata={"b": "y" * 200, "c": "z"}))
    (bell,) = [each for each in await service.all() if each.content == "The bell tolls"]
    assert bell.metadata == large | {"c": "z"}


async def test_said_at_once_by_many_it_is_one_memory_with_all_that_they_say(service: Service) -> None:
    calls = [noted("The tide turns", MARCH + timedelta(hours=each), f"tag{each}") for each in range(12)]
    outcomes = await asyncio.gather(*(service.remember(each) for each in calls))
    assert [each[0].duplicate for each in outcomes].count(False) == 1
    (kept,) = await service.all()
    assert (kept.first_said, kept.timestamp) == (MARCH, MARCH + timedelta(hours=11))
    assert set(kept.tags) == {f"tag{each}" for each in range(12)}
    for number in range(12):
        found = await service.found("the tide", tags=(f"tag{number}",), since=MARCH + timedelta(hours=11))
        assert [each.id for each in found] == [kept.id]
    held, _ = await service.index.held_sequences()
    assert len(held) == len(await vectors(service)) == 1


@pytest.mark.parametrize("kept", STORES)
async def test_an_index_from_a_snapshot_of_before_hears_of_it_at_the_start(
    tmp_path: Path, kept: tuple[int, Vault | None]
) -> None:
    async with served(tmp_path, *kept) as service:
        await service.remember(noted("The ebb is early", MARCH, "sea"), noted("The flood is late", MARCH, "sea"))
        await service.indexing.write(1)
        await service.remember(noted("The ebb is early", AUGUST), noted("The flood is late", MARCH, "river"))
    async with served(tmp_path, *kept) as service:  # as after a kill: no other snapshot was written
        assert [each.content for each in await service.found("early", since=AUGUST)] == ["The ebb is early"]
        assert [each.content for each in await service.found("late", tags=("river",))] == ["The flood is late"]
        held, _ = await service.index.held_sequences()
        assert len(held) == 2


async def test_a_turn_that_comes_again_in_its_session_stands_where_it_was_said_last(service: Service) -> None:
    ask = "Run the tests again"
    contents = [ask, "41 pass", "Now the docs", ask, "42 pass"]
    turns = [said(each, MARCH + timedelta(minutes=at), "s") for at, each in enumerate(contents)]
    outcomes = await service.remember(*turns)
    around = await service.searching.get("ann", outcomes[2].id, 2)
    assert [each.content for each in around.before] == ["41 pass"]
    assert [each.content for each in around.after] == [ask, "42 pass"]


async def test_what_was_deleted_can_be_said_anew(service: Service) -> None:
    await service.remember(noted("Gone tomorrow", MARCH, "a"))
    await service.remember(noted("Gone tomorrow", AUGUST, "b"))
    sequences = [await service.store.find("ann", each.id) for each in await service.all()]
    await service.storing.remove([each for each in sequences if each is not None], Removing("ann"))
    assert await service.found("gone tomorrow") == []
    (copied,) = await service.remember(noted("Gone tomorrow", MARCH, "c"))
    assert (copied.was_deleted, await service.all()) == (True, [])
    (anew,) = await service.remember(noted("Gone tomorrow", datetime.now(UTC), "c"))
    assert (anew.duplicate, anew.tags) == (False, ("c",))


async def test_a_log_that_a_kill_left_has_rows_that_were_written_anew(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (tmp_path / "home").mkdir()
    async with served(tmp_path / "home") as service:
        for number in range(20):
            await service.remember(noted(f"note {number}", MARCH, "a"))
        for number in range(20):
            await service.remember(noted(f"note {number}", AUGUST, f"b{number}"))
        for path in (tmp_path / "home").glob("memory.duckdb*"):
            (copy / path.name).write_bytes(path.read_bytes())
    with duckdb.connect(copy / "memory.duckdb") as connection:
        counted = "count(*), count(DISTINCT key), sum(len(tags)), min(sequence) > 20"
        sql = f"SELECT {counted}, (SELECT count(*) FROM embeddings)"
        assert connection.execute(f"{sql} FROM memories").fetchall() == [(20, 20, 40, True, 20)]


@pytest.mark.slow
async def test_a_compaction_takes_over_what_was_said_again_while_it_ran(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        vector = np.full(384, 384**-0.5, np.float16)
        rows = [NewRow(accept(noted(f"note {number}", MARCH, "a"), AUGUST), "ann", vector) for number in range(300)]
        inserted = await store.insert(rows, "m")
        await store.delete([inserted[0].sequence], Removing("ann"))
        compacting = asyncio.create_task(store.compact())
        for number in range(1, 300):
            tags = ("a", "b") if number % 2 else ()
            again = accept(replace(noted(f"note {number}", AUGUST), tags=tags), AUGUST)
            await store.restate([NewRow(again, "ann")], "m")
        await compacting
        found = list((await store.page("ann", 0, 1000)).values())
        assert {each.timestamp for each in found} == {AUGUST}
        assert {each.content: len(each.tags) for each in found} == {f"note {n}": 1 + n % 2 for n in range(1, 300)}
