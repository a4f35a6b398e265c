"""Turns of a few threads that many share: each one's work is done in order, and others have their turns between."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.memory.index.cells.turns import Turns


async def test_what_one_gives_is_done_in_order_and_never_twice_at_a_time() -> None:
    done: list[int] = []
    at_work = 0

    def work(number: int) -> int:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        time.sleep(0.001)
        done.append(number)
        at_work -= 1
        return number

    with ThreadPoolExecutor(4) as threads:
        turns = Turns(threads)
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(*(loop.run_in_executor(turns, work, number) for number in range(40)))
    assert answers == done == list(range(40))


async def test_others_have_their_turns_in_between() -> None:
    order: list[str] = []

    def work() -> None:
        time.sleep(0.005)
        order.append("many")

    with ThreadPoolExecutor(1) as threads:
        loop = asyncio.get_running_loop()
        many, one = Turns(threads), Turns(threads)
        waiting = [loop.run_in_executor(many, work) for _ in range(10)]
        await loop.run_in_executor(one, order.append, "one")
        await asyncio.gather(*waiting)
    assert order.index("one") <= 2


async def test_an_error_is_its_callers_and_what_was_cancelled_is_not_done() -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError("of the work")

    with ThreadPoolExecutor(1) as threads:
        turns = Turns(threads)
        failing, slow, cancelled = turns.submit(fail), turns.submit(time.sleep, 0.02), turns.submit(done.append, 1)
        assert cancelled.cancel()
        after = turns.submit(done.append, 2)
        with pytest.raises(ValueError, match="of the work"):
            failing.result()
        slow.result()
        after.result()
    assert done == [2]
