"""A small file that is replaced in one step: the earlier one or the new one, never half of either."""

from __future__ import annotations

import fcntl
import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from services.cli.clients.settings_file import SettingsFile
from services.cli.hooks import spool
from services.kit.backup import PartContent, write_backup
from services.kit.durable_files import sync, write_private
from services.kit.encryption.key_file import generate_key
from services.kit.encryption.keyring import KEYRING
from services.kit.encryption.reencryption import change, rewrap
from services.memory.index.contents import Contents
from services.memory.index.snapshot import write_snapshot
from services.session.config import SessionSettings
from services.session.store.reencryption import changeable_sessions
from services.session.store.sqlite import connect, open_sqlite

FULL = -51
"""F_FULLFSYNC, which no other command is."""


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / ".shards.new").write_text("of a process that was killed")
    for text in ("3\n", "4 and more\n"):
        write_private(tmp_path / "shards", text)
        assert (tmp_path / "shards").read_text() == text
    assert names(tmp_path) == ["shards"]
    assert (tmp_path / "shards").stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_the_earlier_one_stays_and_no_draft(tmp_path: Path) -> None:
    write_private(tmp_path / "shards", "3\n")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "shards", "\ud800")
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "full").touch()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "place", "4\n")
    assert names(tmp_path) == ["place", "shards"]
    assert (tmp_path / "shards").read_text() == "3\n"


def test_a_link_in_the_draft_s_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / ".shards.new").symlink_to(tmp_path / "elsewhere")
    write_private(tmp_path / "shards", "3\n")
    assert (tmp_path / "elsewhere").read_text() == "theirs"


class Disk:
    """A disk that knows F_FULLFSYNC, unless it `refuses`; which files came on it whole, and which by fsync alone."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.full: list[str] = []
        self.plain: list[str] = []
        self.refuses = False
        real = fcntl.fcntl

        def control(descriptor: int, command: int, *rest: int) -> object:
            if command != FULL:
                return real(descriptor, command, *rest)
            if self.refuses:
                raise OSError(45, "Operation not supported")
            self.full.append(self.name_of(descriptor))
            return 0

        monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL, raising=False)
        monkeypatch.setattr(fcntl, "fcntl", control)
        monkeypatch.setattr(os, "fsync", lambda descriptor: self.plain.append(self.name_of(descriptor)))

    def name_of(self, descriptor: int) -> str:
        status = os.fstat(descriptor)
        paths = (self.root, *self.root.rglob("*"))
        return next(path.name for path in paths if os.path.samestat(path.lstat(), status))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


def test_where_the_disk_can_be_told_to_write_it_is_and_else_the_system(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    sync(tmp_path / "a")
    sync(tmp_path)
    assert (disk.full, disk.plain) == (["a", tmp_path.name], [])
    disk.refuses = True
    sync(tmp_path / "a")
    assert (disk.full, disk.plain) == (["a", tmp_path.name], ["a"])


def test_a_system_without_it_syncs(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fcntl, "F_FULLFSYNC")
    sync(tmp_path)
    assert (disk.full, disk.plain) == ([], [tmp_path.name])


def test_a_session_s_changes_go_to_the_disk(tmp_path: Path) -> None:
    """SQLite itself knows how, if it is told to."""
    with closing(connect(tmp_path / "session.sqlite", 0)) as connection:
        settings = ("synchronous", "fullfsync", "checkpoint_fullfsync")
        assert [connection.execute(f"PRAGMA {name}").fetchone() for name in settings] == [(2,), (1,), (1,)]


class Files:
    """A part of a backup: two files."""

    name = "files"

    async def copy_to(self, directory: Path) -> PartContent:
        (directory / "one").write_text("1")
        (directory / "two").write_text("2")
        return PartContent(1, 1, {})


async def test_a_backup_is_on_the_disk_file_by_file(disk: Disk, tmp_path: Path) -> None:
    await write_backup(tmp_path / "backups", [Files()], "00c0ffee", datetime(2026, 3, 1, tzinfo=UTC))
    assert {"one", "two", "files", "manifest.json", "backups"} <= set(disk.full)
    assert disk.plain == []


def test_a_snapshot_is_on_the_disk_and_so_is_its_name(disk: Disk, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "index.snapshot", Contents({"rows": np.arange(3)}, {}), "i")
    assert disk.full == [".index.snapshot.new", tmp_path.name]
    assert disk.plain == []


def test_an_event_of_a_hook_is_on_the_disk_and_so_is_its_name(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("SEGUE_URL", raising=False)
    spool.put("Stop", b"{}")
    assert disk.full == [f".{os.getpid()}", "local"]
    assert [path.read_bytes() for path in (tmp_path / "data/hooks/spool/local").glob("*-Stop.json")] == [b"{}"]


async def test_a_change_of_key_is_on_the_disk_step_by_step(disk: Disk, tmp_path: Path) -> None:
    home = tmp_path / "session"
    home.mkdir()
    async with open_sqlite(home / "session.sqlite", queue_max=9):
        pass
    one, two = (generate_key(tmp_path / name) for name in ("one.key", "two.key"))
    assert {"one.key", "two.key"} <= set(disk.full)
    change(changeable_sessions(SessionSettings(directory=home).place), None, one, lambda *_: None)
    assert {"session.sqlite", f".{KEYRING}.new", "session"} <= set(disk.full)
    disk.full.clear()
    rewrap(home, one, two)
    assert disk.full == [f".{KEYRING}.new", "session"]
    assert disk.plain == []


def test_a_client_s_settings_are_on_the_disk(disk: Disk, tmp_path: Path) -> None:
    SettingsFile(tmp_path / "settings.json").write("{}")
    assert len(disk.full) == 1
    assert disk.plain == []
