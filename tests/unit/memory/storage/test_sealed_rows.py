"""Sealed rows cannot be read, swapped or guessed; and every column that can hold text is known."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from services.kit.encryption.vault import SealBroken, Vault
from services.kit.errors import NotReady
from services.memory.domain.memories import Chosen
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.store import MemoryStore
from services.memory.storage.database_file import migration
from services.memory.storage.database_file.opening import open_database
from services.memory.storage.database_file.schema import MIGRATIONS
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.unit.memory.rows import NOW, VECTOR, row

VAULT = Vault(bytes(range(32)))
SEALED = StoreSettings(vault=VAULT)
TEXTS = ("memories", "deleted_memories", "versions")
IN_CLEAR = {
    *((table, name) for table in TEXTS for name in ("id", "user_id")),
    *((table, "kind") for table in TEXTS),
    *((table, name) for table in ("memories", "deleted_memories") for name in ("replaces", "made_of")),
    ("embeddings", "model"),
    ("project_links", "user_id"),
    ("project_links", "type"),
    ("sealing", "data_key"),
    *(("removals", name) for name in ("user_id", "actor", "reason", "ids")),
    *((table, "user_id") for table in ("retention", "merged_memories", "earlier_projects")),
    *(("upkeep", name) for name in ("name", "value")),
    ("outgoing", "body"),  # ids, counts and whose
}
"""Columns that stay readable. A column that is new belongs here, or into `rows.py` and into UNREADABLE."""
UNREADABLE = {
    *((of, name) for of in TEXTS for name in ("content", "project", "session_id", "role", "tags", "metadata")),
    ("digest_key", "secret"),
    *(("embeddings", name) for name in ("content", "context")),
    *(("project_links", name) for name in ("source", "target", "description")),
    *((table, "project") for table in ("removals", "retention", "merged_memories", "earlier_projects")),
    ("earlier_projects", "earlier"),
}


def test_every_column_that_can_hold_text_is_sealed_or_known_to_be_clear(tmp_path: Path) -> None:
    with open_database(tmp_path / "memory.duckdb", {}).connection as connection:
        sql = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
        columns = connection.execute(sql).fetchall()
    textual = {(table, name) for table, name, kind in columns if kind in {"VARCHAR", "BLOB", "JSON"} or "[]" in kind}
    assert textual == IN_CLEAR | UNREADABLE


async def filled(directory: Path, settings: StoreSettings) -> None:
    async with open_shards(directory, 1, settings) as store:
        await store.insert([row("the otter swims", "river"), row("the badger digs", "wood", user="bob")], "m")
        await store.link("ann", Link("lake", "wood", LinkType.RELATED, "both are wet", NOW))


def change(directory: Path, *statements: str) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    with duckdb.connect(directory / "memory.duckdb") as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def holds(directory: Path, *words: bytes) -> list[Path]:
    return [path for path in directory.iterdir() if path.is_file() and any(word in path.read_bytes() for word in words)]


async def test_no_column_shows_any_text(tmp_path: Path) -> None:
    await filled(tmp_path, SEALED)
    for table in ("memories", "embeddings", "project_links"):
        shown = repr(change(tmp_path, f"FROM {table}"))
        assert not [word for word in ("otter", "badger", "river", "lake", "wood", "'t'", "wet") if word in shown]
    vectors = change(tmp_path, "SELECT content, context FROM embeddings")
    assert not any(VECTOR.tobytes() in bytes(each) for pair in vectors for each in pair)  # type: ignore[call-overload]


async def test_a_fingerprint_cannot_be_guessed_without_the_key(tmp_path: Path) -> None:
    await filled(tmp_path, SEALED)
    stored = {str(each[0]) for each in change(tmp_path, "SELECT fingerprint FROM memories")}
    assert str(row("the otter swims", "river").memory.fingerprint("ann")) not in stored


SWAPPED = {
    "content": "UPDATE memories SET content = (SELECT content FROM memories WHERE sequence = 2) WHERE sequence = 1",
    "user": "UPDATE memories SET user_id = 'ann' WHERE sequence = 2",
    "project": "UPDATE memories SET project = (SELECT source FROM project_links) WHERE sequence = 1",
    "no base64": "UPDATE memories SET content = '*' WHERE sequence = 1",
}


@pytest.mark.parametrize("statement", SWAPPED.values(), ids=SWAPPED)
async def test_a_row_that_was_tampered_with_is_not_read(tmp_path: Path, statement: str) -> None:
    await filled(tmp_path, SEALED)
    change(tmp_path, statement)
    async with open_shards(tmp_path, 1, SEALED) as store:
        with pytest.raises(SealBroken):
            await store.fetch(await store.choose("ann", Chosen(before=NOW.replace(year=2027))))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE embeddings SET content = context WHERE sequence = 1",
        "UPDATE embeddings SET content = (SELECT content FROM embeddings WHERE sequence = 2) WHERE sequence = 1",
    ],
)
async def test_a_vector_of_another_place_is_not_read(tmp_path: Path, statement: str) -> None:
    await filled(tmp_path, SEALED)
    change(tmp_path, statement)
    async with open_shards(tmp_path, 1, SEALED) as store:
        sequences = (await store.inventory("m")).sequences
        vectors = [
            vector async for portion in store.load("m", sequences, text=False) for vector in portion.content_vector
        ]
        assert [bool(each) for each in vectors].count(False) == 1


async def loaded(store: MemoryStore) -> int:
    sequences = (await store.inventory("m")).sequences
    return sum([len(portion.sequence) async for portion in store.load("m", sequences, text=False)])


async def test_filters_by_project_go_by_a_name_that_says_nothing(tmp_path: Path) -> None:
    async with open_shards(tmp_path, 1, SEALED) as store:
        await store.insert([row("one", "river"), row("two", "river"), row("three", "wood")], "m")
        assert len(await store.choose("ann", Chosen(project="river"))) == 2
        assert (await store.stats("ann", "wood", "m")).reflections == 1
        assert (await store.stats("ann", "", "m")).projects == 2
        assert await loaded(store) == 3
        assert await store.choose("ann", Chosen(project=VAULT.id)) == []


@pytest.mark.parametrize(("written", "opened"), [(SEALED, StoreSettings()), (StoreSettings(), SEALED)])
async def test_a_database_without_its_keyring_is_not_opened(
    tmp_path: Path, written: StoreSettings, opened: StoreSettings
) -> None:
    await filled(tmp_path, written)
    with pytest.raises(NotReady, match=r"encryption\.json beside it do not belong together"):
        async with open_shards(tmp_path, 1, opened):
            pass
    async with open_shards(tmp_path, 1, written) as store:
        assert await loaded(store) == 2


async def test_a_database_of_another_data_key_is_not_opened(tmp_path: Path) -> None:
    await filled(tmp_path, SEALED)
    with pytest.raises(NotReady, match="another data key"):
        async with open_shards(tmp_path, 1, StoreSettings(vault=Vault(bytes(32)))):
            pass


async def test_a_sealed_database_is_migrated_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(tmp_path, SEALED)
    monkeypatch.setattr(migration, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE later (number INTEGER)"))
    async with open_shards(tmp_path, 1, SEALED) as store:
        assert await loaded(store) == 2
        assert (tmp_path / f"memory.duckdb.schema-{len(MIGRATIONS)}").exists()
        assert not holds(tmp_path, b"otter", b"river", b"both are wet")


async def test_a_database_that_a_kill_left_empty_and_unmarked_is_taken_up(tmp_path: Path) -> None:
    open_database(tmp_path / "memory.duckdb", {}).connection.close()  # as it is before it is marked
    await filled(tmp_path, SEALED)
    assert change(tmp_path, "FROM sealing") == [(VAULT.id,)]
