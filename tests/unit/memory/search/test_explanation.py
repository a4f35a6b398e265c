"""Why a search finds what it finds: the evidence adds up to the score, and each memory is somewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from math import exp
from pathlib import Path

import pytest

from services.kit.errors import NotFound
from services.memory.domain.memories import Kind, Memory
from services.memory.domain.queries import Filter, Query
from services.memory.search.explanation import Explanation, explain
from tests.unit.memory.operations.test_restatements import MARCH, Service, noted, served

TEXTS = ("The upload broke: a timeout of the gateway", "Lunch moves to one o'clock", "The gateway has a new owner")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path) as opened:
        for day, text in enumerate(TEXTS):
            await opened.remember(noted(text, MARCH + timedelta(days=day)))
        await opened.remember(Memory("The gateway of another project", Kind.REFLECTION, "q", MARCH))
        yield opened


async def explained(service: Service, query: Query, id: str = "") -> Explanation:
    return await explain(service.searching, "ann", query, id)


ASKED = Query("timeout of the gateway", project="p")


async def test_the_evidence_of_each_result_adds_up_to_its_score(service: Service) -> None:
    found = await explained(service, ASKED)
    searched = (await service.search(ASKED)).found
    assert [each.memory.id for each in found.results] == [each.memory.id for each in searched]
    assert [each.score for each in found.results] == pytest.approx([each.score for each in searched], abs=1e-3)
    for each in found.results:
        odds = exp((sum(each.evidence.values()) - found.middle) / found.slope)
        assert each.age * odds / (1 + odds) == pytest.approx(each.score, abs=0.01)
        assert all(each.evidence.values())
    assert set(found.terms) == {"timeout", "gateway"}


async def test_the_evidence_of_a_reply_that_came_first_adds_up_as_well(service: Service) -> None:
    for minute, (role, text) in enumerate(
        [("user", "why does the parser fail on tabs"), ("assistant", "The lexer counts a tab as four columns there.")]
    ):
        said = MARCH + timedelta(days=20, minutes=minute)
        await service.remember(Memory(text, Kind.CONVERSATION, "p", said, "s", role))
    found = await explained(service, Query("parser fails on tabs", project="p"))
    reply, turn = found.results[:2]
    assert (reply.memory.role, turn.memory.role) == ("assistant", "user")
    assert reply.evidence["beside"] > 0 > turn.evidence["beside"]
    for each in (reply, turn):
        odds = exp((sum(each.evidence.values()) - found.middle) / found.slope)
        assert each.age * odds / (1 + odds) == pytest.approx(each.score, abs=0.01)


async def test_of_a_memory_that_is_named_it_is_said_where_it_is(service: Service) -> None:
    by_text = {each.content: each for each in await service.all()}
    first = await explained(service, ASKED, by_text[TEXTS[0]].id)
    assert first.whereabouts == "It is number 1."
    assert first.named
    assert first.named.evidence["words"] > 0
    second = await explained(service, replace(ASKED, limit=1), by_text[TEXTS[2]].id)
    assert second.whereabouts == "It is number 2, and 1 are shown."
    low = await explained(service, replace(ASKED, min_score=0.5), by_text[TEXTS[1]].id)
    assert low.whereabouts == "It scores less than 0.5, the least that is shown."
    elsewhere = await explained(service, ASKED, by_text["The gateway of another project"].id)
    assert elsewhere.whereabouts == "It is in the project q, which is not searched."
    assert elsewhere.named is None
    filtered = await explained(service, replace(ASKED, filter=Filter(tags=("x",))), by_text[TEXTS[0]].id)
    assert filtered.whereabouts.startswith("It is not considered")
    nothing = await explained(service, Query("zebra", project="p", min_score=0.99), by_text[TEXTS[0]].id)
    assert nothing.whereabouts == "Nothing is shown, as the best scores less than 0.99."


async def test_what_says_the_same_is_folded_and_said_to_be(service: Service) -> None:
    twin = replace(noted(TEXTS[0], MARCH + timedelta(days=9)), session_id="another")
    (stored,) = await service.remember(twin)
    older = next(each for each in await service.all() if each.content == TEXTS[0] and each.id != stored.id)
    folded = await explained(service, ASKED, older.id)
    assert "folded" in folded.whereabouts


@pytest.mark.parametrize("user", ["bob", "ann"])
async def test_a_memory_of_somebody_else_or_of_nobody_is_not_there(service: Service, user: str) -> None:
    named = (await service.all())[0].id if user == "bob" else "no-such-id"
    with pytest.raises(NotFound):
        await explain(service.searching, user, ASKED, named)
