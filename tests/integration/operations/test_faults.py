"""Real faults of the disk: full, read-only. Linux's tmpfs is a disk that a test may fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastmcp import Client

from services.kit.errors import Unavailable
from services.memory.domain.memories import Kind, Memory, accept
from services.memory.domain.rows import NewRow
from services.memory.domain.store import MemoryStore
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.integration.operations.test_one_process import serve
from tests.integration.stack import ProcessStack
from tests.unit.memory.operations.test_erasure_job import opened

NOW = datetime.now(UTC)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")


@contextmanager
def small_disk(at: Path, options: str) -> Iterator[Path]:
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.mark.parametrize(("options", "reason"), [("size=48m", "No space left"), ("size=48m,ro", "Read-only")])
@pytest.mark.slow
def test_a_disk_that_takes_nothing_is_said_at_the_start_and_what_it_was_is_gone_with_it(
    tmp_path: Path, options: str, reason: str
) -> None:
    with small_disk(tmp_path / "disk", options) as disk:
        if "ro" not in options:
            with pytest.raises(OSError, match="No space"):
                fill(disk)
        done = serve(disk)
        assert done.returncode == 1
        assert reason in done.stderr
        assert "SEGUE_DATA_DIR" in done.stderr
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        (disk / "filler").unlink(missing_ok=True)
        with ProcessStack(disk, SEGUE_MEMORY_MODEL_BUILD="false"):
            pass


@pytest.mark.slow
async def test_a_full_disk_refuses_stores_answers_searches_and_recovers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=64m") as disk, ProcessStack(disk) as stack:
        async with Client(stack.url) as mcp:
            await mcp.call_tool("store_reflection", {"content": "Stored before the disk was full."})
            with pytest.raises(OSError, match="No space"):
                fill(disk)
            refused = await first_refusal(mcp)
            assert refused["error_code"] == "MEMORY_UNAVAILABLE"
            assert "full" in str(refused["error"])
            found = await mcp.call_tool("reflect_on_past", {"query": "before the disk was full", "limit": 1})
            assert found.structured_content
            assert found.structured_content["results"][0]["content"] == "Stored before the disk was full."
            (disk / "filler").unlink()
            stored = await mcp.call_tool("store_reflection", {"content": "Stored after there was room again."})
            assert stored.structured_content
            assert stored.structured_content["success"] is True


@pytest.mark.slow
async def test_a_disk_that_fills_while_the_log_is_taken_in_costs_nothing_that_was_acknowledged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """DuckDB gives up a database whose checkpoint fails; it must be opened again, with all that was committed."""
    with small_disk(tmp_path / "disk", "size=64m") as disk:
        kept: dict[int, str] = {}
        async with open_shards(disk, 1, StoreSettings()) as store:
            while size(disk / "memory.duckdb.wal") < 15_500_000:  # at 16 MiB it is taken into the file
                kept |= await insert(store, f"{len(kept)} {os.urandom(100_000).hex()}")
            with pytest.raises(OSError, match="No space"):
                fill(disk)
            os.truncate(disk / "filler", size(disk / "filler") - 4_000_000)  # room for the log, not for the file
            refused = 0
            while refused < 3:
                try:
                    kept |= await insert(store, f"{len(kept)} {os.urandom(50_000).hex()}")
                except Unavailable:
                    refused += 1
                    assert await store.fetch([min(kept)])  # reads go on
            assert "failed and has been reopened" in caplog.text  # as it should be by this test
            (disk / "filler").unlink()
            kept |= await insert(store, "there is room again")
            assert {name: memory.content for name, memory in (await store.fetch(list(kept))).items()} == kept
        async with open_shards(disk, 1, StoreSettings()) as store:
            assert {name: memory.content for name, memory in (await store.fetch(list(kept))).items()} == kept


@pytest.mark.slow
async def test_on_a_full_disk_nothing_is_said_to_be_erased_that_is_there(tmp_path: Path) -> None:
    secret = "the walrus pays in amber"
    with small_disk(tmp_path / "disk", "size=96m") as disk:
        async with opened(disk) as memories:
            await memories.remember(secret, *(f"{number} kept" for number in range(2000)))
            await memories.indexing.write(1)
            await memories.delete(secret)
            with pytest.raises(OSError, match="No space"):
                fill(disk)
            with pytest.raises(Unavailable):
                await memories.erasing.erase()
            assert not await memories.is_erased()
        async with opened(disk) as memories:  # full as before
            with pytest.raises(Unavailable):
                await memories.erasing.erase()
            assert not await memories.is_erased()
            (disk / "filler").unlink()
            await memories.erasing.erase()
            assert await memories.is_erased()
            assert await memories.holding(secret) == []
            assert len(await memories.store.page("ann", 0, 5000)) == 2000


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def insert(store: MemoryStore, content: str) -> dict[int, str]:
    memory = accept(Memory(content, Kind.CONVERSATION, "p", NOW), NOW)
    (inserted,) = await store.insert([NewRow(memory, "ann")], "none")
    return {inserted.sequence: content}


async def first_refusal(mcp: Client) -> dict[str, object]:  # type: ignore[type-arg]
    """A few stores may still fit into what the database has set aside."""
    for number in range(50):
        content = {"content": f"{number} {os.urandom(20_000).hex()}"}
        result = await mcp.call_tool("store_reflection", content, raise_on_error=False)
        if result.is_error:
            return result.structured_content or {}
    raise AssertionError("a full disk took everything")


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass
