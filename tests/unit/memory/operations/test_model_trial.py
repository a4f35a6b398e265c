"""The model is tried once for all who ask at a time, and seldom for those who only want to know of late."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from services.kit.errors import RateLimited
from services.memory.operations.health import ModelTrial
from tests.fakes import FakeEmbedder


class Model(FakeEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    async def embed(self, texts: object) -> np.ndarray:
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return await super().embed(list(texts))  # type: ignore[call-overload]


async def test_who_asks_during_a_trial_gets_its_result() -> None:
    model = Model()
    trial = ModelTrial(model)
    parts = await asyncio.gather(*(trial.result(within) for within in (0, 30, 0)))
    assert [each.status for each in parts] == ["healthy"] * 3
    assert model.texts_embedded == 1
    await trial.result()
    assert model.texts_embedded == 2
    await trial.result(30)
    assert model.texts_embedded == 2


async def test_a_model_that_fails_is_told_of_until_it_works_again() -> None:
    model = Model()
    trial, model.error = ModelTrial(model), RateLimited("It is busy.")
    assert (await trial.result()).reason == "It is busy."
    model.error = None
    assert (await trial.result(30)).status == "degraded"
    assert (await trial.result()).status == "healthy"
    assert (await trial.result(30)).status == "healthy"


async def test_who_no_longer_waits_ends_no_trial() -> None:
    model = Model()
    trial = ModelTrial(model)
    waiting = [asyncio.create_task(trial.result()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert (await waiting[1]).status == "healthy"
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
