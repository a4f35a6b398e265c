"""What the index tells ranking: the same whether vectors came at once or later, and nothing of what is gone."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import EVERYTHING
from services.memory.domain.rows import Embedded
from services.memory.index.asked import Asked, Candidates
from services.memory.index.entries import NewEntry, new_entry
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.parts import Parts
from services.memory.search.scoring import rank
from services.memory.text.terms import query_terms

BEGAN = datetime(2025, 3, 1, tzinfo=UTC)
TEXTS = ("the parser fails on tabs", "which tabs?", "those in headers", "a talk about lunch", "and about dinner")
SESSIONS = ("a", "a", "a", "b", "")


def vectors() -> NDArray[np.float16]:
    rows = np.random.default_rng(3).standard_normal((len(TEXTS), 8))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float16)


async def filled(index: MemoryIndex, *, later: bool) -> None:
    entries, embedded = [], []
    for sequence, (text, session, vector) in enumerate(zip(TEXTS, SESSIONS, vectors(), strict=True)):
        said = BEGAN + timedelta(minutes=sequence)
        memory = Memory(content=text, kind=Kind.CONVERSATION, project="p", timestamp=said, session_id=session)
        packed = b"" if later else vector.tobytes()
        entries.append(new_entry(sequence, "ann", memory, packed, packed))
        embedded.append(Embedded(sequence, vector, vector))
    await index.add(entries)
    if later:
        await index.embed(embedded)
        await index.embed(embedded[:2])


async def found(index: MemoryIndex, query: str) -> Candidates:
    asked = Asked(query_terms(query), frozenset(), vectors()[0].astype(np.float32))
    return await index.candidates("ann", ["p"], asked, EVERYTHING)


async def test_vectors_that_come_later_say_the_same() -> None:
    with MemoryIndex(8) as at_once, MemoryIndex(8) as later:
        await filled(at_once, later=False)
        await filled(later, later=True)
        scores = [rank((await found(each, "tabs in headers")).signals, BEGAN.timestamp()) for each in (at_once, later)]
    assert scores[0].tolist() == pytest.approx(scores[1].tolist(), abs=1e-5)


async def test_what_was_removed_says_nothing_of_its_session() -> None:
    with MemoryIndex(8) as index:
        await filled(index, later=False)
        before = await found(index, "tabs in headers")
        await index.remove([0])
        after = await found(index, "tabs in headers")
    assert before.sequence.tolist() == [0, 1, 2, 3, 4]
    assert after.sequence.tolist() == [1, 2, 3, 4]
    assert before.signals.session_vector is not None
    assert after.signals.session_vector is not None
    expected = vectors()[1:3].astype(np.float32).sum(axis=0)
    cosine = float(expected @ vectors()[0].astype(np.float32) / np.linalg.norm(expected))
    assert after.signals.session_vector[0] == pytest.approx(cosine, abs=1e-3)
    assert before.signals.session_vector[1] > after.signals.session_vector[0]


async def test_a_passage_is_told_term_by_term() -> None:
    with MemoryIndex(8) as index:
        await filled(index, later=False)
        signals = (await found(index, "tabs in headers")).signals
    assert signals.holds.tolist() == [[True, True, False, False, False], [False, False, True, False, False]]
    assert signals.before.tolist() == [-1, 0, 1, -1, -1]
    assert signals.in_session.tolist() == [True, True, True, True, False]


async def test_a_glance_waits_for_what_is_under_way() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(parts: Parts) -> int:
        begun.set()
        assert go_on.wait(10)
        return len(parts)

    with MemoryIndex(8) as index:
        await filled(index, later=False)
        slow = asyncio.create_task(index.look("slow", wait))
        await asyncio.to_thread(begun.wait, 10)
        adding = asyncio.create_task(index.add([new_entry(9, "ann", Memory("more", Kind.REFLECTION, "p", BEGAN))]))
        short = asyncio.create_task(index.glance("ann", ["p"], "short", len))
        await asyncio.sleep(0)
        slow.cancel()  # its caller no longer waits; the thread is at work all the same
        await asyncio.sleep(0.01)
        assert not short.done()
        go_on.set()
        await adding
        assert await short == len(TEXTS) + 1
        assert await index.missing([0, 9, 10]) == [10]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 4)), min_size=1, max_size=12))
def test_what_is_added_is_searched_as_if_it_had_always_been_there(said: list[tuple[int, bool, int]]) -> None:
    def entry(sequence: int) -> NewEntry:
        session, shared, words = said[sequence]
        text = " ".join(["tabs", *["headers"] * words])
        at = BEGAN + timedelta(minutes=sequence)
        memory = Memory(text, Kind.CONVERSATION, "pq"[session % 2], at, session_id="ab "[session % 3].strip())
        vector = vectors()[sequence % len(TEXTS)].tobytes()
        return new_entry(sequence, "ann" if words % 2 else "bob", replace(memory, shared=shared), vector, vector)

    grown, asked = Parts(8), Asked(query_terms("tabs in headers"), frozenset(), vectors()[0].astype(np.float32))
    for sequence in range(len(said)):
        grown.add([entry(sequence)])
        fresh = Parts(8)
        fresh.add([entry(each) for each in range(sequence + 1)])
        if sequence == len(said) // 2:
            grown.share(0, True)
            fresh.share(0, True)
            said[0] = (said[0][0], True, said[0][2])
        for user, projects in (("ann", []), ("ann", ["p"]), ("bob", ["q", "p"])):
            answers = [each.candidates(user, projects, asked, EVERYTHING) for each in (grown, fresh)]
            assert answers[0].sequence.tolist() == answers[1].sequence.tolist()
            scores = [rank(each.signals, BEGAN.timestamp()).tolist() for each in answers]
            assert scores[0] == pytest.approx(scores[1], abs=1e-6)
