"""Work that nobody waits for is bounded for each user, runs as whoever asked, and is done before the end."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from services.gateway.workflows.background_tasks import Background, all_max, drain_on_exit, per_user_max
from services.kit.errors import LimitExceeded, Unavailable

caller: ContextVar[str] = ContextVar("caller")


async def test_work_that_is_under_way_is_finished_before_the_end() -> None:
    done = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    background = Background()
    async with drain_on_exit(background, 5):
        for number in range(3):
            background.begin("ada", work(number))
    assert done == [0, 1, 2]


async def test_work_that_takes_too_long_is_given_up_at_the_end() -> None:
    background, never = Background(), asyncio.Event()
    async with drain_on_exit(background, 0.01):
        task = background.begin("ada", never.wait())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_user_has_so_much_under_way_and_others_are_not_kept_by_it() -> None:
    background, end = Background(), asyncio.Event()
    async with drain_on_exit(background, 5):
        for _ in range(per_user_max):
            background.begin("ada", end.wait())
        with pytest.raises(LimitExceeded):
            background.begin("ada", end.wait())
        background.begin("bob", end.wait())
        end.set()
    background.begin("ada", end.wait())
    await background.drain(5)


async def test_all_together_have_so_much_under_way() -> None:
    background, end = Background(), asyncio.Event()
    async with drain_on_exit(background, 5):
        for number in range(all_max):
            background.begin(f"user {number}", end.wait())
        with pytest.raises(LimitExceeded):
            background.begin("ada", end.wait())
        end.set()


async def test_work_runs_as_whoever_it_was_begun_for() -> None:
    background = Background()

    async def who() -> str:
        return caller.get()

    caller.set("ada")
    first = background.begin("ada", who())
    caller.set("bob")
    second = background.begin("bob", who())
    assert [await first, await second] == ["ada", "bob"]


async def test_work_that_fails_disturbs_nobody() -> None:
    background = Background()

    async def fails() -> None:
        raise Unavailable("Nobody is there.")

    async with drain_on_exit(background, 5):
        background.begin("ada", fails())
