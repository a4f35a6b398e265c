"""A memory is found by the meaning of any part of it, also after one that is longer than the model reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.memory.domain.memories import accept
from services.memory.domain.queries import EVERYTHING, Query
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.index.asked import Asked
from services.memory.index.entries import NewEntry, new_entry
from services.memory.index.maintenance import Indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.snapshot import SnapshotFile
from services.memory.operations.embedding_backfill import DONE, UPKEEP, Backfill
from services.memory.operations.memory_embeddings import Said, memory_vectors, texts_at_once
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from services.memory.text.chunks import chunks, chunks_max
from tests.fakes import FakeEmbedder
from tests.unit.memory.operations.test_store_memories import NOW, memory, served

WEATHER = "".join(f"On day {number} it rained a little in the morning, and then the sun came. " for number in range(90))
CAKE = "The cake needs forty minutes in the oven at a moderate heat."


async def test_a_short_memory_has_two_vectors_and_a_long_one_more() -> None:
    short, long = await memory_vectors(FakeEmbedder(), [Said("", "kettle"), Said("", WEATHER)])
    assert (short.content.shape, short.context.shape) == ((384,), (384,))
    np.testing.assert_array_equal(short.content, short.context)
    assert long.context.shape == (384 * (1 + len(chunks(WEATHER))),)


async def test_a_call_may_have_more_texts_than_may_wait(model_directory: Path) -> None:
    async with OnnxEmbedder(model_directory, embed_queue_max=texts_at_once) as embedder:
        said = [Said("", f"{number} {WEATHER * 3}") for number in range(2)]
        assert texts_at_once >= 2 * (2 + chunks_max)
        assert len(await memory_vectors(embedder, said)) == 2


async def test_the_middle_of_a_long_memory_is_found_by_its_meaning(model_directory: Path) -> None:
    half = len(WEATHER) // 2
    texts = [f"{WEATHER[:half]}{CAKE} {WEATHER[half:]}", WEATHER, "The train leaves at noon."]
    async with OnnxEmbedder(model_directory) as embedder:
        vectors = await memory_vectors(embedder, [Said("", text) for text in texts])
        query = (await embedder.embed(["how long do I bake a tart"]))[0]
    with MemoryIndex(384) as index:
        rows = [
            NewRow(memory(text), "ann", each.content, each.context) for text, each in zip(texts, vectors, strict=True)
        ]
        await index.add([_entry(place, row) for place, row in enumerate(rows)])
        found = await index.candidates("ann", [], Asked(["nothing"], frozenset(), query), EVERYTHING)
    assert found.signals.vector is not None
    assert int(found.sequence[np.argmax(found.signals.vector)]) == 0
    assert CAKE[:20] in texts[0][chunks(texts[0])[int(found.chunk[0])].begin :]


async def test_a_memory_after_a_long_one_keeps_its_own_meaning(model_directory: Path) -> None:
    async with OnnxEmbedder(model_directory) as embedder:
        after, before = await memory_vectors(embedder, [Said(WEATHER, CAKE), Said("", WEATHER)])
        query = (await embedder.embed(["how long do I bake a tart"]))[0]
    assert query @ after.context[:384] > query @ before.content + 0.1


async def test_long_memories_of_an_earlier_version_are_embedded_anew_once(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    async with open_shards(tmp_path, 2, StoreSettings()) as store:
        long = accept(replace(memory(WEATHER), session_id="s"), NOW)
        after = accept(replace(memory("The kettle is on."), session_id="s"), NOW)
        earlier = (await embedder.embed(["only its beginning"])).astype(np.float16)[0]
        await store.insert([NewRow(each, "ann", earlier, earlier) for each in (long, after)], embedder.model)
    async with served(tmp_path, shards=2) as service:
        await Backfill(service.store, service.index, embedder, service.generations).run()
        sizes = {
            content: len(vector) for content, vector in zip(*await _stored(service.store, embedder.model), strict=True)
        }
        assert sizes[long.content] == 768 * (1 + len(chunks(WEATHER)))
        assert sizes[after.content] == 768
        assert await service.store.upkeep(UPKEEP) == DONE
        again = embedder.texts_embedded
        await Backfill(service.store, service.index, embedder, service.generations).run()
        assert embedder.texts_embedded == again


@pytest.mark.parametrize("removed", [False, True])
async def test_a_snapshot_holds_the_chunks_of_what_is_left(tmp_path: Path, removed: bool) -> None:
    (tmp_path / "store").mkdir()
    async with served(tmp_path / "store") as service:
        await service.stored("the first kettle", f"{WEATHER}{CAKE}")
        if removed:
            await service.index.remove([1])
        snapshot = SnapshotFile(tmp_path / "snapshot")
        indexing = Indexing(service.store, service.index, FakeEmbedder.model, snapshot)
        await indexing._replace(snapshot)
        with MemoryIndex(384) as restored:
            await restored.restore(snapshot.read(indexing._identity))
            query = (await FakeEmbedder().embed(["forty minutes in the oven at a moderate heat"]))[0]
            asked = Asked(["oven"], frozenset(), query)
            one, other = [await each.candidates("ann", [], asked, EVERYTHING) for each in (service.index, restored)]
    assert one.chunk.tolist() == other.chunk.tolist()
    assert max(other.chunk.tolist()) >= 0


async def test_the_answer_shows_the_part_that_matched(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        await service.stored(f"{WEATHER}{CAKE} {WEATHER}", "the kettle boils")
        found = await service.search("ann", Query("cake oven heat", content_max_chars=200))
        assert "forty minutes in the oven" in found.results[0].memory.content


def _entry(sequence: int, row: NewRow) -> NewEntry:
    assert row.content_vector is not None
    assert row.context_vector is not None
    return new_entry(sequence, row.user, row.memory, row.content_vector.tobytes(), row.context_vector.tobytes())


async def _stored(store: MemoryStore, model: str) -> tuple[list[str], list[bytes]]:
    held = await store.inventory(model)
    parts = [part async for part in store.load(model, held.sequences, text=True)]
    return [text for part in parts for text in part.content], [each for part in parts for each in part.context_vector]
