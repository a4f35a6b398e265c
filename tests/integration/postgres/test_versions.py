"""Over one step of the schema in PostgreSQL, with stores and searches going on: the documented road, and a new memory
service that waits beside the old one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from services.memory.storage.postgres.server.schema import MIGRATIONS
from tests.integration.stack import ROOT
from tests.patience import until
from tests.simulate.caller import Caller, Log
from tests.simulate.day import Day, Kill, Plan
from tests.simulate.report import recoveries
from tests.simulate.subjects import Processes, user_tokens

pytestmark = pytest.mark.slow

STEP = "ALTER TABLE memories ADD noted TEXT NOT NULL DEFAULT ''"
VERSIONS = "SELECT max(version) FROM schema_version"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT host FROM leases%'"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of a version whose schema is one step ahead."""
    root = tmp_path_factory.mktemp("newer")
    shutil.copytree(ROOT / "services", root / "services", ignore=shutil.ignore_patterns("__pycache__"))
    schema = root / "services/memory/storage/postgres/server/schema.py"
    text = schema.read_text()
    assert text.rstrip().endswith(")")
    schema.write_text(f'{text.rstrip().removesuffix(")")}    """{STEP};""",\n)\n')
    return root


@pytest.fixture
def subject(tmp_path: Path, model_directory: Path) -> Iterator[Processes]:
    with Processes(tmp_path, model_directory) as made:
        yield made


def version(subject: Processes) -> object:
    return subject.ask(VERSIONS)


async def live(subject: Processes, kill: Kill) -> Day:
    """A short day of three, in which memory changes its version."""
    plan = Plan(users=3, conversations=24, at_once=3, history_max=1, searched_share=1.0)
    async with httpx2.AsyncClient(timeout=60) as http:
        log = Log()
        admin = await asyncio.to_thread(subject.admin_token)
        tokens = await asyncio.to_thread(user_tokens, subject.url, admin, plan.users)
        day = Day(plan, [Caller(http, subject.url, token, log) for token in tokens], log, lambda _: None)
        await day.run([kill])
        await day.verify()
    return day


def require_all(day: Day, report: Callable[[str], None]) -> None:
    for line in recoveries(day):
        report(line)
    assert day.verdict.broken == []
    assert day.verdict.looked_at["there by its id"] > 10


def test_a_new_version_in_the_place_of_the_old_one_loses_nothing(
    subject: Processes, newer: Path, report: Callable[[str], None]
) -> None:
    assert version(subject) == len(MIGRATIONS)
    day = asyncio.run(live(subject, Kill("memory replaced", 0.5, lambda: subject.replace("memory", newer))))
    assert version(subject) == len(MIGRATIONS) + 1
    require_all(day, report)


def test_a_new_version_beside_the_old_one_changes_nothing_before_that_has_ended(
    subject: Processes, newer: Path, tmp_path: Path, report: Callable[[str], None]
) -> None:
    def hand_over() -> None:
        subject.stand_by("memory", newer, SEGUE_MEMORY_DIRECTORY=str(tmp_path / "beside"))
        until(lambda: subject.ask(WAITING))
        assert version(subject) == len(MIGRATIONS)
        subject.hand_over("memory")

    day = asyncio.run(live(subject, Kill("memory beside", 0.5, hand_over)))
    assert version(subject) == len(MIGRATIONS) + 1
    require_all(day, report)
