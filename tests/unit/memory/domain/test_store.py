"""The store's contract, on one database of DuckDB, on several, and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kit.encryption.vault import Vault
from services.kit.errors import Conflict, NotReady, Unavailable
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Chosen
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.rows import Embedded
from services.memory.domain.store import MemoryStore
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from services.memory.storage.shards import shard_of
from tests.unit.memory.rows import NOW, PROJECTS, VECTOR, row
from tests.unit.memory.stores import POSTGRES, POSTGRES_17, open_any

VAULT = Vault(bytes(range(32)))


@pytest.fixture(
    params=[
        (1, None),
        pytest.param((3, None), marks=pytest.mark.slow),
        (2, VAULT),
        (POSTGRES, None),
        (POSTGRES, VAULT),
        pytest.param((POSTGRES_17, None), marks=pytest.mark.containers),
        pytest.param((POSTGRES_17, VAULT), marks=pytest.mark.containers),
    ],
    ids=["one", "three", "two sealed", "postgres", "postgres sealed", "postgres 17", "postgres 17 sealed"],
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    async with open_any(tmp_path, *request.param) as opened:
        yield opened


async def test_what_was_inserted_comes_back_as_it_was(store: MemoryStore) -> None:
    rows = [row(f"memory of {project}", project) for project in PROJECTS]
    inserted = await store.insert(rows, "m")
    assert len({each.sequence for each in inserted}) == len(rows)
    found = await store.fetch([each.sequence for each in inserted])
    assert [found[each.sequence] for each in inserted] == [each.memory for each in rows]
    assert await store.find("ann", inserted[3].id) == inserted[3].sequence
    assert await store.find("bob", inserted[3].id) is None
    assert await store.projects("ann") == PROJECTS


async def test_the_same_is_inserted_once(store: MemoryStore) -> None:
    first, twin = await store.insert([row("once"), row("once")], "m")
    assert (first.duplicate, twin.duplicate) == (False, True)
    (again,) = await store.insert([row("  once ")], "m")
    assert (again.sequence, again.duplicate) == (first.sequence, True)
    assert (await store.find_existing([row("other"), row("once")]))[1].id == first.id


async def test_an_id_is_one_memory_wherever_its_project_is(store: MemoryStore) -> None:
    (first,) = await store.insert([row("mine", "p", id="i")], "m")
    (again,) = await store.insert([row(" mine", "p", id="i")], "m")
    assert (again.duplicate, again.sequence) == (True, first.sequence)
    for project in PROJECTS:
        with pytest.raises(Conflict):
            await store.find_existing([row("another text", project, id="i")])


async def test_an_id_that_another_user_has_is_as_free_as_any(store: MemoryStore) -> None:
    (mine,) = await store.insert([row("mine", id="i")], "m")
    assert await store.find_existing([row("mine", user="bob", id="i")]) == {}
    (theirs,) = await store.insert([row("mine", user="bob", id="i")], "m")
    assert (theirs.id, theirs.duplicate) == ("i", False)
    assert [await store.find(user, "i") for user in ("ann", "bob")] == [mine.sequence, theirs.sequence]


async def test_an_id_for_two_texts_in_one_call_stores_neither(store: MemoryStore) -> None:
    with pytest.raises(Conflict):
        await store.insert([row("one", id="i"), row("another", id="i")], "m")
    assert await store.find("ann", "i") is None


async def test_the_same_call_many_times_at_once_stores_once(store: MemoryStore) -> None:
    outcomes = await asyncio.gather(*(store.insert([row("once", id="i"), row("and this")], "m") for _ in range(16)))
    assert [call[0].duplicate for call in outcomes].count(False) == 1
    assert {call[1].id for call in outcomes} == {outcomes[0][1].id}
    assert (await store.stats("ann", "", "m")).reflections == 2


async def test_what_was_deleted_is_gone_with_its_embeddings(store: MemoryStore) -> None:
    inserted = await store.insert([row(f"of {project}", project) for project in PROJECTS], "m")
    meant = await store.choose("ann", Chosen(project=PROJECTS[2]))
    assert meant == [inserted[2].sequence]
    await store.delete(meant, Removing("ann"))
    assert await store.fetch(meant) == {}
    stats = await store.stats("ann", "", "m")
    assert (stats.reflections, stats.projects, stats.embedded) == (7, 7, 7)
    assert len(await store.choose("ann", Chosen(before=datetime(2027, 1, 1, tzinfo=UTC)))) == 7


async def test_everything_is_loaded_once_with_its_vectors(store: MemoryStore) -> None:
    inserted = await store.insert([row(f"of {project}", project) for project in PROJECTS], "m")
    inventory = await store.inventory("m")
    stored, embedded = inventory.sequences, inventory.embedded
    assert stored.tolist() == sorted(each.sequence for each in inserted)
    assert embedded.all()
    loaded = [portion async for portion in store.load("m", stored, text=True)]
    sequences = [int(each) for portion in loaded for each in portion.sequence]
    assert sorted(sequences) == stored.tolist()
    assert sorted(each for portion in loaded for each in portion.content) == [f"of {project}" for project in PROJECTS]
    assert {bytes(each) for portion in loaded for each in portion.content_vector} == {VECTOR.tobytes()}
    other = [portion async for portion in store.load("another model", stored, text=False)]
    assert {bytes(each) for portion in other for each in portion.content_vector} == {b""}
    assert {each for portion in other for each in portion.content} == {""}
    assert not (await store.inventory("another model")).embedded.any()


async def test_what_has_no_embedding_of_the_model_gets_one(store: MemoryStore) -> None:
    await store.insert([replace(row(f"of {project}", project), content_vector=None) for project in PROJECTS], "none")
    waiting = await store.without_embedding("m", 100)
    assert len(waiting) == len(PROJECTS)
    await store.embed([Embedded(each, VECTOR, VECTOR) for each in waiting[1:]], "m")
    assert await store.without_embedding("m", 100) == waiting[:1]
    await store.delete(waiting[:1], Removing("ann"))
    await store.embed([Embedded(waiting[0], VECTOR, VECTOR)], "m")  # deleted meanwhile
    assert (await store.stats("ann", "", "m")).embedded == len(PROJECTS) - 1


async def test_a_link_replaces_the_one_between_the_same_two(store: MemoryStore) -> None:
    link = Link("a", "b", LinkType.RELATED, "", NOW)
    await store.link("ann", link)
    await store.link("ann", replace(link, type=LinkType.REFERENCE))
    assert await store.links("ann") == [replace(link, type=LinkType.REFERENCE)]
    assert await store.links("bob") == []
    assert await store.unlink("ann", "a", "b") is True
    assert await store.unlink("ann", "a", "b") is False


async def test_another_number_of_shards_is_refused_with_the_way_to_move(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 3, StoreSettings()):
        pass
    with pytest.raises(NotReady) as refused:
        async with open_shards(tmp_path, 2, StoreSettings()):
            pass
    assert "SEGUE_MEMORY_SHARDS=3" in refused.value.suggestions[0]
    assert "segue export" in refused.value.suggestions[1]
    async with open_shards(tmp_path, 3, StoreSettings()) as store:
        assert await store.projects("ann") == []


async def test_a_directory_from_before_there_were_shards_has_one(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, StoreSettings()):
        pass
    (tmp_path / "shards").unlink()
    with pytest.raises(NotReady):
        async with open_shards(tmp_path, 2, StoreSettings()):
            pass


async def test_a_count_that_nobody_can_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("many")
    with pytest.raises(Unavailable):
        async with open_shards(tmp_path, 1, StoreSettings()):
            pass


def test_a_project_is_in_the_same_shard_for_ever() -> None:
    assert [shard_of("local", project, 8) for project in ("shop", "blog", "")] == [0, 2, 7]
    spread = [shard_of("ann", f"project {number}", 4) for number in range(400)]
    assert min(spread.count(shard) for shard in range(4)) > 60
