"""BM25 over slots, in the whole or in a part, whatever pieces the postings are in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.memory.index.inverted_index import MEMORY, Matches, Words, scanned_min
from services.memory.index.postings import document, merge, postings, term_key
from services.memory.index.slots.growable_arrays import Slots
from services.memory.index.slots.places import table_max
from services.memory.index.slots.selection import Selection

Texts = st.lists(st.lists(st.sampled_from("abcde"), max_size=8), min_size=1, max_size=30)


def words(*documents: str) -> Words:
    index = Words()
    index.append([document(text.split()) for text in documents])
    return index


def asked(index: Words, terms: Sequence[str], slots: Slots, sessions: Sequence[int] = ()) -> Matches:
    session_of = np.asarray(sessions or [-1] * len(index.lengths), np.int32)
    return index.ask(terms, Selection(slots, index.lengths, session_of, int(session_of.max(initial=-1)) + 1))


def scores(index: Words, terms: Sequence[str], slots: Slots) -> NDArray[np.float32]:
    matches = asked(index, terms, slots)
    return matches.scores(slots, matches.counts(slots))


def test_a_score_is_bm25_by_hand_as_a_share_of_the_most() -> None:
    index = words("cat sat", "dog sat down there", "cat cat")
    norm = MEMORY.k1 * (1 - MEMORY.b + MEMORY.b * 2 / (8 / 3))
    expected = [1 / (1 + norm), 0, 2 / (2 + norm)]
    assert scores(index, ["cat"], np.arange(3)).tolist() == pytest.approx(expected)


def test_a_rare_term_counts_for_more_than_a_common_one() -> None:
    found = scores(words("common", "common", "common", "rare"), ["common", "rare"], np.arange(4))
    idf = [math.log(1 + 1.5 / 3.5), math.log(1 + 3.5 / 1.5)]
    assert found[3] / found[0] == pytest.approx(idf[1] / idf[0])


def test_rarity_is_counted_in_the_part_that_is_searched() -> None:
    index = words("cat", "cat", "cat", "dog", "cat")
    everywhere = scores(index, ["cat", "dog"], np.arange(5))
    among_two = scores(index, ["cat", "dog"], np.asarray([3, 4]))
    assert everywhere[3] > everywhere[4]
    assert among_two[0] == among_two[1]


def test_the_best_hold_a_term_and_come_first() -> None:
    index = words("a b", "b", "c", "a a")
    assert asked(index, ["a"], np.arange(4)).best(10).tolist() == [3, 0]
    assert asked(index, ["a"], np.arange(4)).best(1).tolist() == [3]
    assert asked(index, ["z"], np.arange(4)).best(10).tolist() == []
    assert asked(index, [], np.arange(4)).best(10).tolist() == []


def test_an_empty_part_has_no_scores() -> None:
    assert scores(words("a"), ["a"], np.zeros(0, np.int64)).tolist() == []


def test_a_session_is_scored_as_one_document() -> None:
    matches = asked(words("cat", "sat", "dog", "cat"), ["cat", "sat"], np.arange(4), session_of := [0, 0, 1, -1])
    found = matches.session_scores(np.asarray(session_of), np.asarray(session_of, np.int32))
    assert found[0] == found[1] > found[2]
    assert found[3] == 0


def test_scores_stay_between_0_and_1_however_often_a_term_stands() -> None:
    found = scores(words("cat " * 1000, "cat"), ["cat", "cat"], np.arange(2))
    assert ((found > 0) & (found <= 1)).all()


def test_a_memory_holds_a_term_or_not_and_a_rare_term_has_the_larger_share() -> None:
    matches = asked(words("cat sat", "cat", "dog", "cat cat"), ["cat", "sat", "cat", "cow"], np.arange(4))
    assert matches.counts(np.asarray([0, 2, 3])).tolist() == [[1, 0, 2], [1, 0, 0], [0, 0, 0]]
    assert matches.term_shares.sum() == pytest.approx(1)
    assert matches.term_shares[0] < matches.term_shares[1] < matches.term_shares[2]


@given(Texts)
def test_one_by_one_says_the_same_as_all_at_once(documents: list[list[str]]) -> None:
    together, single = Words(), Words()
    together.append([document(each) for each in documents])
    for each in documents:
        single.append([document(each)])
    slots = np.arange(len(documents))
    for term in "abcdef":
        assert scores(single, [term], slots).tolist() == scores(together, [term], slots).tolist()


@given(Texts, st.integers(0, 29))
def test_what_is_filled_in_later_says_the_same(documents: list[list[str]], cut: int) -> None:
    together, later = Words(), Words()
    read = [document(each) for each in documents]
    together.append(read)
    cut = min(cut, len(documents))
    later.append([document([]) for _ in documents[:cut]])
    later.append(read[cut:])
    later.fill(np.arange(cut), read[:cut])
    slots = np.arange(len(documents))
    assert scores(later, ["a", "b"], slots).tolist() == scores(together, ["a", "b"], slots).tolist()


@given(Texts, Texts)
def test_merged_postings_are_those_of_all_documents(one: list[list[str]], other: list[list[str]]) -> None:
    documents = [document(each) for each in (*one, *other)]
    first, rest = documents[: len(one)], documents[len(one) :]
    both = merge(postings(range(len(one)), first), postings(range(len(one), len(documents)), rest))
    whole = postings(range(len(documents)), documents)
    for (_, left), (_, right) in zip(both.arrays(), whole.arrays(), strict=True):
        assert left.tolist() == right.tolist()


def test_an_index_comes_back_from_its_arrays() -> None:
    index = words("a b", "b c", "c")
    restored = Words()
    restored.restore(index.arrays())
    restored.append([document(["a"])])
    assert (
        scores(restored, ["a"], np.arange(4)).tolist()
        == scores(words("a b", "b c", "c", "a"), ["a"], np.arange(4)).tolist()
    )


def many() -> tuple[Words, list[list[str]]]:
    """More memories hold "all" and "most" than are read for one query; every thousandth holds "rare"."""
    documents = [
        ["all", *["most"] * (number % 3 > 0), *["rare"] * (number % 1000 == 0)] for number in range(2 * scanned_min)
    ]
    index = Words()
    for first in range(0, len(documents), 7_000):
        index.append([document(each) for each in documents[first : first + 7_000]])
    return index, documents


def test_frequent_terms_are_counted_in_what_rarer_ones_find() -> None:
    index, documents = many()
    for slots in (np.arange(len(documents)), np.arange(1, len(documents)), np.arange(0, len(documents), 1000)):
        matches = asked(index, ["all", "most", "rare"], slots)
        found = np.sort(matches.best(50))
        assert len(found) == 50
        assert np.isin(found, slots).all()
        assert all("rare" in documents[slot] for slot in found)
        expected = [[documents[slot].count(term) for slot in found] for term in ("all", "most", "rare")]
        assert matches.counts(found).tolist() == expected


def test_how_rare_a_frequent_term_is_is_known_well_enough() -> None:
    index, documents = many()
    among = asked(index, ["most", "rare"], np.arange(1, len(documents))).term_shares
    assert among == pytest.approx(asked(index, ["most", "rare"], np.arange(len(documents))).term_shares, rel=0.02)


def test_of_frequent_terms_alone_the_latest_are_found() -> None:
    index, documents = many()
    found = asked(index, ["all"], np.arange(len(documents) - 10)).best(20)
    assert len(found) == 20
    assert found.min() >= scanned_min - 10
    assert found.max() < len(documents) - 10


@given(Texts, st.sets(st.integers(0, 29), min_size=1), st.integers(1, 5))
def test_a_part_says_what_an_index_of_it_alone_says(documents: list[list[str]], part: set[int], portion: int) -> None:
    slots = np.asarray(sorted(slot for slot in part if slot < len(documents)), np.int64)
    whole, alone = Words(), Words()
    for first in range(0, len(documents), portion):
        whole.append([document(each) for each in documents[first : first + portion]])
    alone.append([document(documents[slot]) for slot in slots])
    terms = ["a", "c", "e", "f"]
    in_part, by_itself = asked(whole, terms, slots), asked(alone, terms, np.arange(len(slots)))
    assert in_part.term_shares.tolist() == by_itself.term_shares.tolist()
    assert in_part.counts(slots).tolist() == by_itself.counts(np.arange(len(slots))).tolist()
    assert in_part.best(3).tolist() == slots[by_itself.best(3)].tolist()
    held = {term for slot in slots.tolist() for term in documents[slot]}
    searched = Selection(slots, whole.lengths, np.full(len(documents), -1, np.int32), 0)
    keys = np.asarray([term_key(term) for term in terms], np.uint64)
    assert whole.occurring(keys, searched) == {place for place, term in enumerate(terms) if term in held}


@given(Texts)
def test_counts_are_the_same_in_a_large_index(documents: list[list[str]]) -> None:
    index = Words()
    index.append([document(each) for each in documents])
    slots = np.arange(0, len(documents), 2)
    expected = asked(index, list("abcd"), np.arange(len(documents))).counts(slots).tolist()
    index.append([document(())] * (table_max + 1))
    assert asked(index, list("abcd"), np.arange(len(index.lengths))).counts(slots).tolist() == expected
