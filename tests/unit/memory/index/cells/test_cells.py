"""Each user's cell answers as one fresh index of everybody's memories would, whatever was changed, and by whom."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from services.kit.encryption.vault import Vault
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Kind, Memory
from services.memory.embedder import DIMENSIONS
from services.memory.index.cells.cell_files import ALIVE, CELLS, away_max_s
from services.memory.index.cells.cells import Cells
from tests.fakes import FakeEmbedder
from tests.patience import eventually_so
from tests.unit.memory.index.cells.team import NOON, USERS, Team, change_something, expected, memory, seen_in, team

pytestmark = pytest.mark.slow
SEALED = Vault(bytes(range(32)))


def said(content: str, project: str = "p", *, shared: bool = False) -> Memory:
    return Memory(content, Kind.REFLECTION, project, NOON, shared=shared)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("room", "vault"), [(1 << 30, None), (1, None), (1_300_000, SEALED)], ids=["all", "one", "some"]
)
async def test_every_search_is_that_of_a_fresh_index(tmp_path: Path, seed: int, room: int, vault: Vault | None) -> None:
    rng = random.Random(seed)
    done: list[str] = []
    for _ in range(3):  # each is a start, from the files of the one before
        async with team(tmp_path, room, vault) as opened:
            for _ in range(15):
                done.append(await change_something(opened, rng, len(done)))
                if rng.random() < 0.5:
                    user = rng.choice(USERS)
                    seen = await seen_in(opened.store, await opened.cells.of(user), user)
                    assert seen == await expected(opened.store, user), done


async def test_whatever_is_acknowledged_is_found_and_what_is_deleted_is_not_by_whoever_asks_next(
    tmp_path: Path,
) -> None:
    """Many at once store and delete memories of one user; transactions commit in another order than they begin."""
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(team(tmp_path, room := 1 << 30))
        others = await stack.enter_async_context(Cells(opened.store, FakeEmbedder.model, DIMENSIONS, room))
        readers = [opened, replace(opened, cells=others)]

        async def write(number: int) -> None:
            rng = random.Random(number)
            for turn in range(12):
                word = f"word{number}x{turn}"
                (name,) = await opened.remember("ann", said(f"{word} of the {number}"))
                assert f"{word} of the {number}" in await rng.choice(readers).found("ann", word)
                if turn % 3 == 0:
                    sequence = await opened.store.find("ann", name)
                    assert sequence is not None
                    await opened.storing.remove([sequence], Removing("ann"))
                    assert f"{word} of the {number}" not in await rng.choice(readers).found("ann", word)

        await asyncio.gather(*map(write, range(8)))


async def test_a_start_reads_nobody_and_a_search_only_who_asks(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        for user in USERS:
            await opened.remember(user, said(f"The otter of {user}"), said("The ferry"))
    async with team(tmp_path) as opened:
        assert (opened.cells.loaded_count, opened.cells.indexed_count) == (0, 0)
        assert await opened.found("bob", "otter") == ["The otter of bob"]
        assert (opened.cells.loaded_count, opened.cells.indexed_count) == (1, 2)


async def test_cells_beyond_the_room_are_dropped_those_used_least_recently_first(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        for user in ("ann", "bob", "eve"):
            await opened.remember(user, *(said(f"The otter {number} of {user}") for number in range(20)))
            await opened.cells.of(user)
        of_one = opened.cells.size_bytes // 3
    async with team(tmp_path, size_max_bytes=of_one * 5 // 2) as opened:
        first = await opened.cells.of("ann")
        await opened.cells.of("bob")
        assert await opened.cells.of("ann") is first
        await opened.cells.of("eve")
        assert opened.cells.loaded_count == 2
        assert await opened.cells.of("ann") is first
        assert (await opened.found("bob", "otter 7"))[0] == "The otter 7 of bob"
        assert await opened.cells.of("ann") is first
        assert opened.cells.size_bytes <= of_one * 5 // 2


async def test_a_cell_takes_as_much_by_its_count_whether_its_texts_are_read_at_once_or_later(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        await opened.remember("ann", *(said(f"The otter {number} of the ferry") for number in range(20)))
    sizes = []
    for at_once_max in (2_000, 1):
        shutil.rmtree(tmp_path / CELLS)
        async with team(tmp_path, at_once_max=at_once_max) as opened:
            index = await opened.cells.of("ann")
            await eventually_so(lambda index=index: not index.unread)  # type: ignore[misc]
            sizes.append(opened.cells.size_bytes)
    assert sizes[0] == sizes[1] > 20 * 4 * DIMENSIONS


async def test_texts_of_a_long_memory_are_read_after_the_first_answer(tmp_path: Path) -> None:
    rng = random.Random(7)
    async with team(tmp_path) as opened:
        await opened.remember("ann", *(memory(rng, number) for number in range(40)))
        await opened.remember("bob", said("The shared otter", shared=True))
    for path in (tmp_path / CELLS).glob("*.cell"):
        path.unlink()
    async with team(tmp_path, at_once_max=10) as opened:
        index = await opened.cells.of("ann")
        assert index.unread
        await opened.remember("ann", said("The heron came meanwhile"))
        assert "The heron came meanwhile" in await opened.found("ann", "heron meanwhile")
        await eventually_so(lambda: not index.unread)
        assert await seen_in(opened.store, await opened.cells.of("ann"), "ann") == await expected(opened.store, "ann")


def content_of(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((home / CELLS).glob("*.cell")))


async def test_erasing_leaves_nothing_of_what_was_deleted_in_a_file(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        for user in ("ann", "bob"):
            await opened.remember(
                user, said("kept", project=f"quixotic-{user}"), said("gone", project=f"zeppelin-{user}")
            )
        await opened.remember("bob", said("shared", project="of-bob", shared=True))
        for user in ("ann", "bob"):
            await opened.cells.of(user)
    assert b"zeppelin-ann" in content_of(tmp_path)
    assert content_of(tmp_path).count(b"of-bob") == 1  # in his own alone
    async with team(tmp_path) as opened:
        sequences = [
            sequence for sequence, each in (await opened.store.page("ann", 0, 9)).items() if each.content == "gone"
        ]
        await opened.storing.remove(sequences, Removing("ann"))
        await opened.cells.erase()
        assert b"zeppelin-ann" not in content_of(tmp_path)
        assert b"zeppelin-bob" in content_of(tmp_path)
        assert await opened.found("ann", "gone") == []
    assert b"zeppelin-ann" not in content_of(tmp_path)
    assert b"quixotic-ann" in content_of(tmp_path)


async def test_files_are_sealed_where_rows_are(tmp_path: Path) -> None:
    async with team(tmp_path, vault=SEALED) as opened:
        await opened.remember("ann", said("The otter", project="quixotic"))
        await opened.cells.of("ann")
    assert content_of(tmp_path)
    assert b"quixotic" not in content_of(tmp_path)
    async with team(tmp_path, vault=SEALED) as opened:
        assert await opened.found("ann", "otter") == ["The otter"]


async def test_files_are_not_used_after_a_long_absence(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        await opened.remember("ann", said("The otter"))
        await opened.cells.of("ann")
    assert content_of(tmp_path)
    before = time.time() - away_max_s - 1
    os.utime(tmp_path / CELLS / ALIVE, (before, before))
    async with team(tmp_path) as opened:
        assert not content_of(tmp_path)
        assert await opened.found("ann", "otter") == ["The otter"]


async def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        await opened.remember("ann", said("The otter"))
        await opened.cells.of("ann")
    for path in (tmp_path / CELLS).glob("*.cell"):
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    async with team(tmp_path) as opened:
        assert await opened.found("ann", "otter") == ["The otter"]


async def test_what_changed_too_long_ago_to_be_known_is_read_anew(tmp_path: Path) -> None:
    async with team(tmp_path) as opened:
        await opened.remember("ann", said("The otter"))
        await opened.cells.of("ann")
        await forget_changes(opened)
        await opened.remember("ann", said("The heron"))
        await forget_changes(opened)
        assert sorted(await opened.found("ann", "otter heron")) == ["The heron", "The otter"]
        assert await seen_in(opened.store, await opened.cells.of("ann"), "ann") == await expected(opened.store, "ann")


async def forget_changes(opened: Team) -> None:
    await opened.store._write("test", lambda transaction: transaction.run("DELETE FROM changes"))


async def test_a_failover_makes_all_cells_anew(tmp_path: Path) -> None:
    """What the leader that failed had acknowledged alone is lost, and its versions are given again."""
    async with team(tmp_path) as opened:
        await opened.remember("ann", said("The lost otter"))
        before = await opened.cells.of("ann")
        opened.store.identity = "another"
        await opened.store._write("test", lambda transaction: transaction.run("DELETE FROM memories"))
        assert await opened.found("ann", "otter") == []
        assert await opened.cells.of("ann") is not before
