"""A short day of ten users on PostgreSQL, with kills of it and of memory; `make simulate` takes a thousand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.simulate.caller import Caller, Log
from tests.simulate.day import Day, Plan
from tests.simulate.promises import Verdict
from tests.simulate.report import latencies, recoveries
from tests.simulate.subjects import Processes, user_tokens

pytestmark = pytest.mark.slow


@pytest.fixture
def subject(tmp_path: Path, model_directory: Path) -> Iterator[Processes]:
    with Processes(tmp_path, model_directory) as made:
        yield made


async def test_a_day_with_kills_loses_nothing_and_what_is_taken_away_is_noticed(
    subject: Processes, report: Callable[[str], None]
) -> None:
    plan = Plan(users=10, conversations=40, at_once=4)
    async with httpx2.AsyncClient(timeout=60) as http:
        admin = await asyncio.to_thread(subject.admin_token)
        tokens = await asyncio.to_thread(user_tokens, subject.url, admin, plan.users)
        log = Log()
        day = Day(
            plan, [Caller(http, subject.url, token, log) for token in tokens], log, lambda _: None, subject.processor_s
        )
        await day.run(subject.kills)
        await day.verify()
        for line in (*latencies(day), *recoveries(day)):
            report(line)
        assert day.verdict.broken == []
        assert day.promises.deleted
        assert day.verdict.looked_at["there by its id"] >= 40

        await asyncio.to_thread(subject.change, "DELETE FROM memories WHERE sequence % 2 = 0")
        day.verdict = Verdict()
        await day.verify()
        assert day.verdict.broken != []
