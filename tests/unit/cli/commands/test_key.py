"""`segue key`: encrypting, decrypting and another key, on copies, one step at a time, and what is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli import local_server
from services.cli.__main__ import main
from services.kit.encryption import reencryption
from services.kit.encryption.key_file import generate_key
from services.kit.encryption.keyring import KEYRING
from services.kit.errors import NotReady
from services.memory.app import open_vault
from services.memory.config import KEY_FILE_SETTING, MemorySettings
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Memory
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.retention_policy import Rule
from services.memory.domain.rows import NewRow
from services.memory.encryption import database_rewrite
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.earlier_schemas import memory, write_schema_2
from tests.unit.memory.rows import NOW, VECTOR

COUNT = 20
PLAIN = ("lighthouse", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "night", "nested", "give light")


@pytest.fixture
def keys(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "one.key", tmp_path / "two.key"]
    for path in paths:
        generate_key(path)
    return paths


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv(KEY_FILE_SETTING, raising=False)
    mask = os.umask(0o022)  # the command sets its own
    yield
    os.umask(mask)


@pytest.fixture
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Memories in clear, some deleted, with a link and a log of removals."""
    home = tmp_path / "data" / "memory"
    home.mkdir(parents=True, mode=0o700)
    async with open_shards(home, request.param, StoreSettings()) as store:
        rows = [NewRow(memory(number), "ann", VECTOR, VECTOR) for number in range(COUNT)]
        inserted = await store.insert([*rows, NewRow(memory(COUNT), "bob")], "m")
        await store.link("ann", Link("lighthouse", "harbour", LinkType.RELATED, "both give light", NOW))
        for number in range(6):
            await store.link("ann", Link(f"quay {number}", "harbour", LinkType.REFERENCE, f"no {number}", NOW))
            await store.set_rule("ann", Rule(f"quay {number}", days=30 + number), NOW)
        again = replace(memory(5), timestamp=NOW, metadata={"more": "night"})
        assert await store.restate([NewRow(again, "ann")], "m")
        await store.reset_rule("ann", "quay 5", NOW)
        await store.delete([inserted[-2].sequence, inserted[3].sequence], Removing("ann"))
    (home / "index.snapshot").write_bytes(b"lighthouse")
    return home


def shards(home: Path) -> int:
    return int((home / "shards").read_text())


async def everything(home: Path, key_file: Path | None) -> tuple[list[Memory], list[Memory], list[Link], object, int]:
    settings = MemorySettings(directory=home, encryption_key_file=key_file)
    async with open_shards(home, shards(home), StoreSettings(vault=open_vault(settings))) as store:
        held = await store.inventory("m")
        vectors = [each async for part in store.load("m", held.sequences, text=True) for each in part.content_vector]
        assert {bytes(each) for each in vectors} == {VECTOR.tobytes(), b""}
        assert held.embedded.sum() == COUNT - 2
        (row,) = await store.find_existing([NewRow(memory(7), "ann")])
        assert row == 0
        mine = list((await store.page("ann", 0, 100)).values())
        theirs = list((await store.page("bob", 0, 100)).values())
        removed = [*await store.removals("ann", "lighthouse", 10), *await store.rules("ann"), await store.usage("ann")]
        assert (await store.stats("ann", "", "m")).oldest == memory(0).timestamp
        return mine, theirs, await store.links("ann"), removed, max(held.sequences.tolist())


