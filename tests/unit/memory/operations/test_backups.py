"""Backups as files: what is in one, which are refused, and how many are kept."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.cli import local_server
from services.cli.commands.restore import restore, verifiers
from services.kit.backup import ID_FILE, PartContent, backups_in, prune, read_manifest, server_id
from services.kit.errors import Conflict, InvalidInput, NotReady, ServiceError, Unavailable
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.operations.backups import Backups, MemoryPart, Schedule
from services.memory.storage.database_file.schema import MIGRATIONS
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.earlier_schemas import memory
from tests.unit.memory.rows import VECTOR

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 20
OWN, OTHER = "00c0ffee", "0000beef"
DAILY = timedelta(days=1)


@pytest.fixture(params=[1, pytest.param(3, marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    (tmp_path / "here").mkdir()
    async with open_shards(tmp_path / "here", request.param, StoreSettings()) as opened:
        rows = [replace(memory(number), project=f"p{number % 5}") for number in range(COUNT)]
        await opened.insert([NewRow(each, "ann", VECTOR, VECTOR) for each in rows], "m")
        yield opened


@pytest.fixture
def backups(store: MemoryStore, tmp_path: Path) -> Backups:
    return Backups([MemoryPart(store, tmp_path / "here")], None, OWN)


@pytest.fixture
async def backup(backups: Backups, tmp_path: Path) -> Path:
    return (await backups.make(tmp_path / "backups"))[0]


def shards(backup: Path) -> int:
    return read_manifest(backup).parts["memory"].databases


async def test_what_was_restored_holds_what_was_stored(backup: Path, tmp_path: Path) -> None:
    manifest = restore(backup, tmp_path / "there", verifiers())
    assert manifest.parts["memory"].counts == {"memories": COUNT, "embeddings": COUNT, "project_links": 0}
    async with open_shards(tmp_path / "there" / "memory", shards(backup), StoreSettings()) as restored:
        found = await restored.page("ann", 0, 100)
        assert {each.id for each in found.values()} == {memory(number).id for number in range(COUNT)}
        inserted = await restored.insert([NewRow(memory(999), "ann", VECTOR, VECTOR)], "m")
        assert inserted[0].sequence not in found
        assert (await restored.find("ann", memory(999).id)) == inserted[0].sequence


async def test_pages_follow_each_other_without_a_gap(store: MemoryStore) -> None:
    whole = await store.page("ann", 0, 100)
    assert list(whole) == sorted(whole)
    paged: list[int] = []
    while page := await store.page("ann", paged[-1] if paged else 0, 7):
        paged += page
    assert paged == list(whole)
    assert await store.page("bob", 0, 10) == {}


def damaged(backup: Path) -> None:
    path = next(iter(sorted(backup.glob("memory/*.duckdb"))))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def missing(backup: Path) -> None:
    next(iter(sorted(backup.glob("memory/*.duckdb")))).unlink()


def without_manifest(backup: Path) -> None:
    (backup / "manifest.json").unlink()


def changed(backup: Path, change: Callable[[dict[str, object]], object]) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    change(manifest)
    (backup / "manifest.json").write_text(json.dumps(manifest))


def newer_schema(backup: Path) -> None:
    changed(backup, lambda manifest: manifest["parts"]["memory"].update(schema=len(MIGRATIONS) + 1))  # type: ignore[index]


def newer_format(backup: Path) -> None:
    changed(backup, lambda manifest: manifest.update(format=2))


def unknown_part(backup: Path) -> None:
    changed(backup, lambda manifest: manifest["parts"].update(moods=manifest["parts"]["memory"]))  # type: ignore[index,attr-defined]


def leading_out(backup: Path) -> None:
    changed(backup, lambda manifest: manifest["files"][0].update(path="../../x"))  # type: ignore[index]


def other_counts(backup: Path) -> None:
    changed(backup, lambda manifest: manifest["parts"]["memory"]["counts"].update(memories=3))  # type: ignore[index]


def hostile_counts(backup: Path) -> None:
    counts = {"memories; DROP TABLE memories": 1}
    changed(backup, lambda manifest: manifest["parts"]["memory"].update(counts=counts))  # type: ignore[index]


@pytest.mark.parametrize("store", [1], indirect=True)
@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damaged, "not as it was written"),
        (missing, "No such file"),
        (without_manifest, "is not a backup"),
        (newer_schema, f"schema {len(MIGRATIONS) + 1}; this version of Segue knows {len(MIGRATIONS)}"),
        (newer_format, "format 2"),
        (unknown_part, "'moods'"),
        (leading_out, "damaged"),
        (other_counts, "does not hold what its manifest says"),
        (hostile_counts, "damaged"),
    ],
)
def test_a_backup_that_is_not_in_order_is_refused_and_nothing_is_left(
    backup: Path, tmp_path: Path, harm: Callable[[Path], None], reason: str
) -> None:
    harm(backup)
    with pytest.raises((InvalidInput, NotReady)) as refused:
        restore(backup, tmp_path / "there", verifiers())
    assert reason in refused.value.message
    assert not list((tmp_path / "there").glob("*")) or names(tmp_path / "there") == ["server.lock"]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("store", [1], indirect=True)
def test_only_an_empty_data_directory_is_restored_into(backup: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "imports.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"not empty: it has imports\.json"):
        restore(backup, there, verifiers())
    assert names(there) == ["imports.json"]
    (there / "imports.json").rename(there / "server.log")  # of a server that never got anywhere
    restore(backup, there, verifiers())
    with pytest.raises(InvalidInput, match="not empty: it has memory"):
        restore(backup, there, verifiers())


@pytest.mark.parametrize("store", [1], indirect=True)
def test_a_directory_that_a_server_holds_is_not_restored_into(backup: Path, tmp_path: Path) -> None:
    with local_server.hold(tmp_path / "there"), pytest.raises(local_server.AlreadyServing):
        restore(backup, tmp_path / "there", verifiers())
    assert names(tmp_path / "there") == ["server.lock"]


class Slow:
    """A part that takes until it is told to go on, or fails."""

    name = "slow"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.during: Callable[[], object] = lambda: None

    async def copy_to(self, directory: Path) -> PartContent:
        (directory / "half").write_text("half of it")
        if self.error:
            raise self.error
        return PartContent(1, 0, {})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Unavailable("no"), RuntimeError("a bug")])
async def test_a_backup_that_fails_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    expected = Unavailable if isinstance(error, OSError | ServiceError) else RuntimeError
    with pytest.raises(expected):
        await Backups([Slow(error)], None, OWN).make(tmp_path / "backups")
    assert names(tmp_path / "backups") == []


class Impatient(Slow):
    """Asks for another backup while one is written."""

    backups: Backups

    async def copy_to(self, directory: Path) -> PartContent:
        with pytest.raises(Conflict):
            await self.backups.make(directory)
        return PartContent(1, 0, {})


async def test_one_backup_is_written_at_a_time_and_of_absolute_directories(tmp_path: Path) -> None:
    part = Impatient()
    part.backups = Backups([part], None, OWN)
    await part.backups.make(tmp_path / "backups")
    with pytest.raises(InvalidInput, match="absolute"):
        await part.backups.make(Path("backups"))


def old(directory: Path, *days: float, server: str = OWN) -> list[Path]:
    """Backups that were written so many days before NOW; without a server, as versions before named them."""
    made = []
    for day in days:
        name = f"segue-{(NOW - timedelta(days=day)).strftime('%Y%m%dT%H%M%S.%fZ')}"
        path = directory / (f"{name}-{server}" if server else name)
        path.mkdir(parents=True)
        (path / "manifest.json").write_text("{}")
        made.append(path)
    return made


def paths(directory: Path) -> list[Path]:
    return [each.path for each in backups_in(directory)]


def test_only_the_oldest_backups_are_removed_and_nothing_else(tmp_path: Path) -> None:
    made = old(tmp_path, 5, 4, 3, 2)
    others = ("segue-notes", "segue-20200101T000000.000000Z", "segue-20200101T000000.000000Z-nobody", "photos")
    for name in others:
        (tmp_path / name).mkdir()  # none of them is a backup
    assert prune(tmp_path, OWN, 3, NOW) == made[:1]
    assert prune(tmp_path, OWN, 3, NOW) == []
    assert paths(tmp_path) == made[1:]
    assert set(others) < set(names(tmp_path))


def test_another_server_s_backups_are_left_alone_and_count_for_nothing(tmp_path: Path) -> None:
    theirs, mine = old(tmp_path, 9, 8, 7, 1, server=OTHER), old(tmp_path, 5, 4, 3)
    assert prune(tmp_path, OWN, 2, NOW) == mine[:1]
    assert prune(tmp_path, OTHER, 4, NOW) == []
    assert set(paths(tmp_path)) == {*theirs, *mine[1:]}


def test_times_in_the_future_are_neither_removed_nor_counted(tmp_path: Path) -> None:
    future, made = old(tmp_path, -400, -1), old(tmp_path, 3, 2, 1)
    assert prune(tmp_path, OWN, 2, NOW) == made[:1]
    assert set(paths(tmp_path)) == {*future, *made[1:]}
    assert prune(tmp_path, OWN, 2, NOW + timedelta(days=2)) == made[1:2]  # one of them has come


def test_backups_of_versions_before_are_pruned_by_the_server_that_is_alone_there(tmp_path: Path) -> None:
    before, made = old(tmp_path, 9, 8, 7, server=""), old(tmp_path, 1)
    assert prune(tmp_path, OWN, 3, NOW) == before[:1]
    theirs = old(tmp_path, 2, server=OTHER)
    assert prune(tmp_path, OWN, 1, NOW) == prune(tmp_path, OTHER, 1, NOW) == []
    assert set(paths(tmp_path)) == {*before[1:], *made, *theirs}


@pytest.mark.parametrize(
    ("newest_days", "is_due"), [((), True), ((0,), False), ((3, 1), True), ((-2,), True), ((-2, 0.5), False)]
)
async def test_a_backup_is_written_when_the_newest_is_old_enough(
    tmp_path: Path, newest_days: tuple[float, ...], is_due: bool
) -> None:
    known = old(tmp_path, *newest_days)
    backups = Backups([Slow()], schedule := Schedule(tmp_path, DAILY, keep=9), OWN)
    await backups.make_if_due(schedule, NOW + timedelta(seconds=1))
    assert len(paths(tmp_path)) == len(known) + is_due
    assert backups.trouble == ""


@pytest.mark.parametrize("server", [OTHER, ""])
async def test_a_backup_that_is_not_its_own_keeps_a_server_from_nothing(tmp_path: Path, server: str) -> None:
    old(tmp_path, 0.1, server=server)
    await Backups([Slow()], schedule := Schedule(tmp_path, DAILY, keep=3), OWN).make_if_due(schedule, NOW)
    assert [each.server for each in backups_in(tmp_path)] == [server, OWN]


async def test_a_backup_of_the_future_costs_one_backup_and_no_earlier_one(tmp_path: Path) -> None:
    future, made = old(tmp_path, -365), old(tmp_path, 3, 2, 1.5)
    backups = Backups([Slow()], schedule := Schedule(tmp_path, DAILY, keep=4), OWN)
    for look in range(12):
        await backups.make_if_due(schedule, NOW + timedelta(minutes=10 * look))
    assert len(paths(tmp_path)) == len([*future, *made]) + 1
    assert set(paths(tmp_path)) > {*future, *made}


async def test_two_servers_with_one_directory_both_keep_their_backups(tmp_path: Path) -> None:
    schedule = Schedule(tmp_path, DAILY, keep=2)
    servers = {name: Backups([Slow()], schedule, name) for name in (OWN, OTHER)}
    for day in range(5):
        for minutes, backups in enumerate(servers.values()):
            await backups.make_if_due(schedule, NOW + timedelta(days=day, minutes=minutes))
    kept = [(each.written_at - NOW, each.server) for each in backups_in(tmp_path)]
    minute = timedelta(minutes=1)
    assert kept == [(at * DAILY + late * minute, name) for at in (3, 4) for late, name in enumerate((OWN, OTHER))]


class Neighbour(Slow):
    """A part during whose copying another server's backup begins, and ends."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    async def copy_to(self, directory: Path) -> PartContent:
        await Backups([Slow()], None, OTHER).make(self._directory)
        return await super().copy_to(directory)


