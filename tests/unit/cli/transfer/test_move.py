"""`segue move`: everything of every user, both ways, sealed or not, interrupted anywhere; and nothing half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.cli.__main__ import main
from services.kit.encryption.keyring import KEYRING
from services.kit.encryption.vault import Vault
from services.kit.errors import Conflict
from services.memory.domain.deletion_log import Removing, Undoing
from services.memory.domain.project_links import Link, LinkType
from services.memory.domain.retention_policy import Rule
from services.memory.domain.rows import ProjectMove
from services.memory.domain.store import MemoryStore
from services.memory.storage.moving import move
from services.memory.storage.moving.duckdb_side import open_duckdb_side
from services.memory.storage.moving.move import move_all
from services.memory.storage.moving.postgres_side import open_postgres_side
from services.memory.storage.moving.tables import TABLES, Row, Side, Span, Table
from services.memory.storage.postgres.server.database import Address
from services.memory.storage.row_codec import rows_of
from tests.servers.postgres import database_of, shared_server
from tests.unit.memory.rows import NOW, row
from tests.unit.memory.stores import POSTGRES, open_any

VAULT = Vault(bytes(range(32)))
USERS = ("", "ann", "bob\0", "ch'arlie 🦦")


async def fill(store: MemoryStore) -> None:
    """Something of everything that a user can have."""
    for user in USERS:
        rows = [row(f"{user} says {number} \x1a\0 'quoted'", f"p{number % 3}", user) for number in range(12)]
        inserted = await store.insert([*rows, row("gone", "p1", user), row("erased", "p2", user)], "m")
        await store.delete([inserted[-1].sequence], Removing(user))
        await store.link(user, Link("p0", "p1", LinkType.RELATED, "why", NOW))
        await store.set_rule(user, Rule("p2", days=9, size_mb=1.5), NOW)
    await store.compact()
    for user in USERS:
        gone = [each.id for each in (await store.page(user, 0, 99)).values() if each.content == "gone"]
        await store.delete([await store.find(user, gone[0]) or 0], Removing(user))
        (sequence, memory), *_ = (await store.page(user, 0, 1)).items()
        changed = replace(rows[0], memory=replace(memory, content="changed", versions=()), user=user)
        await store.update(sequence, changed, NOW, "m")
        await store.move_project(ProjectMove(user, "p0", "p9", merges=True))
    await store.keep_upkeep("something", '{"a": 1}')


async def contents(store: MemoryStore) -> list[Any]:
    """All that can be asked for."""
    found: list[Any] = [await store.upkeep("something"), sorted(await store.last_removals())]
    for user in USERS:
        page = await store.page(user, 0, 999)
        ids = [each.id for each in page.values()]
        found += [page, await store.links(user), await store.rules(user), await store.removals(user, "", 99)]
        found += [await store.versions(user, ids), await store.usage(user), await store.projects(user)]
        found += [await store.deleted_ids(user, ["nothing"]), await store.without_embedding("m", 99)]
    return found


@asynccontextmanager
async def sides(home: Path, vault: Vault | None) -> AsyncIterator[tuple[Side, Side]]:
    if vault:
        (home / KEYRING).write_text("{}")
    rows = rows_of(vault)
    async with (
        open_duckdb_side(home / "memory.duckdb", rows) as file,
        open_postgres_side(Address(database_of(home), 4), rows, home) as postgres,
    ):
        yield file, postgres


def unseen(_: object) -> None:
    """Progress that nobody looks at."""


@pytest.mark.slow
@pytest.mark.parametrize("vault", [None, VAULT], ids=["clear", "sealed"])
async def test_everything_is_the_same_there_and_back(tmp_path: Path, vault: Vault | None) -> None:
    async with open_any(tmp_path, 1, vault) as store:
        await fill(store)
    with duckdb.connect(tmp_path / "memory.duckdb") as connection:  # the log's oldest entries go, their digests stay
        connection.execute("DELETE FROM removals WHERE erased AND user_id = 'ann'")
    async with open_any(tmp_path, 1, vault) as store:
        before = await contents(store)
    async with sides(tmp_path, vault) as (file, postgres):
        moved = await move_all(file, postgres, unseen)
    assert [each.user for each in moved] == sorted(USERS)
    assert [each.memories for each in moved] == [12] * len(USERS)
    async with open_any(tmp_path, POSTGRES, vault) as store:
        assert await contents(store) == before
        await keep_promises(store)
        before = await contents(store)
    (tmp_path / "memory.duckdb").unlink()
    async with sides(tmp_path, vault) as (file, postgres):
        await move_all(postgres, file, unseen)
    async with open_any(tmp_path, 1, vault) as store:
        assert await contents(store) == before
        await keep_promises(store)


async def keep_promises(store: MemoryStore) -> None:
    """What was deleted stays out, or comes back; new rows get new sequences."""
    for user in USERS:
        for said in ("gone", "erased"):
            project = {"gone": "p1", "erased": "p2"}[said]
            (known,) = (await store.find_existing([row(said, project, user)])).values()
            assert known.was_deleted
        removed = [
            each for each in await store.removals(user, "", 99) if not each.erased and each.count > each.restored
        ]
        if removed:
            undone = await store.undelete(Undoing(user, removed[0].ids))
            assert len(undone.restored) == 1
            await store.delete(list(undone.sequences), Removing(user))
        highest = max((await store.inventory("m")).sequences)
        (new,) = await store.insert([row(f"new at {datetime.now(UTC)}", user=user)], "m")
        assert new.sequence > highest


class Interrupted(Exception):
    """Somebody pulls the plug."""


class Failing:
    """A side that fails at its n-th write."""

    def __init__(self, side: Side, writes: int) -> None:
        self._side, self._left = side, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._side, name)

    async def replace(self, table: Table, span: Span, rows: Sequence[Row]) -> None:
        self._left -= 1
        if self._left < 0:
            raise Interrupted
        await self._side.replace(table, span, rows)


@pytest.mark.slow
async def test_an_interrupted_move_goes_on_whatever_changed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(move, "chunk", 4)
    async with open_any(tmp_path, 1) as store:
        await fill(store)
    for writes in (0, 3, 7):
        async with sides(tmp_path, None) as (file, postgres):
            with pytest.raises(Interrupted):
                await move_all(file, Failing(postgres, writes), unseen)
        async with open_any(tmp_path, 1) as store:  # it is used in between
            page = await store.page("ann", 0, 99)
            await store.delete([min(page)], Removing("ann"))
            await store.insert([row(f"stored between moves {writes}", user="ann")], "m")
            before = await contents(store)
    async with sides(tmp_path, None) as (file, postgres):
        counting = Failing(postgres, 10_000)
        await move_all(file, counting, unseen)
    async with open_any(tmp_path, POSTGRES) as store:
        assert await contents(store) == before


async def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    async with open_any(tmp_path, 1) as store:
        await store.insert([row("of the laptop")], "m")
    async with open_any(tmp_path, POSTGRES) as store:
        await store.insert([row("of the team")], "m")
    async with sides(tmp_path, None) as (file, postgres):
        with pytest.raises(Conflict, match="memories already"):
            await move_all(file, postgres, unseen)
        with pytest.raises(Conflict, match="memories already"):
            await move_all(postgres, file, unseen)


async def test_a_difference_in_the_end_is_an_error(tmp_path: Path) -> None:
    class Forgetful(Failing):
        async def replace(self, table: Table, span: Span, rows: Sequence[Row]) -> None:
            await self._side.replace(table, span, rows[1:])

    async with open_any(tmp_path, 1) as store:
        await store.insert([row("one"), row("two")], "m")
    async with sides(tmp_path, None) as (file, postgres):
        with pytest.raises(Conflict, match="differs"):
            await move_all(file, Forgetful(postgres, 0), unseen)


def test_the_command_moves_there_and_back_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    home = tmp_path / "memory"
    assert main(["move", "postgres"]) == 1
    assert "SEGUE_MEMORY_DATABASE_URL" in capsys.readouterr().err
    monkeypatch.setenv("SEGUE_MEMORY_DATABASE_URL", database_of(home))
    assert main(["move", "postgres"]) == 1
    assert "nothing is there" in capsys.readouterr().err

    async def put() -> None:
        async with open_any(home, 1) as store:
            await store.insert([row(f"number {number}", user="ann") for number in range(5)], "m")

    asyncio.run(put())
    assert main(["move", "postgres"]) == 0
    told = capsys.readouterr()
    assert "ann: 5 memories, the same on both sides" in told.out
    assert "5 of 5 memories" in told.err
    assert main(["move", "postgres"]) == 1
    assert "memories already" in capsys.readouterr().err
    (home / "memory.duckdb").unlink()
    assert main(["move", "duckdb"]) == 0
    assert "Moved 5 memories of 1 users" in capsys.readouterr().out
    assert (home / "memory.duckdb").stat().st_mode & 0o077 == 0


def test_every_table_of_postgresql_is_moved_or_known_not_to_be(tmp_path: Path) -> None:
    sql = """
        SELECT relname FROM pg_class
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::REGNAMESPACE
    """
    tables = {str(name) for (name,) in shared_server().run(sql, database_of(tmp_path).rsplit("/", 1)[1])}
    derived = {"users", "changes", "leases", "counters", "schema_version"}
    at_the_end = {"digest_key", "upkeep", "sealing"}
    taken_before = {"outgoing", "outgoing_numbers"}  # events for others, as the guide says
    assert tables == {each.name for each in TABLES} | derived | at_the_end | taken_before
