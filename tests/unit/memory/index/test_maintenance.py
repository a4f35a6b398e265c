"""The index after a start: the same from its snapshot, without one, and from one that cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.kit.encryption.vault import Vault
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Kind, Memory, accept
from services.memory.domain.queries import EVERYTHING, Filter
from services.memory.domain.rows import Embedded, NewRow
from services.memory.domain.store import MemoryStore
from services.memory.index import maintenance as limits
from services.memory.index.asked import Asked
from services.memory.index.maintenance import Indexing, open_indexing
from services.memory.index.memory_index import MemoryIndex
from services.memory.index.snapshot import SnapshotFile, SnapshotUnusable, read_snapshot
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SUBJECTS = ("kettle", "harbour", "violin", "glacier")


def unit(seed: int) -> np.ndarray:
    row = np.random.default_rng(seed).standard_normal(384).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row))


def rows(count: int, first: int = 0) -> list[NewRow]:
    made = []
    for number in range(first, first + count):
        content = f"{SUBJECTS[number % 4]} number {number} in src/part{number}.py"
        said = NOW + timedelta(minutes=number)
        memory = Memory(content, Kind.CONVERSATION, "p", said, session_id=f"s{number // 10}", tags=(f"tag{number}",))
        vector = unit(number).astype(np.float16)
        made.append(NewRow(accept(memory, said), "ann", vector, vector))
    return made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryStore]:
    async with open_shards(tmp_path, 1, StoreSettings()) as opened:
        await opened.insert(rows(60), "m")
        yield opened


@asynccontextmanager
async def started(
    store: MemoryStore, snapshot: Path | None, model: str = "m", vault: Vault | None = None
) -> AsyncIterator[tuple[MemoryIndex, Indexing]]:
    async with AsyncExitStack() as stack:
        index = stack.enter_context(MemoryIndex(384))
        file = SnapshotFile(snapshot, vault) if snapshot else None
        opened = await stack.enter_async_context(open_indexing(Indexing(store, index, model, file)))
        yield index, opened


async def found(index: MemoryIndex, words: list[str], only: Filter = EVERYTHING) -> list[list[float]]:
    candidates = await index.candidates("ann", ["p"], Asked(words, frozenset(), unit(7)), only)
    signals = candidates.signals
    columns = (
        candidates.sequence,
        signals.words,
        signals.session_words,
        signals.vector,
        signals.before,
        signals.length,
    )
    return [np.asarray(column).round(5).tolist() for column in columns]


async def in_full(store: MemoryStore) -> list[list[float]]:
    async with started(store, None) as (index, _):
        return await found(index, ["kettl", "number"])


async def write(store: MemoryStore, snapshot: Path) -> None:
    async with started(store, snapshot) as (_, opened):
        await opened.write(1)


async def test_a_start_from_the_snapshot_finds_the_same(store: MemoryStore, tmp_path: Path) -> None:
    expected = await in_full(store)
    await write(store, tmp_path / "index.snapshot")
    async with started(store, tmp_path / "index.snapshot") as (index, _):
        assert index.changes == 0  # nothing had to be added
        assert await found(index, ["kettl", "number"]) == expected
        tagged = await found(index, ["kettl"], Filter(tags=("TAG8",)))
        assert tagged[0] == (await found(index, ["kettl"], Filter(file_path="part8.py")))[0] != []
    assert (tmp_path / "index.snapshot").stat().st_mode & 0o777 == 0o600


async def test_what_changed_after_the_snapshot_is_replayed(store: MemoryStore, tmp_path: Path) -> None:
    await write(store, tmp_path / "index.snapshot")
    await store.insert([*rows(5, first=60), NewRow(rows(1, first=70)[0].memory, "ann")], "m")
    stored = (await store.inventory("m")).sequences
    await store.delete(stored[:3].tolist(), Removing("ann"))
    expected = await in_full(store)
    async with started(store, tmp_path / "index.snapshot") as (index, _):
        assert (await found(index, ["kettl", "number"]))[0] == expected[0]
        await index.remove(stored[3:5].tolist())
    without = stored[-1:]
    await store.embed([Embedded(int(without[0]), unit(70).astype(np.float16), unit(70).astype(np.float16))], "m")
    async with started(store, tmp_path / "index.snapshot") as (index, _):
        _, has_vectors = await index.held_sequences()
        assert has_vectors.all()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, empty, Path.unlink])
async def test_a_snapshot_that_cannot_be_used_is_built_anew(
    store: MemoryStore, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    snapshot = tmp_path / "index.snapshot"
    expected = await in_full(store)
    await write(store, snapshot)
    damage(snapshot)
    async with started(store, snapshot) as (index, opened):
        assert await found(index, ["kettl", "number"]) == expected
        await opened.write(1)
    async with started(store, snapshot) as (index, _):
        assert index.changes == 0


async def test_a_snapshot_of_another_model_is_not_used(store: MemoryStore, tmp_path: Path) -> None:
    snapshot = tmp_path / "index.snapshot"
    await write(store, snapshot)
    with pytest.raises(SnapshotUnusable, match="another model"):
        read_snapshot(snapshot, "index 1, terms 1, model other")
    async with started(store, snapshot, model="other") as (index, _):
        sequences, has_vectors = await index.held_sequences()
        assert len(sequences) == 60
        assert not has_vectors.any()


VAULT = Vault(bytes(32))


async def test_a_sealed_snapshot_is_read_with_its_key_alone(store: MemoryStore, tmp_path: Path) -> None:
    async with started(store, None) as (index, _):
        contents = await index.contents()
        expected = await found(index, ["kettl"])
    sealed, clear = SnapshotFile(tmp_path / "sealed", VAULT), SnapshotFile(tmp_path / "clear")
    sealed.write(contents, "m")
    clear.write(contents, "m")
    assert b"tag8" not in sealed.path.read_bytes()
    assert b"tag8" in clear.path.read_bytes()
    with MemoryIndex(384) as restored:
        await restored.restore(sealed.read("m"))
        assert await found(restored, ["kettl"]) == expected
    for path, vault in (
        (sealed.path, None),
        (clear.path, VAULT),
        (sealed.path, Vault(bytes(range(32)))),
    ):
        with pytest.raises(SnapshotUnusable):
            SnapshotFile(path, vault).read("m")


async def test_a_snapshot_of_another_key_is_built_anew(store: MemoryStore, tmp_path: Path) -> None:
    snapshot = tmp_path / "index.snapshot"
    expected = await in_full(store)
    for vault in (VAULT, None, VAULT):
        async with started(store, snapshot, vault=vault) as (index, opened):
            assert await found(index, ["kettl", "number"]) == expected
            assert index.changes > 0  # not read from what was there
            await opened.write(1)
    async with started(store, snapshot, vault=VAULT) as (index, _):
        assert index.changes == 0
        assert await found(index, ["kettl", "number"]) == expected


async def test_many_texts_are_read_beside_serving_and_it_is_said(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await in_full(store)
    monkeypatch.setattr(limits, "read_at_start_max", 10)
    monkeypatch.setattr(limits, "portion", 7)
    async with started(store, None) as (index, opened):
        assert opened.unread == 60
        bare = await found(index, ["kettl", "number"])
        assert bare[0] == expected[0]
        assert bare[3] == expected[3]  # found by meaning, exactly
        assert not any(bare[1])
        (later,) = await store.insert(rows(1, first=60), "m")
        await store.delete([later.sequence], Removing("ann"))
        reading = asyncio.create_task(opened.run())
        while opened.unread:
            await asyncio.sleep(0.001)
        assert await found(index, ["kettl", "number"]) == expected
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def test_a_disk_that_is_full_costs_the_snapshot_alone(store: MemoryStore, tmp_path: Path) -> None:
    async with started(store, tmp_path / "nowhere" / "index.snapshot") as (index, opened):
        await opened.write(1)
        assert (await found(index, ["kettl"]))[0]


@asynccontextmanager
async def started_in_haste(store: MemoryStore, snapshot: Path) -> AsyncIterator[tuple[MemoryIndex, Indexing]]:
    with MemoryIndex(384) as index:
        opened = Indexing(store, index, "m", SnapshotFile(snapshot), erase_within_s=0)
        await opened.start()
        yield index, opened


async def test_what_was_removed_is_in_no_snapshot_and_the_rest_is_found_from_it(
    store: MemoryStore, tmp_path: Path
) -> None:
    snapshot = tmp_path / "index.snapshot"
    await write(store, snapshot)
    assert b"tag17" in await asyncio.to_thread(snapshot.read_bytes)
    stored = (await store.inventory("m")).sequences
    gone = [*stored[:7].tolist(), int(stored[17]), *stored[40:53].tolist()]  # all of session 4
    await store.delete(gone, Removing("ann"))
    expected = await in_full(store)
    async with started_in_haste(store, snapshot) as (index, opened):
        assert index.removed == len(gone)
        await opened.write(10**9)
        kept = await asyncio.to_thread(snapshot.read_bytes)
        for name in (b"tag17", b"part17.py", b'"tag3"', b'"s4"'):
            assert name not in kept
        assert b"tag18" in kept
    async with started(store, snapshot) as (index, _):
        assert (index.changes, index.removed) == (0, 0)
        assert await found(index, ["kettl", "number"]) == expected
        assert (await found(index, ["kettl"], Filter(tags=("tag20",))))[0] == [int(stored[20])]
        assert (await found(index, ["kettl"], Filter(file_path="part56.py")))[0] == [int(stored[56])]
        assert (await found(index, ["kettl"], Filter(session_id="s4")))[0] == []
        assert await index.latest("ann", "p", "s1", 2e9) == int(stored[19])
        await store.insert(rows(1, first=99), "m")


async def test_a_process_that_ends_leaves_nothing_removed_in_its_snapshot(store: MemoryStore, tmp_path: Path) -> None:
    snapshot = tmp_path / "index.snapshot"
    await write(store, snapshot)
    stored = (await store.inventory("m")).sequences
    async with started(store, snapshot) as (index, _):
        await store.delete([int(stored[17])], Removing("ann"))
        await index.remove([int(stored[17])])
    kept = await asyncio.to_thread(snapshot.read_bytes)
    assert (b"tag17" in kept, b"tag18" in kept) == (False, True)


async def test_a_snapshot_that_cannot_be_written_anew_is_removed(store: MemoryStore, tmp_path: Path) -> None:
    snapshot = tmp_path / "index.snapshot"
    await write(store, snapshot)
    stored = (await store.inventory("m")).sequences
    async with started_in_haste(store, snapshot) as (index, opened):
        await index.remove([int(stored[17])])
        await asyncio.to_thread((tmp_path / ".index.snapshot.new").mkdir)  # nothing can be written there
        await opened.write(10**9)
        assert not await asyncio.to_thread(snapshot.exists)


async def test_a_process_that_ends_on_a_full_disk_leaves_no_snapshot_with_what_was_removed(
    store: MemoryStore, tmp_path: Path
) -> None:
    snapshot = tmp_path / "index.snapshot"
    await write(store, snapshot)
    stored = (await store.inventory("m")).sequences
    async with started(store, snapshot) as (index, opened):
        await index.remove([int(stored[17])])
        await asyncio.to_thread((tmp_path / ".index.snapshot.new").mkdir)  # nothing can be written there
        await opened.write(1)
        assert b"tag17" in await asyncio.to_thread(snapshot.read_bytes)  # it has its time
    assert not await asyncio.to_thread(snapshot.exists)


async def test_everything_removed_leaves_an_index_that_can_be_used(store: MemoryStore, tmp_path: Path) -> None:
    snapshot = tmp_path / "index.snapshot"
    stored = (await store.inventory("m")).sequences
    async with started(store, snapshot) as (index, _):
        await store.delete(stored.tolist(), Removing("ann"))
        await index.remove(stored.tolist())
    async with started(store, snapshot) as (index, _):
        assert index.changes == 0
        assert (await found(index, ["kettl"]))[0] == []
        await index.add([])