async def test_what_another_server_is_writing_is_not_removed(tmp_path: Path) -> None:
    killed = tmp_path / f".partial-{OWN}-0123456789abcdef"
    killed.mkdir()  # by an earlier process of this server
    made, _ = await Backups([Neighbour(tmp_path)], None, OWN).make(tmp_path)
    assert (made / "slow" / "half").exists()
    assert len(paths(tmp_path)) == len(names(tmp_path)) == 2


async def test_what_a_version_before_left_half_written_goes_when_nobody_can_be_writing_it(tmp_path: Path) -> None:
    fresh, left = tmp_path / ".partial-0123456789abcdef", tmp_path / ".partial-fedcba9876543210"
    for each in (fresh, left):
        each.mkdir()
    os.utime(left, (0, 0))
    await Backups([Slow()], None, OWN).make(tmp_path)
    assert (fresh.exists(), left.exists()) == (True, False)


async def test_a_data_directory_has_one_id_and_a_restored_one_another(store: MemoryStore, tmp_path: Path) -> None:
    here = tmp_path / "here"
    own = server_id(here)
    assert server_id(here) == own
    assert (here / ID_FILE).stat().st_mode & 0o777 == 0o600
    backup, _ = await Backups([MemoryPart(store, here)], None, own).make(tmp_path / "backups")
    assert backup.name.endswith(f"-{own}")
    restore(backup, tmp_path / "there", verifiers())
    assert server_id(tmp_path / "there" / "memory") != own
    (here / ID_FILE).write_text("../../etc")
    assert len(server_id(here)) == 8


@pytest.mark.parametrize("store", [1], indirect=True)
def test_a_backup_with_the_name_of_versions_before_is_restored(backup: Path, tmp_path: Path) -> None:
    earlier = backup.rename(backup.with_name(backup.name.removesuffix(f"-{OWN}")))
    assert restore(earlier, tmp_path / "there", verifiers()).parts["memory"].counts["memories"] == COUNT


async def test_a_due_backup_that_fails_is_said_until_one_succeeds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part = Slow(OSError(28, "No space left on device"))
    backups = Backups([part], schedule := Schedule(tmp_path, DAILY, keep=1), OWN)
    kept = old(tmp_path, 9, 8)
    await backups.make_if_due(schedule, NOW)
    assert "No space left" in backups.trouble
    assert "No space left" in caplog.text
    assert paths(tmp_path) == kept  # the old ones are all there is
    part.error = None
    await backups.make_if_due(schedule, NOW)
    assert backups.trouble == ""
    assert len(paths(tmp_path)) == 1
