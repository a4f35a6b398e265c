"""Opening a database whose log is damaged, or that an earlier version wrote."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from services.kit.encryption.vault import SealBroken, Vault
from services.kit.errors import NotReady, Unavailable
from services.memory.domain.corrections import Corrections
from services.memory.domain.deletion_log import Removing
from services.memory.domain.rows import NewRow
from services.memory.storage.database_file import migration
from services.memory.storage.database_file.opening import Opened, open_database, start_database
from services.memory.storage.database_file.schema import MIGRATIONS
from services.memory.storage.database_file.write_ahead_log import committed_bytes, wal_of
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.row_codec import rows_of
from services.memory.storage.sharded_store import open_shards
from tests.earlier_schemas import STORED_AT, memory, write_schema_1, write_schema_2, write_schema_4, write_schema_5

COUNT = 12
KILLED = """
import os, sys
from pathlib import Path
from services.memory.storage.database_file.opening import open_database
connection = open_database(Path(sys.argv[1]), {}).connection
connection.execute("CHECKPOINT")
for number in range(int(sys.argv[2])):
    connection.execute("INSERT INTO project_links VALUES ('ann', ?, 'b', 'related', 'd', now())", [f"{number:03}" * 99])
os._exit(0)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose process was killed after it had committed COUNT rows."""
    path = tmp_path_factory.mktemp("killed") / "memory.duckdb"
    subprocess.run([sys.executable, "-c", KILLED, str(path), str(COUNT)], check=True)
    return path


@pytest.fixture
def database(killed: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    for path in (killed, wal_of(killed)):
        shutil.copy(path, tmp_path)
    return tmp_path / killed.name


def sources(opened: Opened) -> list[str]:
    with opened.connection as connection:
        return [row[0][:3] for row in connection.execute("SELECT source FROM project_links ORDER BY source").fetchall()]


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def first(count: int) -> list[str]:
    return [f"{number:03}" for number in range(count)]


def test_a_log_that_a_kill_left_is_whole_and_replayed_in_silence(database: Path) -> None:
    assert committed_bytes(wal_of(database)) == wal_of(database).stat().st_size
    opened = open_database(database, {})
    assert opened.trouble == ""
    assert sources(opened) == first(COUNT)
    assert not list(database.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("left", [0.99, 0.9, 0.5, 0.25, 0.1, 0.01, 0.002])
def test_a_log_cut_short_is_read_as_far_as_it_goes_and_kept(database: Path, left: float) -> None:
    wal = wal_of(database)
    os.truncate(wal, cut := int(wal.stat().st_size * left))
    damaged = wal.read_bytes()
    opened = open_database(database, {})
    kept = list(database.parent.glob("memory.duckdb.wal.damaged-*"))
    assert [each.read_bytes() for each in kept] == [damaged]
    assert kept[0].stat().st_mode & 0o077 == 0
    assert kept[0].name in opened.trouble
    assert f"of {cut:,} bytes" in opened.trouble
    found = sources(opened)
    assert found == first(len(found))
    assert COUNT * left - 2 < len(found) < COUNT


@pytest.mark.parametrize("place", [2, 6, 60, 80, 0.3, 0.5, 0.77, -20, -3])
def test_a_log_with_a_flipped_bit_is_read_up_to_it_and_kept(database: Path, place: float) -> None:
    wal = wal_of(database)
    data = bytearray(wal.read_bytes())
    at = int(place * len(data)) if 0 < place < 1 else int(place) % len(data)
    data[at] ^= 4
    wal.write_bytes(data)
    opened = open_database(database, {})
    assert [each.read_bytes() for each in database.parent.glob("memory.duckdb.wal.damaged-*")] == [bytes(data)]
    assert opened.trouble
    found = sources(opened)
    assert found == first(len(found))
    assert COUNT * at / len(data) - 2 < len(found) < COUNT


@pytest.mark.parametrize("content", [b"\0" * 5000, b"garbage " * 600, b"\0"])
def test_what_is_no_log_is_kept_and_said(database: Path, content: bytes) -> None:
    wal_of(database).write_bytes(content)
    opened = open_database(database, {})
    assert opened.trouble
    assert sources(opened) == []
    assert [each.read_bytes() for each in database.parent.glob("memory.duckdb.wal.damaged-*")] == [content]


def test_what_is_stored_after_a_damaged_log_is_there_after_a_kill(database: Path) -> None:
    os.truncate(wal_of(database), wal_of(database).stat().st_size - 9)
    assert len(sources(open_database(database, {}))) == COUNT - 1
    subprocess.run([sys.executable, "-c", KILLED.replace("'b'", "'c'"), str(database), "3"], check=True)
    opened = open_database(database, {})
    assert opened.trouble == ""
    assert len(sources(opened)) == COUNT - 1 + 3
    assert len(list(database.parent.glob("*.damaged-*"))) == 1


async def test_a_damaged_log_is_a_trouble_of_the_store_until_the_next_start(database: Path) -> None:
    os.truncate(wal_of(database), 3000)
    async with open_shards(database.parent, 1, StoreSettings()) as store:
        assert "memory.duckdb.wal" in store.troubles[0]
    async with open_shards(database.parent, 1, StoreSettings()) as store:
        assert not store.troubles


EARLIER = {1: write_schema_1, 2: write_schema_2, 4: write_schema_4, 5: write_schema_5}


@pytest.mark.slow
@pytest.mark.parametrize(("schema", "write"), EARLIER.items())
async def test_a_database_of_an_earlier_schema_is_migrated_with_all_that_it_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, schema: int, write: Callable[[Path, int], None]
) -> None:
    path = tmp_path / "memory.duckdb"
    write(path, 30)
    earlier = path.read_bytes()
    kept = tmp_path / f"memory.duckdb.schema-{schema}"
    for start in (1, 2):
        async with open_shards(tmp_path, 1, StoreSettings()) as store:
            found = await store.fetch(range(1, 31))
            assert [found[number + 1] for number in range(30)] == [memory(number) for number in range(30)]
            assert await store.find("ann", memory(7).id) == 8
            assert (await store.stats("ann", "", "m")).embedded == 30
            assert await store.usage("ann") == (30, sum(memory(number).size for number in range(30)))
            assert set(await store.find_existing([NewRow(memory(number), "ann") for number in range(30)])) == {
                *range(30)
            }
            assert await store.links("ann") == []
        assert kept.exists() == (start == 1)
        if start == 1:
            assert kept.read_bytes() == earlier
    assert f"the database of the earlier schema, {kept.name}, is removed" in caplog.text
    assert names(tmp_path) == ["memory.duckdb", "shards"]


VAULT = Vault(bytes(range(32)))


async def test_a_sealed_database_of_an_earlier_schema_is_migrated_by_its_key(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    write_schema_4(path, 30, vault=VAULT)
    with duckdb.connect(path) as connection:
        connection.execute("CHECKPOINT")
    earlier = path.read_bytes()
    for wrong in (None, Vault(bytes(32))):
        with pytest.raises(NotReady, match="do not belong together"):
            async with open_shards(tmp_path, 1, StoreSettings(vault=wrong)):
                pass
        assert path.read_bytes() == earlier
    async with open_shards(tmp_path, 1, StoreSettings(vault=VAULT)) as store:
        assert list((await store.fetch(range(1, 31))).values()) == [memory(number) for number in range(30)]
        assert await store.usage("ann") == (30, sum(memory(number).size for number in range(30)))
        assert set(await store.find_existing([NewRow(memory(number), "ann") for number in range(30)])) == {*range(30)}
        elsewhere = NewRow(replace(memory(7), session_id="day", id="7 by day"), "ann")
        assert await store.find_existing([elsewhere]) == {}
        assert [rule.days for rule in await store.rules("ann")] == [30]
    assert b"lighthouse" not in path.read_bytes()


async def test_a_sealed_database_of_the_schema_before_can_be_corrected_and_deleted_from(tmp_path: Path) -> None:
    write_schema_5(tmp_path / "memory.duckdb", 3, vault=VAULT)
    async with open_shards(tmp_path, 1, StoreSettings(vault=VAULT)) as store:
        (removal,) = await store.removals("ann", "p", 10)
        assert (removal.ids, removal.erased, removal.restored) == (["gone"], True, 0)
        assert await store.corrections() == Corrections([], {})
        assert await store.last_deletion("ann") == removal.removed_at
        changed = NewRow(replace(memory(0), content="Changed"), "ann")
        await store.update(1, changed, STORED_AT, "m")
        await store.delete([2], Removing("ann"))
        known = await store.find_existing([NewRow(memory(number), "ann") for number in range(3)])
        assert {place: each.was_deleted for place, each in known.items()} == {0: False, 1: True, 2: False}
        assert [each.content for each in (await store.versions("ann", [memory(0).id]))[memory(0).id]] == [
            memory(0).content
        ]


def test_a_sealed_row_that_cannot_be_opened_stops_a_migration_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    write_schema_4(path, 3, vault=VAULT)
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE memories SET content = 'AAAA' WHERE sequence = 2")
        connection.execute("CHECKPOINT")
    before = path.read_bytes()
    with pytest.raises(SealBroken):
        open_database(path, {}, rows_of(VAULT))
    assert path.read_bytes() == before
    assert names(tmp_path) == ["memory.duckdb"]


@pytest.mark.parametrize("left_over", ["migrating", "migrating.wal", "schema-1"])
def test_what_an_interrupted_migration_left_is_in_nobodys_way(tmp_path: Path, left_over: str) -> None:
    path = tmp_path / "memory.duckdb"
    write_schema_1(path, 3)
    (tmp_path / f"memory.duckdb.{left_over}").write_bytes(b"half of it")
    for _ in range(2):
        with start_database(path, {}).connection as connection:
            assert connection.execute("SELECT count(*) FROM memories").fetchall() == [(3,)]
    assert names(tmp_path) == ["memory.duckdb"]


def test_a_migration_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "memory.duckdb"
    write_schema_1(path, 3)
    with duckdb.connect(path) as connection:  # what the second migration makes is in its way
        connection.execute("CREATE TABLE project_links (x INTEGER)")
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="unchanged"):
        open_database(path, {})
    assert path.read_bytes() == before
    assert names(tmp_path) == ["memory.duckdb"]


def test_a_database_of_a_later_schema_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "memory.duckdb"
    write_schema_1(path, 3)
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO schema_version VALUES (?)", [len(MIGRATIONS) + 1])
    with pytest.raises(NotReady, match=f"schema {len(MIGRATIONS) + 1}"):
        open_database(path, {})


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.duckdb"
    write_schema_1(path, 3)
    monkeypatch.setattr(migration, "spare_bytes", shutil.disk_usage(tmp_path).total)
    with pytest.raises(Unavailable, match=r"no room to migrate.*MB are needed"):
        open_database(path, {})
    assert names(tmp_path) == ["memory.duckdb"]


@pytest.fixture(autouse=True)
def _logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
