"""Which backups there are is kept across restarts, bounded, and looked up each time."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kit.backup import write_backup
from services.kit.errors import Unavailable
from services.memory.domain.store import MemoryStore
from services.memory.operations import written_backups
from services.memory.operations.backups import Backups, MemoryPart, Schedule
from services.memory.operations.written_backups import Whereabouts, Written, WrittenBackups
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OWN, OTHER = "00c0ffee", "0000beef"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryStore]:
    (tmp_path / "here").mkdir()
    async with open_shards(tmp_path / "here", 2, StoreSettings()) as opened:
        yield opened


def backups_of(store: MemoryStore, tmp_path: Path, schedule: Schedule | None = None, server: str = OWN) -> Backups:
    return Backups([MemoryPart(store, tmp_path / "here")], schedule, server, WrittenBackups(store, server))


async def test_each_is_listed_the_newest_first_and_known_to_another_process(store: MemoryStore, tmp_path: Path) -> None:
    backups = backups_of(store, tmp_path)
    assert await backups.written() == []
    first, _ = await backups.make(tmp_path / "one", NOW)
    second, manifest = await backups.make(tmp_path / "two", NOW + timedelta(days=1))
    found = await backups_of(store, tmp_path).written()
    assert [each.path for each in found] == [str(second), str(first)]
    assert found[0] == Written(str(second), NOW + timedelta(days=1), 0, manifest.bytes, Whereabouts.THERE)
    shutil.rmtree(first)
    assert [each.whereabouts for each in await backups.written()] == [Whereabouts.THERE, Whereabouts.GONE]
    assert await backups_of(store, tmp_path, server=OTHER).written() == []


async def test_what_is_pruned_is_taken_out_and_what_was_there_before_is_listed(
    store: MemoryStore, tmp_path: Path
) -> None:
    directory = tmp_path / "scheduled"
    parts = [MemoryPart(store, tmp_path / "here")]
    before, _ = await write_backup(directory, parts, OWN, NOW - timedelta(days=2))
    await write_backup(directory, parts, OTHER, NOW - timedelta(days=1))
    schedule = Schedule(directory, timedelta(days=1), keep=2)
    backups = backups_of(store, tmp_path, schedule)
    assert [each.path for each in await backups.written()] == [str(before)]
    for days in range(3):
        await backups.make_if_due(schedule, NOW + timedelta(days=days))
    found = await backups.written()
    assert [each.written_at for each in found] == [NOW + timedelta(days=2), NOW + timedelta(days=1)]
    assert {each.whereabouts for each in found} == {Whereabouts.THERE}


async def test_the_list_is_bounded(store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written_backups, "listed_max", 2)
    backups = backups_of(store, tmp_path)
    for days in range(4):
        await backups.make(tmp_path / "some", NOW + timedelta(days=days))
    assert [each.written_at for each in await backups.written()] == [NOW + timedelta(days=each) for each in (3, 2)]


async def test_a_directory_that_does_not_answer_keeps_nobody_waiting(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups = backups_of(store, tmp_path)
    await backups.make(tmp_path / "some", NOW)
    monkeypatch.setattr(written_backups, "look_max_s", 0.05)
    monkeypatch.setattr(written_backups, "_whereabouts", lambda _: time.sleep(1))
    (only,) = await backups.written()
    assert only.whereabouts is Whereabouts.UNKNOWN


async def test_a_backup_that_cannot_be_noted_is_written_all_the_same(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(store, "keep_upkeep", fail)
    path, _ = await backups_of(store, tmp_path).make(tmp_path / "some", NOW)
    assert path.is_dir()
