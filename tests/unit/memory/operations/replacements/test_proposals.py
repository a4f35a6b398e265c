"""Decisions that newer ones may replace are listed until somebody says whether they do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from services.kit.errors import Conflict, Denied, InvalidInput, LimitExceeded, NotFound
from services.memory.domain.deletion_log import Removing, Undoing
from services.memory.domain.memories import Memory, named_ids_max
from services.memory.operations.correct_memories import Correcting
from services.memory.operations.replacements import kept_pairs
from services.memory.operations.replacements.kept_pairs import KeptPairs
from services.memory.operations.replacements.proposals import Proposing, compared_max, proposed_max
from services.memory.operations.replacements.same_subject import SameSubject
from services.memory.operations.replacements.settling import Settling, Verdict
from tests.unit.memory.operations.replacements.decision_pairs import CHANGED, OTHERS
from tests.unit.memory.operations.replacements.test_same_subject import with_model
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, noted, served

OLD = noted("The package manager of the shop is npm", MARCH, "decision")
NEW = noted("The package manager of the shop is pnpm", MARCH + timedelta(days=1), "decision")
NEWEST = noted("The package manager of the shop is yarn", MARCH + timedelta(days=2), "Decision")


class Desk(NamedTuple):
    """What its user sees and says."""

    service: Service
    proposing: Proposing
    settling: Settling

    async def proposed(self, project: str = "", user: str = "ann") -> list[tuple[str, str]]:
        found = await self.proposing.proposals(user, project)
        return [(each.newer.content, each.older.content) for each in found.pairs]

    async def settle(self, newer: str, older: str, verdict: Verdict, user: str = "ann") -> None:
        await self.settling.settle(user, newer, older, verdict)

    async def store(self, *memories: Memory, user: str = "ann") -> list[str]:
        return [(await self.service.storing.remember(user, [each]))[0].id for each in memories]

    async def memory(self, id: str) -> Memory:
        return (await self.settling.correcting.own("ann", id))[1]


def at(service: Service) -> Desk:
    kept = KeptPairs(service.store)
    return Desk(service, Proposing(service.store, service.index, kept), Settling(Correcting(service.storing), kept))


@pytest.fixture(params=STORES)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    shards, vault = request.param
    async with served(tmp_path, shards, vault) as service:
        yield at(service)


async def test_a_pair_is_listed_until_the_newer_one_replaces_the_older_and_again_when_that_is_undone(
    desk: Desk,
) -> None:
    old, new = await desk.store(OLD, NEW)
    pair = (NEW.content, OLD.content)
    assert await desk.proposed() == await desk.proposed("p") == [pair]
    for _ in range(2):
        await desk.settle(new, old, Verdict.REPLACED)
        assert await desk.proposed() == []
        assert (await desk.memory(old)).replaced_by == (new,)
        assert (await desk.memory(new)).replaces == (old,)
    for _ in range(2):
        await desk.settle(new, old, Verdict.OPEN)
        assert not (await desk.memory(old)).out_of_force
        assert (await desk.memory(new)).replaced_at is None
        assert await desk.proposed() == [pair]


async def test_of_a_pair_that_both_hold_nothing_is_asked_again(desk: Desk) -> None:
    old, new = await desk.store(OLD, NEW)
    await desk.settle(new, old, Verdict.BOTH_HOLD)
    assert await desk.proposed() == []
    again = replace(NEW, timestamp=MARCH + timedelta(days=5), session_id="another")
    await desk.store(again)
    assert await desk.proposed() == []
    await desk.settle(new, old, Verdict.OPEN)
    assert await desk.proposed() == [(NEW.content, OLD.content)]
    await desk.settle(new, old, Verdict.BOTH_HOLD)
    await desk.store(replace(NEWEST, timestamp=MARCH + timedelta(days=9)))
    assert set(await desk.proposed()) == {(NEWEST.content, NEW.content), (NEWEST.content, OLD.content)}


async def test_what_was_said_of_pairs_survives_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        desk = at(service)
        old, new, newest = await desk.store(OLD, NEW, NEWEST)
        await desk.settle(new, old, Verdict.BOTH_HOLD)
        await desk.settle(newest, new, Verdict.REPLACED)
    async with served(tmp_path) as service:
        await service.storing.restore(Undoing("ann", ("nothing",)))  # reads what is in force, as the start does
        assert await at(service).proposed() == [(NEWEST.content, OLD.content)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "older",
    [
        replace(OLD, project="another"),
        replace(OLD, tags=()),
        replace(OLD, content="Otters sleep in the pond behind a mill"),
        replace(OLD, content=f"{OLD.content}. " + "And much more of something else. " * 80),
        replace(NEW, timestamp=MARCH, session_id="another"),
    ],
)
async def test_what_is_not_on_the_same_subject_is_not_listed(desk: Desk, older: Memory) -> None:
    await desk.store(older, NEW)
    assert await desk.proposed() == []


async def test_it_is_about_the_users_own_alone(desk: Desk) -> None:
    await desk.store(replace(OLD, shared=True), user="bob")
    (new,) = await desk.store(NEW)
    assert await desk.proposed() == await desk.proposed(user="bob") == []
    (theirs,) = await desk.store(replace(NEWEST, shared=True), user="bob")
    assert await desk.proposed(user="bob") == [(NEWEST.content, OLD.content)]
    for one, other in ((new, theirs), (theirs, new)):
        with pytest.raises(Denied):
            await desk.settle(one, other, Verdict.REPLACED)


async def test_what_is_deleted_or_withdrawn_is_not_listed_until_it_is_back(desk: Desk) -> None:
    old, new = await desk.store(OLD, NEW)
    sequence = await desk.service.store.find("ann", old)
    assert sequence is not None
    await desk.service.storing.remove([sequence], Removing("ann"))
    assert await desk.proposed() == []
    with pytest.raises(NotFound):
        await desk.settle(new, old, Verdict.REPLACED)
    await desk.service.storing.restore(Undoing("ann", (old,)))
    assert len(await desk.proposed()) == 1
    await desk.settling.correcting.withdraw("ann", new, withdrawn=True)
    assert await desk.proposed() == []
    for verdict in (Verdict.REPLACED, Verdict.BOTH_HOLD):
        with pytest.raises(Conflict):
            await desk.settle(new, old, verdict)
    await desk.settling.correcting.withdraw("ann", new, withdrawn=False)
    assert len(await desk.proposed()) == 1


async def test_of_a_series_nothing_is_listed(desk: Desk) -> None:
    for number in range(6):
        content = f"The lamp of the harbour gets number {number} from the board today"
        await desk.store(noted(content, MARCH + timedelta(days=number), "decision"))
    newest = [newer for newer, _ in await desk.proposed()]
    assert not [each for each in newest if "number 5" in each or "number 4" in each]


async def test_a_list_says_when_it_is_not_all(tmp_path: Path) -> None:
    words = (
        "otter harbour lamp river stone garden window market bridge candle forest mirror pepper saddle tower violin "
    )
    words += "walnut yellow zebra anchor basket copper"
    names = [" ".join(pair) for pair in zip(words.split()[::2], words.split()[1::2], strict=True)]
    async with served(tmp_path) as service:
        desk = at(service)
        for place, name in enumerate(names):
            assert not (await desk.proposing.proposals("ann", "")).more
            older, newer = (
                noted(f"{name} shop {each}", MARCH + timedelta(days=place), "decision") for each in ("early", "late")
            )
            await desk.store(older, replace(newer, timestamp=newer.timestamp + timedelta(hours=1)))
        found = await desk.proposing.proposals("ann", "")
        assert (len(found.pairs), found.more) == (proposed_max, True)
        await desk.settle(found.pairs[0].newer.id, found.pairs[0].older.id, Verdict.BOTH_HOLD)
        assert len((await desk.proposing.proposals("ann", "")).pairs) == proposed_max


async def test_what_may_be_replaced_itself_is_asked_first(desk: Desk) -> None:
    old, new, newest = await desk.store(OLD, NEW, NEWEST)
    assert set(await desk.proposed()) == {(NEWEST.content, NEW.content), (NEWEST.content, OLD.content)}
    await desk.settle(newest, new, Verdict.BOTH_HOLD)
    await desk.settle(newest, old, Verdict.BOTH_HOLD)
    assert await desk.proposed() == [(NEW.content, OLD.content)]


async def test_a_memory_has_no_pair_with_itself_and_replaces_so_many_at_most(desk: Desk) -> None:
    old, new = await desk.store(OLD, NEW)
    with pytest.raises(InvalidInput):
        await desk.settle(old, old, Verdict.REPLACED)
    many = [noted(f"Otter {number} has a pond of its own", MARCH) for number in range(named_ids_max)]
    ids = [each.id for each in await desk.service.storing.remember("ann", many)]
    (full,) = await desk.store(replace(NEWEST, replaces=tuple(ids)))
    with pytest.raises(LimitExceeded):
        await desk.settle(full, old, Verdict.REPLACED)
    assert not (await desk.memory(old)).out_of_force
    del new


async def test_two_that_are_settled_at_once_are_both_settled(desk: Desk) -> None:
    old, new, newest = await desk.store(OLD, NEW, NEWEST)
    await asyncio.gather(*(desk.settle(newest, each, Verdict.REPLACED) for each in (old, new)))
    assert set((await desk.memory(newest)).replaces) == {old, new}
    await asyncio.gather(*(desk.settle(newest, each, Verdict.BOTH_HOLD) for each in (old, new)), return_exceptions=True)
    await asyncio.gather(*(desk.settle(newest, each, Verdict.OPEN) for each in (old, new)))
    assert len(await desk.proposed()) == 2


async def test_what_was_said_of_pairs_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_pairs, "kept_max", 2)
    kept = desk.settling.kept
    for name in ("a", "b", "c"):
        await kept.set("ann", name, "old", both_hold=True)
    assert len(await kept._read("ann")) == 2
    assert await kept.sequences("ann") == frozenset()


async def test_whatever_is_stored_a_list_keeps_to_its_rules(desk: Desk) -> None:
    rng = random.Random(5)  # no secret
    subjects = ["cache", "queue", "login", "parser"]
    for number in range(16):
        content = f"The {rng.choice(subjects)} of the {rng.choice(['shop', 'site'])} is number {rng.randrange(6)} now"
        new = noted(content, MARCH + timedelta(minutes=rng.randrange(20)), rng.choice(["decision", "note"]))
        await desk.store(replace(new, project=rng.choice(["p", "q"]), session_id=str(number)))
        for each in (found := (await desk.proposing.proposals("ann", "")).pairs):
            assert each.newer.timestamp >= each.older.timestamp
            assert each.newer.project == each.older.project
            assert each.newer.content != each.older.content
            assert not each.newer.out_of_force | each.older.out_of_force
        if found and rng.random() < 0.7:
            pair = rng.choice(found)
            verdict = rng.choice([Verdict.REPLACED, Verdict.BOTH_HOLD])
            await desk.settle(pair.newer.id, pair.older.id, verdict)
            assert (pair.newer.content, pair.older.content) not in await desk.proposed()


@pytest.mark.slow
async def test_it_lists_what_is_named_where_a_decision_is_stored(tmp_path: Path, model_directory: Path) -> None:
    async with with_model(tmp_path, model_directory) as (service, embedder):
        later = MARCH + timedelta(days=1)
        texts: Sequence[tuple[str, timedelta]] = [
            *((older, timedelta(0)) for older, _ in CHANGED),
            *((text, timedelta(0)) for text in OTHERS),
        ]
        await service.storing.remember("ann", [noted(text, MARCH + since, "decision") for text, since in texts])
        looking, named = SameSubject(service.store, service.index, embedder), set[tuple[str, str]]()
        for place, (_, newer) in enumerate(CHANGED[:20]):
            made = noted(newer, later + timedelta(minutes=place), "decision")
            ((outcome),) = await service.storing.remember("ann", [made])
            named |= {(newer, each.content) for each in await looking.older_decisions("ann", outcome.id, made)}
        found = await at(service).proposing.proposals("ann", "")
        listed = {(each.newer.content, each.older.content) for each in found.pairs}
        of_these = {pair for pair in listed if pair[0] in {newer for _, newer in CHANGED[:20]}}
        assert of_these <= named
        assert len(of_these) >= min(len(named), proposed_max) - 2
        assert found.in_force == len(texts) + 20
        assert found.compared == min(found.in_force, compared_max.in_project)
