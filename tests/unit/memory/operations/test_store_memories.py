"""Storing on a real store and index: what is answered can be found, whatever the text, and nothing holds the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.kit.background_task import Supervisor
from services.kit.encryption.vault import Vault
from services.kit.errors import InvalidInput
from services.memory.domain.memories import Chosen, Kind, Memory, accept
from services.memory.domain.queries import ContentType, Filter, Query
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.index import maintenance as limits
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.messages import encoded_results
from services.memory.operations.delete_memories import Deleting
from services.memory.operations.embedding_backfill import Backfill
from services.memory.operations.health import Condition
from services.memory.operations.link_projects import Linking
from services.memory.operations.store_memories import NO_MODEL, Storing
from services.memory.search.result_cache import Generations, SearchCache
from services.memory.search.search import Searching
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from services.memory.text.file_mentions import paths_max
from services.pb import memory_pb2
from tests.fakes import FakeEmbedder

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SEALED = StoreSettings(vault=Vault(bytes(32)))
FULL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Service:
    """What stores and finds, as the service wires it."""

    store: MemoryStore
    index: MemoryIndex
    indexing: Indexing
    storing: Storing
    searching: Searching
    generations: Generations

    async def stored(self, *contents: str, user: str = "ann") -> Sequence[str]:
        return [each.id for each in await self.storing.remember(user, [memory(content) for content in contents])]

    async def found(self, text: str, user: str = "ann", only: Filter | None = None) -> Sequence[str]:
        results = await self.search(user, Query(text, min_score=0.2, filter=only or Filter()))
        return [each.memory.content for each in results.results if each.matched != "semantic" or only]

    async def search(self, user: str, query: Query) -> memory_pb2.SearchResponse:
        answer = await self.searching.search(user, query, encoded_results)
        return memory_pb2.SearchResponse.FromString(answer.content)

    async def degraded(self, user: str) -> Sequence[str]:
        condition = Condition(
            self.store, self.searching.embedder, "", Path.cwd(), None, self.indexing, {}, Supervisor(), None
        )
        return [each for each in (await condition.stats(user, "", None)).degraded if "cannot be read" in each]


@asynccontextmanager
async def served(home: Path, settings: StoreSettings | None = None, shards: int = 1) -> AsyncIterator[Service]:
    async with open_shards(home, shards, settings or StoreSettings()) as store:
        with MemoryIndex(384) as index:
            embedder, generations = FakeEmbedder(), Generations(None)
            indexing = Indexing(store, index, embedder.model, None)
            await indexing.start()
            searching = Searching(store, index, embedder, Linking(store, generations), SearchCache(None, generations))
            storing = Storing(store, index, embedder, generations)
            yield Service(store, index, indexing, storing, searching, generations)


def memory(content: str, **fields: Any) -> Memory:
    return replace(Memory(content, Kind.CONVERSATION, "p", NOW), **fields)


def change(home: Path, statement: str) -> None:
    with duckdb.connect(str(home / "memory.duckdb")) as connection:
        connection.execute(statement)


def damage_the_first(home: Path) -> None:
    for file in home.glob("memory*.duckdb"):
        with duckdb.connect(str(file)) as connection:
            connection.execute("UPDATE memories SET content = 'AAAA' WHERE sequence = 1")


SUFFIXES = ("They play rock n't roll on this record", "We wo n't ship", 'say "n\'t" twice', "is n\u2019t it", "N'T")


@pytest.mark.parametrize("content", SUFFIXES)
async def test_a_suffix_that_stands_alone_is_stored_and_found_also_after_a_start(tmp_path: Path, content: str) -> None:
    async with served(tmp_path) as service:
        await service.stored(content)
        assert await service.found(content) == [content]
    async with served(tmp_path) as service:
        assert await service.found(content) == [content]
        assert not service.indexing.unreadable


BROKEN = {
    "metadata": "UPDATE memories SET metadata = '{' WHERE sequence = 1",
    "kind": "UPDATE memories SET kind = 'poem' WHERE sequence = 1",
}


@pytest.mark.parametrize("statement", BROKEN.values(), ids=BROKEN)
async def test_a_row_that_cannot_be_read_is_passed_over_and_named(tmp_path: Path, statement: str) -> None:
    async with served(tmp_path) as service:
        broken, _ = await service.stored("the broken kettle", "the whole kettle")
    change(tmp_path, statement)
    async with served(tmp_path) as service:
        assert await service.found("kettle") == ["the whole kettle"]
        assert [each.endswith(f": {broken}") for each in await service.degraded("ann")] == [False, True]
        assert [each.endswith(": 1") for each in await service.degraded("bob")] == [True]
        chosen = Chosen(ids=[broken])
        token = (await Deleting(service.storing).forget("ann", chosen, "")).confirmation
        assert (await Deleting(service.storing).forget("ann", chosen, token)).deleted == 1
        assert not service.indexing.unreadable


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "shards"), [(SEALED, 1), (SEALED, 3)])
async def test_a_sealed_row_that_was_damaged_is_passed_over_and_stored_anew(
    tmp_path: Path, settings: StoreSettings, shards: int
) -> None:
    async with served(tmp_path, settings, shards) as service:
        await service.stored("the broken kettle", "the whole kettle")
        assert len(await service.found("kettle")) == 2
    await asyncio.to_thread(damage_the_first, tmp_path)
    async with served(tmp_path, settings, shards) as service:
        assert len(await service.found("kettle")) == 1
        (outcome,) = await service.storing.remember("ann", [memory("the broken kettle")])
        assert not outcome.duplicate
        assert sorted(await service.found("kettle")) == ["the broken kettle", "the whole kettle"]
        assert not service.indexing.unreadable


async def test_a_row_that_cannot_be_read_keeps_no_other_from_its_embedding(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        made = [NewRow(accept(memory(f"kettle {number}"), NOW), "ann") for number in range(3)]
        await store.insert(made, NO_MODEL)
    await asyncio.to_thread(change, tmp_path, BROKEN["metadata"])
    async with served(tmp_path) as service:
        assert service.searching.embedder
        await Backfill(service.store, service.index, service.searching.embedder, service.generations).run()
        assert (await service.store.stats("ann", "", FakeEmbedder.model)).embedded == 2


async def test_what_was_committed_and_not_indexed_is_indexed_by_its_repetition(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.store.insert([NewRow(accept(memory("an orphaned kettle"), NOW), "ann")], NO_MODEL)
        assert await service.found("kettle") == []
        outcomes = await service.storing.remember("ann", [memory("an orphaned kettle"), memory("a new kettle")])
        assert [each.duplicate for each in outcomes] == [True, False]
        assert sorted(await service.found("kettle")) == ["a new kettle", "an orphaned kettle"]


async def test_a_batch_with_one_that_cannot_be_stored_stores_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        with pytest.raises(InvalidInput):
            await service.stored("a kettle", " ")
        assert await service.store.size() == (0, (await service.store.size())[1])
        assert await service.found("kettle") == []


async def test_the_end_of_the_longest_text_is_found_by_words_file_and_code(tmp_path: Path) -> None:
    line = "2026-03-01T09:30:00Z INFO worker 4711 took task 0815 from queue primary in 12 ms\n"
    end = "\nFATAL the quokka allocator failed in src/zanzibar/lease.py\n```\nx\n```"
    content = (line * (FULL_BYTES // len(line)))[: FULL_BYTES - len(end)] + end
    async with served(tmp_path) as service:
        await service.stored(content, "the kettle boils")
        assert await service.found("quokka allocator zanzibar lease") == [content]
        assert await service.found("failed", only=Filter(file_path="zanzibar/lease.py")) == [content]
        assert await service.found("failed", only=Filter(content_type=ContentType.CODE)) == [content]


async def test_of_more_files_than_are_kept_the_last_is_found_too(tmp_path: Path) -> None:
    listing = "\n".join(f"src/part{number}/mod{number}.py" for number in range(paths_max + 500))
    others = "\n".join(f"lib/part{number}/mod{number}.js" for number in range(paths_max + 500))
    last = f"part{paths_max + 499}/mod{paths_max + 499}.py"
    async with served(tmp_path) as service:
        await service.stored(listing, others)
        assert await service.found("src", only=Filter(file_path=last)) == [listing]
        assert await service.found("src", only=Filter(file_path=f"src/{last}")) == [listing]
        assert await service.found("src", only=Filter(file_path="nowhere.py")) == []


async def test_texts_are_read_beside_the_loop(tmp_path: Path) -> None:
    texts = [f"{number} " + "password: hunter2 and a line of prose with words\n" * 1_500 for number in range(8)]
    async with open_shards(tmp_path, 1, StoreSettings()) as store:
        with MemoryIndex(384) as index:
            storing = Storing(store, index, None, Generations(None))
            loop_s, all_s = time.thread_time(), time.process_time()
            await storing.remember("ann", [memory(text) for text in texts])
            loop_s, all_s = time.thread_time() - loop_s, time.process_time() - all_s
    assert loop_s < 0.2 * all_s


@pytest.mark.slow
async def test_two_batches_take_turns(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        large = [f"{number} " + "password: hunter2 and prose\n" * 2_000 for number in range(20)]
        long_one = asyncio.create_task(service.stored(*large))
        await asyncio.sleep(0)
        await service.stored("a small kettle")
        assert not long_one.done()
        await long_one


async def test_what_was_found_while_texts_were_unread_is_no_answer_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as service:
        await service.stored(*(f"kettle number {number}" for number in range(30)))
    monkeypatch.setattr(limits, "read_at_start_max", 10)
    async with served(tmp_path) as service:
        assert service.indexing.unread == 30
        assert await service.found("kettle") == []
        reading = asyncio.create_task(service.indexing.run(service.generations))
        while service.indexing.unread:
            await asyncio.sleep(0.001)
        assert len(await service.found("kettle")) == 10
        reading.cancel()


async def test_facets_count_code_as_the_filter_does(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored("kettle\n```\nx\n```", "kettle in prose", "begin" + "\n" * 100_000 + "kettle end")
        results = await service.search("ann", Query("kettle", facets=True))
        counts = {each.value: each.count for each in results.facets["content_type"].counts}
        assert counts == {"conversation": 3, "code": 1}
        assert len(await service.found("kettle", only=Filter(content_type=ContentType.CODE))) == 1


async def test_what_others_name_decides_nothing_in_a_search_by_directory(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored("login is in src/auth/login.py")
        asked = Filter(file_path="src/auth")
        before = await service.found("login", only=asked)
        await service.storing.remember("bob", [memory("other", metadata={"file_path": "src/auth"})])
        assert await service.found("login", only=asked) == before == ["login is in src/auth/login.py"]


def numbered(number: int) -> Memory:
    said = NOW + timedelta(minutes=number)
    session, tags = f"s{number % 3}", (f"t{number}",)
    return memory(f"kettle {number} in src/f{number}.py", session_id=session, timestamp=said, tags=tags)


async def test_slots_are_given_back_while_searches_and_changes_go_on(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.storing.remember("ann", [numbered(number) for number in range(60)])
        gone = await service.store.choose("ann", Chosen(before=NOW + timedelta(minutes=40)))
        await service.index.remove(gone)
        assert (service.index.dead, len(service.index)) == (40, 20)
        shrinking = asyncio.create_task(service.index.shrink())
        await asyncio.sleep(0)
        while not shrinking.done():
            assert len(await service.found("kettle")) == 10
            await service.stored(f"harbour {time.perf_counter_ns()}")
        await shrinking
        assert service.index.dead == 0
        assert len(service.index) >= 21
        assert len(await service.found("harbour")) >= 1
        assert await service.found("kettle", only=Filter(tags=("t50",))) == ["kettle 50 in src/f50.py"]
        assert await service.found("kettle", only=Filter(tags=("t10",))) == []
        assert await service.found("kettle", only=Filter(file_path="f51.py")) == ["kettle 51 in src/f51.py"]
        held, _ = await service.index.held_sequences()
        left = await service.store.choose("ann", Chosen(project="p"))
        assert set(held.tolist()) == set(left) - set(gone)
        last = await service.index.latest("ann", "p", "s1", 4e9)
        assert (await service.store.fetch([last or 0]))[last or 0].content == "kettle 58 in src/f58.py"


async def test_slots_are_given_back_when_more_has_gone_than_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "dead_min", 10)
    async with served(tmp_path) as service:
        await service.stored(*(f"kettle {number}" for number in range(30)))
        sequences = (await service.store.inventory("m")).sequences.tolist()
        await service.index.remove(sequences[:16])
        running = asyncio.create_task(service.indexing.run())
        while service.index.dead:
            await asyncio.sleep(0.001)
        running.cancel()
        assert len(service.index) == 14
