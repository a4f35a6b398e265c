"""A memory's chunks are found as its own, and go with it."""

from __future__ import annotations

import numpy as np
import pytest

from services.memory.index.slots.selection import Selection
from services.memory.index.vectors.chunk_vectors import ChunkVectors

AXES = np.eye(8, dtype=np.float16)


def everything(count: int) -> Selection:
    return Selection(np.arange(count), np.ones(count, np.int32), np.full(count, -1, np.int32), 0)


def only(count: int, *slots: int) -> Selection:
    return Selection(np.array(slots), np.ones(count, np.int32), np.full(count, -1, np.int32), 0)


@pytest.fixture
def vectors() -> ChunkVectors:
    made = ChunkVectors(8)
    made.add(np.arange(3), [AXES[:2].tobytes(), b"", AXES[2:5].tobytes()])
    return made


def test_the_nearest_chunk_speaks_for_its_memory(vectors: ChunkVectors) -> None:
    cosine, number = vectors.cosines(AXES[3].astype(np.float32), np.arange(3))
    assert number[1:].tolist() == [-1, 1]
    assert cosine[2] == pytest.approx(1.0)
    assert np.isnan(cosine[1])


def test_memories_are_found_by_their_nearest_chunks_and_only_where_searched(vectors: ChunkVectors) -> None:
    query = AXES[1].astype(np.float32)
    assert vectors.nearest(query, everything(3), 1).tolist() == [0]
    assert vectors.nearest(query, only(3, 1, 2), 5).tolist() == [2]


def test_dropped_chunks_are_found_no_more_and_new_ones_take_their_place(vectors: ChunkVectors) -> None:
    vectors.drop(np.array([0]))
    assert vectors.nearest(AXES[1].astype(np.float32), everything(3), 5).tolist() == [2]
    vectors.add(np.array([0]), [AXES[7:].tobytes()])
    assert vectors.cosines(AXES[7].astype(np.float32), np.array([0]))[0] == pytest.approx([1.0])


def test_a_snapshot_holds_what_is_there_and_not_what_was_dropped(vectors: ChunkVectors) -> None:
    vectors.drop(np.array([0]))
    arrays = vectors.arrays()
    assert len(arrays["vectors"]) == 3
    restored = ChunkVectors(8)
    restored.restore(arrays)
    for slot in range(3):
        its, there = (each.cosines(AXES[4].astype(np.float32), np.array([slot])) for each in (vectors, restored))
        np.testing.assert_array_equal(its[0], there[0])
        assert its[1] == there[1]
