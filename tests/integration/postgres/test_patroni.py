"""Memories in three PostgreSQL servers under Patroni, with a synchronous standby: the leader is killed under load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.memory.test_postgres import URL, Writing
from tests.integration.stack import ProcessStack
from tests.servers.patroni import Patroni, patroni

pytestmark = [pytest.mark.containers, pytest.mark.slow]


@pytest.fixture(scope="module")
def servers() -> Iterator[Patroni]:
    with patroni() as made:
        yield made


async def test_the_leaders_death_takes_nothing_acknowledged_with_it(
    data: Path, servers: Patroni, report: Callable[[str], None]
) -> None:
    with ProcessStack(data, **{URL: servers.url}) as stack:
        writing = Writing(stack)
        async with writing.going_on():
            await writing.goes_on(30)
            killed = await asyncio.to_thread(servers.kill_leader)
            await writing.goes_on(30)
        assert await asyncio.to_thread(servers.leader) not in {0, killed}
        away_s = max(later - earlier for earlier, later in pairwise(writing.acknowledged_s))
        await writing.verify()
        report(f"Patroni's leader killed: no store was acknowledged for {away_s:.1f} s")
        report(f"acknowledged {len(writing.stored)}, deleted {len(writing.gone)}, lost 0, come back 0")
        stack.restart()
        await writing.verify()