def seen(directory: Path) -> set[str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {word for word in PLAIN for path in files if word.encode() in path.read_bytes()}


def begun(home: Path) -> int:
    return len(list(home.glob(".converting/*.duckdb")))


def databases(home: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(home.glob("memory*.duckdb"))]


def private(directory: Path) -> bool:
    return all(path.stat().st_mode & 0o077 == 0 for path in directory.rglob("*"))


def key(*arguments: str | Path) -> int:
    return main(["key", *map(str, arguments)])


@pytest.mark.slow
@pytest.mark.parametrize("home", [2], indirect=True)
async def test_encrypting_rotating_and_decrypting_lose_nothing(
    home: Path, keys: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await everything(home, None)
    assert seen(home) == set(PLAIN)
    assert key("encrypt", keys[0]) == 0
    assert seen(home) == set()
    assert private(home)
    assert await everything(home, keys[0]) == expected

    monkeypatch.setenv(KEY_FILE_SETTING, str(keys[0]))
    before = databases(home)
    assert key("rotate", keys[1]) == 0
    assert databases(home) == before
    assert await everything(home, keys[1]) == expected
    assert key("status") == 1  # the setting still names the earlier key

    monkeypatch.setenv(KEY_FILE_SETTING, str(keys[1]))
    keyring = (home / KEYRING).read_bytes()
    assert key("rotate", keys[0], "--anew") == 0
    assert (home / KEYRING).read_bytes() != keyring
    assert not set(databases(home)) & set(before)
    assert await everything(home, keys[0]) == expected
    assert seen(home) == set()

    monkeypatch.setenv(KEY_FILE_SETTING, str(keys[0]))
    assert key("status") == 0
    assert key("decrypt") == 0
    assert await everything(home, None) == expected
    assert not (home / KEYRING).exists()
    assert private(home)


@pytest.mark.parametrize("home", [2], indirect=True)
@pytest.mark.slow
async def test_numbers_go_on_where_they_were(home: Path, keys: list[Path]) -> None:
    *_, last = await everything(home, None)
    assert key("encrypt", keys[0]) == 0
    settings = MemorySettings(directory=home, encryption_key_file=keys[0])
    async with open_shards(home, 2, StoreSettings(vault=open_vault(settings))) as store:
        inserted = await store.insert([NewRow(memory(500 + number), "ann", VECTOR, VECTOR) for number in range(3)], "m")
        assert min(each.sequence for each in inserted) > last
        assert (await store.insert([NewRow(memory(8), "ann")], "m"))[0].duplicate


@pytest.mark.parametrize("moved", range(4))
@pytest.mark.parametrize("home", [2], indirect=True)
@pytest.mark.slow
async def test_a_change_that_was_interrupted_while_files_were_replaced_goes_on(
    home: Path, keys: list[Path], tmp_path: Path, moved: int
) -> None:
    """As it is when `moved` of the new files have their places: the rest is still beside them."""
    expected = await everything(home, None)
    before = shutil.copytree(home, tmp_path / "before")
    assert key("encrypt", keys[0]) == 0
    staging = home / reencryption.STAGING
    staging.mkdir()
    for name in ["memory-0.duckdb", "memory-1.duckdb", KEYRING][moved:]:
        (home / name).rename(staging / name)
        if (before / name).exists():
            shutil.copyfile(before / name, home / name)
    (staging / "complete").write_text("sealed")
    (home / "index.snapshot").write_bytes(b"lighthouse")
    for key_file in (None, keys[0]):
        with pytest.raises(NotReady, match="interrupted"):
            open_vault(MemorySettings(directory=home, encryption_key_file=key_file))
    assert key("encrypt", keys[0]) == 0
    assert not staging.exists()
    assert seen(home) == set()
    assert await everything(home, keys[0]) == expected


@pytest.mark.slow
@pytest.mark.parametrize("home", [2], indirect=True)
async def test_a_change_that_is_killed_is_undone_or_finished(home: Path, keys: list[Path]) -> None:
    expected = await everything(home, None)
    command = [sys.executable, "-m", "services.cli", "key", "encrypt", str(keys[0])]
    for written in (1, 2):  # killed when so many of the new databases have been begun
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and begun(home) < written:
                await asyncio.sleep(0.001)
            process.kill()
        if not (home / KEYRING).exists() and not (home / ".converting" / "complete").exists():
            assert await everything(home, None) == expected
    assert key("encrypt", keys[0]) == 0
    assert await everything(home, keys[0]) == expected
    assert seen(home) == set()


@pytest.mark.parametrize("home", [1], indirect=True)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(
    home: Path, keys: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str | Path) -> str:
        before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        assert key(*arguments) == 1
        assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
        return capsys.readouterr().err

    assert "No key file is named" in refused("encrypt")
    assert "cannot be read" in refused("encrypt", tmp_path / "missing")
    assert "protects nothing" in refused("generate", tmp_path / "data" / "key")
    assert "Nothing there is encrypted" in refused("decrypt")
    assert "Nothing there is encrypted" in refused("rotate", keys[1])
    assert "stays as it is" in refused("generate", keys[0])
    monkeypatch.setattr(reencryption, "spare_bytes", 2**60)
    assert "are needed" in refused("encrypt", keys[0])
    monkeypatch.undo()
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    assert key("encrypt", keys[0]) == 0
    assert "encrypted already" in refused("encrypt", keys[1])
    assert f"{KEY_FILE_SETTING} is not set" in refused("decrypt")
    monkeypatch.setenv(KEY_FILE_SETTING, str(keys[1]))
    generate_key(tmp_path / "three.key")
    for arguments in (("decrypt",), ("rotate", tmp_path / "three.key"), ("status",)):
        assert "is another one" in refused(*arguments)


@pytest.mark.parametrize("home", [1], indirect=True)
async def test_a_copy_that_is_not_what_it_should_be_never_takes_the_place(
    home: Path, keys: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lossy = {**database_rewrite._writing, "project_links": lambda _, row: {**row, "description": ""}}
    monkeypatch.setattr(database_rewrite, "_writing", lossy)
    assert key("encrypt", keys[0]) == 1
    assert not (home / reencryption.STAGING).exists()
    monkeypatch.undo()
    assert "both give light" in [link.description for link in (await everything(home, None))[2]]


@pytest.mark.parametrize("home", [1], indirect=True)
def test_nothing_is_done_while_a_server_has_it(
    home: Path, keys: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_server.hold(tmp_path / "data"):
        assert key("encrypt", keys[0]) == 3
    assert "already serves" in capsys.readouterr().err


@pytest.mark.parametrize("home", [1], indirect=True)
async def test_nothing_is_done_while_a_service_has_a_database_open(
    home: Path, keys: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(home / "memory.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        assert key("encrypt", keys[0], "--directory", home) == 1
        assert other.stdin
        other.stdin.close()
    assert "cannot be opened" in capsys.readouterr().err


def test_a_database_of_an_earlier_schema_is_migrated_and_encrypted(keys: list[Path], tmp_path: Path) -> None:
    home = tmp_path / "data" / "memory"
    home.mkdir(parents=True)
    write_schema_2(home / "memory.duckdb", 5)
    assert key("encrypt", keys[0]) == 0
    assert seen(home) == set()
    assert sorted(path.name for path in home.iterdir()) == [KEYRING, "memory.duckdb"]


def test_a_log_that_was_kept_in_clear_is_told(
    keys: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "data" / "memory"
    home.mkdir(parents=True)
    write_schema_2(home / "memory.duckdb", 5)
    kept = home / "memory.duckdb.wal.damaged-20260101T000000.000000Z"
    kept.write_bytes(b"lighthouse")
    assert key("encrypt", keys[0]) == 0
    assert str(kept) in capsys.readouterr().out
    assert kept.exists()
