"""`segue prune` on the session store, whether a server uses it or not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.session.domain.handoff import Handoff
from services.session.domain.sessions import Session, State
from services.session.store import Change, Listing, SessionStore
from services.session.store.redis import open_redis
from services.session.store.sqlite import open_sqlite
from tests.patience import PATIENCE_S

NOW = datetime.now(UTC)


def prune(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", "prune", *arguments]
    environment = os.environ | {"SEGUE_DATA_DIR": str(data_dir), **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


async def fill(store: SessionStore) -> None:
    """Sessions that ended 10 to 200 days ago."""
    for days in range(200, 0, -10):
        at, name = NOW - timedelta(days=days), f"s{days}"
        session = Session(name, "ada", "/work/a", "/work/a", "a", at, at, State.ENDED, at, has_handoff=True)
        await store.commit(Change(session, handoff=Handoff(name, "ada", "a", at, State.ENDED, "", (), (), "", "")))


@pytest.mark.slow
async def test_what_would_go_is_said_first_and_goes_when_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir(mode=0o700)
    async with open_sqlite(tmp_path / "session" / "session.sqlite", queue_max=10) as store:
        await fill(store)
        said = prune(tmp_path)
        assert "Would remove 12 sessions that ended over 90 days ago" in said.stdout  # at 90 days it is over by now
        assert "--yes" in said.stdout
        assert len(await store.session_page("ada", Listing(limit=100))) == 20
        assert "Removed 12 sessions" in prune(tmp_path, "--yes").stdout
        assert "Removed 7 sessions that ended over 5 days ago" in prune(tmp_path, "--days", "5", "--yes").stdout
        assert [each.id for each in await store.session_page("ada", Listing(limit=100))] == ["s10"]
        assert await store.handoff("s10")


@pytest.mark.containers
async def test_sessions_in_redis_are_pruned_and_its_room_is_said(tmp_path: Path, emptied_redis: str) -> None:
    from redis import Redis

    with Redis.from_url(emptied_redis) as client:
        client.config_set("maxmemory", "256mb")
        try:
            async with open_redis(emptied_redis, timeout_s=5, stream_max=1000) as store:
                await fill(store)
                done = prune(tmp_path, "--days", "30", "--yes", SEGUE_SESSION_REDIS_URL=emptied_redis)
                assert done.returncode == 0, done.stderr
                assert "Removed 18 sessions" in done.stdout
                assert "% of its limit" in done.stdout
                assert len(await store.session_page("ada", Listing(limit=100))) == 2
        finally:
            client.config_set("maxmemory", "0")


@pytest.mark.parametrize("days", ["0", "-1", "nan", "inf", "1e9"])
def test_a_number_of_days_that_is_none_is_refused(tmp_path: Path, days: str) -> None:
    done = prune(tmp_path, f"--days={days}", "--yes")
    assert done.returncode == 1
    assert done.stderr == "segue prune: --days takes more than 0, up to 36,500\n"


def test_a_redis_that_is_away_is_said(tmp_path: Path) -> None:
    done = prune(tmp_path, SEGUE_SESSION_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
