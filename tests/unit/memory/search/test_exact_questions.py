"""Where a query asks for the newest, what truly matches comes first, by time alone; and how many match is counted."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.domain.deletion_log import Removing
from services.memory.domain.queries import CountedBy, ExactQuestion, Filter, Period, Query, Results, Sort
from services.memory.search.explanation import explain
from services.memory.search.result_list import unpack
from tests.fuzz.budget import tried
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, noted, said, served

GEARBOX = [
    "Gearbox: the ratio of the first gear is 3.6",
    "The gearbox gets synthetic oil 75W",
    "The housing of the gearbox is cast in aluminium now",
    "Noise of the gearbox at 3000 rpm comes from the bearing",
]
OTHERS = [
    "The axle was greased and the differential refilled",
    "Engine oil is changed every year",
    "The otter sleeps in the pond",
    "Deploys go out on Fridays",
    "The linter runs before each commit",
]


@pytest.fixture(params=STORES)
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path, *request.param) as opened:
        yield opened


def newest(text: str, rest: str, **more: object) -> Query:
    exact = ExactQuestion(rest, is_newest=True, of_decisions="decision" in text)
    return Query(text, project="p", min_score=None, exact=exact, **more)  # type: ignore[arg-type]


def first(answer: Results) -> list[str]:
    """What is shown as the newest that match."""
    return [each.memory.content for each in answer.found[: answer.newest_first]]


async def remember_shuffled(service: Service, texts: list[str]) -> list[str]:
    """Stores the texts, said in the order that is returned, the latest first, with others later than all of them."""
    order = random.sample(texts, len(texts))
    said_then = [(text, MARCH - timedelta(days=place)) for place, text in enumerate(order)]
    said_then += [(text, MARCH + timedelta(days=1)) for text in OTHERS]
    for text, at in random.sample(said_then, len(said_then)):
        await service.remember(noted(text, at))
    return order


async def test_the_newest_of_what_matches_comes_first_whatever_else_is_newer(service: Service) -> None:
    order = await remember_shuffled(service, GEARBOX)
    answer = await service.search(newest("latest gearbox note", "gearbox"))
    assert first(answer) == order
    assert (answer.matching, answer.counted_by) == (4, CountedBy.LIKENESS)
    assert answer.total == len(answer.found)
    plain = await service.search(Query("latest.json of the gearbox", project="p"))
    assert (plain.newest_first, plain.matching) == (0, 0)


async def test_it_goes_over_all_that_matches_and_not_over_the_likeliest() -> None:
    with tempfile.TemporaryDirectory() as home:
        async with served(Path(home)) as service:
            texts = [f"Osprey check {n}: the gate {n % 7} is open" for n in range(700)]
            memories = [noted(text, MARCH + timedelta(hours=n)) for n, text in enumerate(texts)]
            await service.storing.remember_each("ann", random.sample(memories, len(memories)))
            answer = await service.search(newest("latest osprey note", "osprey", limit=50))
            assert [each.memory.content for each in answer.found] == texts[:-51:-1]
            assert answer.matching == 700


async def test_decisions_that_are_marked_come_first_where_decisions_are_asked_for_and_questions_last(
    service: Service,
) -> None:
    await service.remember(noted("Let's use oil 75W in the gearbox", MARCH, "decision"))
    await service.remember(noted("The gearbox oil 75W was bought", MARCH + timedelta(days=1)))
    await service.remember(said("Which oil does the gearbox get?", MARCH + timedelta(days=2)))
    decided = await service.search(newest("last decision on gearbox oil", "on gearbox oil"))
    assert [each[:5] for each in first(decided)] == ["Let's", "The g", "Which"]
    any_note = await service.search(newest("last note on gearbox oil", "on gearbox oil"))
    assert [each[:5] for each in first(any_note)] == ["Which", "The g", "Let's"]


async def test_what_was_replaced_comes_after_what_replaced_it_whatever_the_clocks_said(service: Service) -> None:
    (old,) = await service.remember(noted("The gearbox gets oil 75W", MARCH + timedelta(hours=3)))
    await service.remember(noted("The gearbox is loud", MARCH + timedelta(hours=2)))
    await service.remember(replace(noted("The gearbox gets oil 80W", MARCH), replaces=(old.id,)))
    answer = await service.search(newest("last note on the gearbox", "on the gearbox"))
    assert [each[-4:] for each in first(answer)] == [" 80W", " 75W", "loud"]
    query = newest("last note on the gearbox", "on the gearbox")
    explained = await explain(service.searching, "ann", query, old.id)
    assert [each.memory.id for each in explained.results] == [each.memory.id for each in answer.found]
    assert explained.whereabouts == "It is number 2."


async def test_without_a_subject_it_is_the_newest_of_all_or_of_the_decisions(service: Service) -> None:
    await service.remember(noted("We keep the pond", MARCH, "decision"))
    await service.remember(noted("Deploys go out on Fridays", MARCH + timedelta(days=1)))
    answer = await service.search(newest("what was the last note", "what was"))
    assert first(answer) == ["Deploys go out on Fridays", "We keep the pond"]
    assert (answer.strategy, answer.counted_by, answer.matching) == ("list", CountedBy.FILTER, None)
    assert first(await service.search(newest("what was the last decision", "what was"))) == ["We keep the pond"]
    counted = ExactQuestion("?", of_decisions=True)
    answer = await service.search(Query("how many decisions are there?", project="p", exact=counted))
    assert (answer.total, answer.exact, answer.counted_by) == (1, True, CountedBy.FILTER)


async def test_where_the_rest_finds_nothing_its_words_are_words_like_others(service: Service) -> None:
    await service.remember(noted("The latest note of the piano is a C", MARCH))
    answer = await service.search(newest("latest note of the zebra", "of the zebra"))
    assert answer.newest_first == 0
    assert "piano" in (answer.found[0] if answer.found else answer.nearest).memory.content  # type: ignore[union-attr]


async def test_the_newest_of_a_time_is_of_then_where_something_was_said_then(service: Service) -> None:
    for day, text in enumerate(GEARBOX):
        await service.remember(noted(text, MARCH + timedelta(days=day)))
    then = Period(MARCH - timedelta(hours=1), MARCH + timedelta(days=1, hours=1), "latest note about the gearbox")
    query = newest("latest note last week about the gearbox", "about the gearbox", period=then)
    answer = await service.search(query)
    assert first(answer) == [GEARBOX[1], GEARBOX[0]]
    assert (answer.in_period, answer.matching) == (True, 2)
    bare = await service.search(newest("latest note last week", "", period=then))
    assert [each.memory.content for each in bare.found] == [GEARBOX[1], GEARBOX[0]]
    assert (bare.in_period, bare.newest_first, bare.counted_by) == (True, 2, CountedBy.FILTER)
    never = replace(then, since=MARCH - timedelta(days=9), until=MARCH - timedelta(days=8))
    elsewhere = await service.search(replace(query, period=never))
    assert (elsewhere.in_period, first(elsewhere)) == (False, GEARBOX[::-1])


async def test_pages_and_the_shared_cache_keep_the_order(service: Service) -> None:
    order = await remember_shuffled(service, GEARBOX)
    query = newest("latest gearbox note", "gearbox", limit=2, paged=True)
    kept: list[Results] = []
    await service.searching.search("ann", query, lambda results: kept.append(results) or b"")  # type: ignore[func-returns-value]
    name = kept[0].next_cursor
    rest = await service.searching.more("ann", name, replace(query, limit=2).bounds)
    assert [each.memory.content for each in (*kept[0].found, *rest.found)] == order
    ranking = await service.searching.cache.at_cursor("ann", name.partition(".")[0])
    again = unpack(ranking.pack())
    assert (again.newest, again.matching, again.sequences) == (4, 4, ranking.sequences)


async def test_all_words_are_counted_within_filter_period_and_project(service: Service) -> None:
    for number, text in enumerate(GEARBOX):
        await service.remember(noted(text, MARCH + timedelta(days=number)))
        await service.remember(replace(noted(text, MARCH), project="q"))
    assert (await service.search(Query("gearbox oil", project="p"))).matching == 1
    assert (await service.search(Query("gearbox", project="p"))).matching == 4
    assert (await service.search(Query("gearbox"))).matching == 8
    assert (await service.search(Query("gearbox zebra", project="p"))).matching == 0
    late = Filter(since=MARCH + timedelta(days=2))
    found = await service.search(Query("gearbox", project="p", filter=late, sort=Sort.NEWEST))
    assert (found.matching, found.total, found.counted_by) == (2, 2, CountedBy.MATCH)
    counted = Query("how many notes mention oil", project="p", exact=ExactQuestion("oil"))
    answer = await service.search(counted)
    assert (answer.matching, answer.newest_first) == (1, 0)


Step: TypeAlias = tuple[str, tuple[str, int], int]
SUBJECTS = ("otter", "beaver", "heron")
texts = st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 3))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("store"), texts, st.integers(-40, 40)),
        st.tuples(st.just("replace"), texts, st.integers(-40, 40)),
        st.tuples(st.just("delete"), texts, st.just(0)),
    ),
    min_size=4,
    max_size=20,
)


@given(steps)
@tried(12)
def test_after_any_history_the_latest_is_what_was_said_last_and_all_are_counted(history: Sequence[Step]) -> None:
    async def go_through(home: Path) -> None:
        told: dict[str, datetime] = {}
        async with served(home) as service:
            ids: dict[str, str] = {}
            for name, (subject, number), days in history:
                text = f"The {subject} number {number} sleeps in the barn of the farm"
                at = MARCH + timedelta(days=days, minutes=len(told))
                if name == "delete" and text in told:
                    await service.storing.remove([await service.store.find("ann", ids[text]) or 0], Removing("ann"))
                    del told[text]
                elif name != "delete":
                    replaced = tuple(ids[each] for each in told if each != text)[:1] if name == "replace" else ()
                    at = datetime.now(UTC) + timedelta(minutes=days) if text in ids and text not in told else at
                    (outcome,) = await service.remember(replace(noted(text, at), replaces=replaced))
                    if not outcome.was_deleted:
                        told[text], ids[text] = max(at, told.get(text, at)), outcome.id
            for subject in SUBJECTS:
                of_it = [each for each in told if subject in each]
                answer = await service.search(replace(newest(f"latest {subject} note", subject), min_score=0.0))
                assert first(answer) == sorted(of_it, key=told.__getitem__, reverse=True)
                assert (answer.matching or 0) == len(of_it)

    with tempfile.TemporaryDirectory() as home:
        asyncio.run(go_through(Path(home)))
