"""Arrays that grow: in one piece, and in blocks that stay where they are."""

from __future__ import annotations

import numpy as np

from services.memory.index.slots.growable_arrays import Blocks, SlotMap, block_rows


def rows(count: int, first: int = 0) -> np.ndarray:
    numbers = np.arange(first, first + count, dtype=np.float32)
    return np.stack((numbers, -numbers), axis=1)


def filled() -> Blocks:
    blocks = Blocks(np.float32, 2)
    blocks.append(rows(10))
    blocks.append(rows(2 * block_rows, first=10))
    return blocks


def test_rows_are_found_in_whichever_block_they_are() -> None:
    blocks, count = filled(), 10 + 2 * block_rows
    slots = np.asarray([0, 9, 10, block_rows - 1, block_rows, 2 * block_rows, count - 1])
    assert len(blocks) == count
    assert np.array_equal(blocks.take(slots), rows(count)[slots])
    assert np.array_equal(blocks.take(np.arange(count)), rows(count))
    assert np.array_equal(np.concatenate(blocks.parts()), rows(count))


def test_rows_are_the_same_part_by_part() -> None:
    single = Blocks(np.float32, 2)
    single.append(rows(20))
    for blocks, slots in ((single, np.arange(20)), (single, np.arange(3, 20)), (filled(), np.arange(5, 140_000, 7))):
        parts = list(blocks.take_parts(slots[slots < len(blocks)], 512))
        within = slots[slots < len(blocks)]
        assert np.array_equal(np.concatenate([part for _, part in parts]), rows(len(blocks))[within])
        assert np.array_equal(np.concatenate([within[where] for where, _ in parts]), within)


def test_what_was_handed_out_shows_no_later_change() -> None:
    blocks = Blocks(np.float32, 2)
    blocks.append(rows(10))
    (part,) = blocks.parts()
    blocks.append(rows(block_rows))
    blocks.put(np.asarray([3, block_rows]), rows(2, first=70))
    assert np.array_equal(part, rows(10))
    assert blocks.take(np.asarray([2, 3, block_rows])).tolist() == [[2, -2], [70, -70], [71, -71]]


def test_no_slots_have_no_rows() -> None:
    assert Blocks(np.float32, 2).take(np.arange(0)).shape == (0, 2)
    assert filled().take(np.arange(0)).shape == (0, 2)


def test_sequences_are_found_whether_they_came_one_by_one_or_many_at_once() -> None:
    slots = SlotMap()
    for sequence in range(10):
        slots.add(np.asarray([sequence]), np.asarray([sequence]))
    slots.add(np.arange(100, 20_100), np.arange(10, 20_010))
    assert [slots.get(sequence) for sequence in (3, 99, 100, 20_099)] == [3, None, 10, 20_009]
    assert [slots.remove(sequence) for sequence in (3, 100)] == [3, 10]
    assert [slots.get(sequence) for sequence in (3, 100, 101)] == [None, None, 11]


def test_a_sequence_that_comes_again_is_where_it_came_last() -> None:
    slots = SlotMap()
    slots.add(np.arange(5_000), np.arange(5_000))
    assert slots.remove(7) == 7
    slots.add(np.asarray([7]), np.asarray([5_000]))
    slots.add(np.arange(6_000, 11_000), np.arange(5_001, 10_001))
    slots.add(np.arange(20_000, 24_000), np.arange(10_001, 14_001))
    slots.add(np.arange(24_000, 28_000), np.arange(14_001, 18_001))
    assert slots.get(7) == 5_000
    assert slots.get(27_999) == 18_000
