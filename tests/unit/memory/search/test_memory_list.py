"""Lists, newest first and counts agree with a plain reading, whatever was stored, said again or deleted."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from services.kit.errors import InvalidInput
from services.memory.domain.memories import Chosen, Kind, Memory
from services.memory.domain.queries import Author, Filter, ListQuery, Query, Sort, page_max_bytes
from services.memory.operations.delete_memories import Deleting
from services.memory.search.memory_list import Listing, Position, read_cursor
from tests.unit.memory.operations.test_restatements import MARCH, Service, served

WORDS = ("walrus", "lantern", "quarry", "saffron")
TAGS = ("Red", "blue", "GREEN")
TURNS = ("question", "small talk", "a joke", 7)


def some_memory(chance: random.Random, number: int) -> Memory:
    return Memory(
        f"{chance.choice(WORDS)} {chance.choice(WORDS)} of number {number} in src/{chance.choice('ab')}.py",
        chance.choice([*Kind]),
        chance.choice(("p", "q")),
        MARCH + timedelta(hours=chance.randrange(30)),  # many of one moment
        chance.choice(("", "s1", "s2")),
        tags=tuple(chance.sample(TAGS, chance.randrange(3))),
        shared=chance.random() < 0.3,
        metadata=chance.choice(({}, *({"turn_kind": each} for each in TURNS))),
    )


def passes(memory: Memory, asked: Filter) -> bool:
    tags = {tag.casefold() for tag in memory.tags}
    return (
        all(tag.casefold() in tags for tag in asked.tags)
        and asked.session_id in {"", memory.session_id}
        and (asked.since is None or memory.timestamp >= asked.since)
        and (asked.until is None or memory.timestamp < asked.until)
        and (asked.content_type is None or memory.kind.value == asked.content_type.value)
        and (not asked.turn_kind or memory.metadata.get("turn_kind") == asked.turn_kind)
        and (not asked.file_path or asked.file_path in memory.content)
    )


FILTERS = [
    Filter(),
    Filter(tags=("red",)),
    Filter(tags=("BLUE", "green")),
    Filter(session_id="s1"),
    Filter(file_path="src/a.py"),
    Filter(turn_kind="question"),
    Filter(tags=("red",), turn_kind="small talk"),
    Filter(turn_kind="plan"),
    Filter(since=MARCH + timedelta(hours=5), until=MARCH + timedelta(hours=20)),
]


@pytest.fixture(params=range(3))
async def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


async def fill(service: Service, chance: random.Random) -> list[Memory]:
    """Memories of two users, some said again, some deleted; those that ann may read."""
    memories = [some_memory(chance, number) for number in range(150)]
    await service.storing.remember("ann", memories[:100])
    await service.storing.remember("bob", memories[100:])
    for each in chance.sample(memories[:100], 10):
        later = Memory(each.content, each.kind, each.project, each.timestamp + timedelta(hours=7), each.session_id)
        await service.storing.remember("ann", [later])
    gone = [each.id for each in chance.sample(list((await service.store.page("ann", 0, 1000)).values()), 10)]
    asked = await Deleting(service.storing).forget("ann", Chosen(gone), "")
    await Deleting(service.storing).forget("ann", Chosen(gone), asked.confirmation)
    mine = (await service.store.page("ann", 0, 1000)).items()
    theirs = [(sequence, each) for sequence, each in (await service.store.page("bob", 0, 1000)).items() if each.shared]
    return [each for _, each in sorted((*mine, *theirs), key=lambda pair: (pair[1].timestamp, pair[0]))]


async def walk(listing: Listing, query: ListQuery) -> list[str]:
    walked: list[str] = []
    cursor = ""
    while True:
        asked = ListQuery(query.project, False, query.filter, query.author, query.oldest_first, 7, cursor)
        page = await listing.list("ann", asked)
        walked += [each.id for each in page.memories]
        cursor = page.next_cursor
        if not cursor:
            assert page.total == len(walked)
            return walked


@pytest.mark.slow
async def test_a_list_is_what_a_plain_reading_says(tmp_path: Path, chance: random.Random) -> None:
    async with served(tmp_path, 2) as service:
        listing = Listing(service.store, service.index, service.searching.linking)
        readable = await fill(service, chance)
        mine = {each.id for each in (await service.all())}
        for asked in FILTERS:
            for author in Author:
                expected = [
                    each.id
                    for each in readable
                    if passes(each, asked) and (author is Author.ALL or (each.id in mine) == (author is Author.MINE))
                ]
                assert await walk(listing, ListQuery("", False, asked, author, True)) == expected
                assert await walk(listing, ListQuery("", False, asked, author)) == expected[::-1]
                in_p = [each.id for each in readable if each.project == "p" and each.id in expected]
                assert await walk(listing, ListQuery("p", False, asked, author, True)) == in_p


@pytest.mark.slow
async def test_newest_first_and_its_counts_are_what_a_plain_reading_says(tmp_path: Path, chance: random.Random) -> None:
    async with served(tmp_path, 2) as service:
        readable = await fill(service, chance)
        for asked in FILTERS:
            for word in (*WORDS, ""):
                expected = [
                    each for each in reversed(readable) if passes(each, asked) and word in each.content.split()[:2]
                ]
                if not word:
                    expected = [each for each in reversed(readable) if passes(each, asked)]
                query = Query(word, 50, filter=asked, sort=Sort.NEWEST, facets=True, is_list=not word)
                results = await service.search(query)
                assert [each.memory.id for each in results.found] == [each.id for each in expected[:50]]
                assert (results.total, results.exact) == (len(expected), True)
                if not expected:
                    continue
                tags = Counter(tag.casefold() for each in expected for tag in each.tags)
                assert {tag.casefold(): count for tag, count in results.facets["tags"].items()} == tags
                assert set(results.facets["tags"]) <= set(TAGS)
                assert results.facets["project"] == Counter(each.project for each in expected)
                assert results.facets["month"] == Counter(f"{each.timestamp:%Y-%m}" for each in expected)
                assert results.facets["content_type"] == Counter(str(each.kind) for each in expected)


@pytest.mark.parametrize("kind", ["joke", "Question", "bug", " "])
async def test_a_kind_of_turn_that_is_none_is_refused_with_those_that_are(tmp_path: Path, kind: str) -> None:
    async with served(tmp_path) as service:
        listing = Listing(service.store, service.index, service.searching.linking)
        for ask in (
            lambda: listing.list("ann", ListQuery(filter=Filter(turn_kind=kind))),
            lambda: service.search(Query("walrus", filter=Filter(turn_kind=kind))),
        ):
            with pytest.raises(InvalidInput, match="decision, fix, narration, plan, question, small talk, status"):
                await ask()


def test_a_position_comes_back_from_its_cursor() -> None:
    at = Position(True, (MARCH + timedelta(microseconds=123_457)).timestamp(), 2**40)
    assert read_cursor(at.cursor(), oldest_first=True) == at
    for wrong in ("", "x", "é", at.cursor()[:-1], at.cursor() + "AAAA", "-_" * 11):
        with pytest.raises(InvalidInput):
            read_cursor(wrong, oldest_first=True)


@pytest.mark.slow
async def test_a_page_ends_by_its_bytes_and_goes_on(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        large = [Memory(f"{number} {'lantern ' * 32_000}", Kind.REFLECTION, "p", MARCH) for number in range(20)]
        await service.remember(*large)
        listing = Listing(service.store, service.index, service.searching.linking)
        first = await listing.list("ann", ListQuery(limit=50))
        size = sum(each.size_bytes for each in first.memories)
        assert size >= page_max_bytes > size - first.memories[-1].size_bytes
        second = await listing.list("ann", ListQuery(limit=50, cursor=first.next_cursor))
        assert [*first.memories, *second.memories] == [*reversed(await service.all())]
        assert second.next_cursor == ""
