"""The older decision that a new one probably replaces is named, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.memory.domain.memories import Memory
from services.memory.embedder.onnx import OnnxEmbedder
from services.memory.operations.replacements.same_subject import SameSubject, is_decision
from tests.unit.memory.operations.replacements.decision_pairs import CHANGED, OTHERS
from tests.unit.memory.operations.test_restatements import MARCH, Service, noted, said, served

NPM = noted("We use npm as the package manager", MARCH, "decision")
PNPM = noted("We use pnpm as the package manager", MARCH + timedelta(days=9), "decision")


@asynccontextmanager
async def with_model(home: Path, model_directory: Path) -> AsyncIterator[tuple[Service, OnnxEmbedder]]:
    async with served(home) as service, OnnxEmbedder(model_directory, workers=1) as embedder:
        storing = replace(service.storing, embedder=embedder)
        yield replace(service, storing=storing), embedder


@pytest.fixture
async def service(tmp_path: Path, model_directory: Path) -> AsyncIterator[Service]:
    async with with_model(tmp_path, model_directory) as (opened, _):
        yield opened


async def named(service: Service, memory: Memory) -> list[str]:
    (outcome,) = await service.remember(memory)
    return [each.content for each in outcome.may_replace]


async def test_the_older_decision_is_named_until_it_is_replaced(service: Service) -> None:
    (old,) = await service.remember(NPM)
    assert await named(service, PNPM) == [NPM.content]
    assert await named(service, replace(PNPM, content="We use yarn as the package manager", replaces=(old.id,))) == []
    assert NPM.content not in await named(service, replace(PNPM, content="We use deno as the package manager"))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (replace(NPM, project="another"), PNPM),
        (replace(NPM, tags=(), content="npm as the package manager came up"), PNPM),
        (NPM, replace(PNPM, tags=(), content="Which package manager do we use, npm or pnpm?")),
        (NPM, replace(PNPM, timestamp=MARCH - timedelta(days=1))),
        (NPM, replace(PNPM, content=f"{PNPM.content}. " + "And much more of something else. " * 80)),
        (NPM, noted("The otter sleeps in the pond", MARCH, "decision")),
    ],
)
async def test_where_it_is_not_sure_enough_nothing_is_named(service: Service, older: Memory, newer: Memory) -> None:
    await service.remember(older)
    assert await named(service, newer) == []


async def test_of_a_series_none_is_named_and_neither_is_another_user_s(service: Service) -> None:
    await service.storing.remember("bob", [replace(NPM, shared=True)])
    assert await named(service, PNPM) == []
    for number in range(6):
        content = f"Decision: the lamp of the harbour gets number {number}, a decision of the board"
        got = await named(service, noted(content, MARCH + timedelta(days=number), "decision"))
    assert got == []


async def test_a_batch_and_a_repetition_name_nothing(service: Service) -> None:
    await service.remember(NPM)
    outcomes = await service.remember(PNPM, said("Good morning."))
    assert not any(each.may_replace for each in outcomes)
    assert await named(service, PNPM) == []


async def test_said_again_later_a_decision_names_what_is_alike_and_was_said_meanwhile(service: Service) -> None:
    await service.remember(NPM)
    await service.remember(PNPM)
    assert await named(service, replace(NPM, timestamp=MARCH + timedelta(days=20))) == [PNPM.content]


def test_what_reads_like_a_decision_is_one() -> None:
    assert is_decision(said("We decided to go with Postgres for the orders table."))
    assert not is_decision(said("Why is the orders table so slow?"))


async def test_it_is_right_as_often_as_it_says(tmp_path: Path, model_directory: Path) -> None:
    async with with_model(tmp_path, model_directory) as (service, embedder):
        texts: Sequence[str] = [*(older for older, _ in CHANGED), *OTHERS]
        outcomes = await service.storing.remember("ann", [noted(text, MARCH, "decision") for text in texts])
        looking = SameSubject(service.store, service.index, embedder)

        async def first_named(text: str, name: str) -> str:
            found = await looking.older_decisions("ann", name, noted(text, MARCH + timedelta(days=1), "decision"))
            return found[0].content if found else ""

        answers = [(older, await first_named(newer, "new")) for older, newer in CHANGED]
        assert sum(answer == older for older, answer in answers) >= 41  # 45, and 43 on a processor without VNNI
        assert [answer for older, answer in answers if answer not in {older, ""}] == []
        ids = [each.id for each in outcomes[len(CHANGED) :]]
        false = [text for text, name in zip(OTHERS, ids, strict=True) if await first_named(text, name)]
        assert len(false) <= 5
