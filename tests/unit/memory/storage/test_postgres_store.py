"""What PostgreSQL's store promises beside the contract: changes followed by version, failures, the lease, sealing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from services.kit.encryption.keyring import KEYRING
from services.kit.encryption.vault import Vault
from services.kit.errors import InvalidInput, NotReady, ServiceError, Unavailable
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Chosen
from services.memory.domain.rows import Embedded, Inserted
from services.memory.storage.postgres import writes
from services.memory.storage.postgres.server import lease
from services.memory.storage.postgres.server.adapters import stored_text, text_of
from services.memory.storage.postgres.server.database import Address, StatementRefused
from services.memory.storage.postgres.server.keyring_copy import bring_keyring
from services.memory.storage.postgres.server.migration import migrate
from services.memory.storage.postgres.server.schema import DIVIDED, MIGRATIONS, PARTITIONS
from services.memory.storage.postgres.server.transaction import Statements, Transaction
from services.memory.storage.postgres.store import PostgresStore, open_postgres
from services.memory.storage.row_codec import ClearRows
from tests.servers.postgres import PostgresServer, database_of, shared_server
from tests.unit.memory.rows import VECTOR, row

VAULT = Vault(bytes(range(32)))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    async with open_postgres(Address(database_of(tmp_path), 8), None, tmp_path) as opened:
        yield opened


# --- followed by version ------------------------------------------------------------------------


@pytest.mark.slow
async def test_who_follows_versions_misses_nothing_that_many_writers_store(store: PostgresStore) -> None:
    """By sequence it would: a transaction that got its number first may commit last."""
    done = asyncio.Event()
    known, late = set[int](), list[set[int]]()
    acknowledged = set[int]()
    version = 0

    async def write(writer: int) -> None:
        for number in range(25):
            for inserted in await store.insert([row(f"{writer} said {number}")], "m"):
                acknowledged.add(inserted.sequence)

    async def follow() -> None:
        nonlocal version
        while not done.is_set():
            promised = set(acknowledged)
            changes = await store.changes("ann", version)
            assert changes is not None
            for change in changes:
                assert change.version == version + 1
                version = change.version
                known.update(change.sequences)
            late.append(promised - known)

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(number) for number in range(8)))
    done.set()
    await following
    known.update(sequence for change in await store.changes("ann", version) or () for sequence in change.sequences)
    assert known == acknowledged
    assert len(acknowledged) == 200
    assert not [each for each in late if each]
    assert await store.version("ann") == 200


async def test_what_commits_late_is_lost_by_sequence_and_found_by_version(store: PostgresStore) -> None:
    inserted, ends = asyncio.Event(), asyncio.Event()

    async def insert_slowly(transaction: Transaction) -> int:
        (done,) = await writes.insert(transaction, ClearRows(), [row("slow", user="ann")], "m")
        inserted.set()
        await ends.wait()
        return done.sequence

    async def above(sequence: int) -> list[int]:
        rows = await store._select("test", "SELECT sequence FROM memories WHERE sequence > %s", sequence)
        return [each for (each,) in rows]

    slow = asyncio.create_task(store._database.write("test", insert_slowly))
    await inserted.wait()
    (quick,) = await store.insert([row("quick", user="bob")], "m")
    assert await above(0) == [quick.sequence]
    ends.set()
    late = await slow
    assert await above(quick.sequence) == []
    changes = await store.changes("ann", 0)
    assert [list(each.sequences) for each in changes or ()] == [[late]]


async def test_every_change_has_a_version_and_says_what_it_is(store: PostgresStore) -> None:
    one, two = await store.insert([row("one", id="i"), row("two")], "m")
    await store.insert([row("one", id="i")], "m")  # nothing changes
    await store.share(one.sequence, shared=True)
    await store.embed([Embedded(two.sequence, VECTOR, VECTOR)], "m")
    await store.delete([two.sequence], Removing("ann"))
    changes = await store.changes("ann", 0)
    assert changes is not None
    assert [(each.version, each.what, list(each.sequences)) for each in changes] == [
        (1, "stored", [one.sequence, two.sequence]),
        (2, "changed", [one.sequence]),
        (3, "embedded", [two.sequence]),
        (4, "removed", [two.sequence]),
    ]
    assert await store.changes("bob", 0) == []
    assert await store.changes("ann", 4) == []
    shared_server().run("DELETE FROM changes WHERE version = 1", str(store._database._pool.conninfo).rsplit("/", 1)[1])
    assert await store.changes("ann", 0) is None


# --- failures -----------------------------------------------------------------------------------


async def end_sessions(store: PostgresStore) -> None:
    name = str(store._database._pool.conninfo).rsplit("/", 1)[1]
    statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    await asyncio.to_thread(shared_server().run, statement)


async def test_ended_connections_are_nobody_s_trouble(store: PostgresStore) -> None:
    for number in range(3):
        await store.insert([row(f"before {number}")], "m")
        await end_sessions(store)
        assert len(await store.choose("ann", Chosen(project="p"))) == number + 1


async def test_a_transaction_that_is_rolled_back_runs_again(store: PostgresStore) -> None:
    attempts = 0

    async def work(transaction: Transaction) -> str:
        nonlocal attempts
        attempts += 1
        await transaction.lock(["ann"])
        if attempts < 3:
            raise errors.DeadlockDetected
        return "done"

    assert await store._database.write("test", work) == "done"
    assert attempts == 3


@pytest.mark.parametrize("commits", [True, False], ids=["committed", "not committed"])
async def test_a_commit_whose_answer_is_lost_is_asked_after(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, commits: bool
) -> None:
    execute, lost = psycopg.AsyncConnection.execute, 0

    async def lose(self: psycopg.AsyncConnection[object], query: object, *rest: object, **named: object) -> object:
        nonlocal lost
        if query == "COMMIT" and not lost:
            lost += 1
            if commits:
                await execute(self, "COMMIT")
            await self.close()
            raise errors.ConnectionFailure
        return await execute(self, query, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", lose)
    (inserted,) = await store.insert([row("once")], "m")
    assert lost == 1
    assert not inserted.duplicate
    assert list(await store.fetch([inserted.sequence])) == [inserted.sequence]
    assert await store.version("ann") == 1


async def test_a_refused_statement_tells_no_text(store: PostgresStore) -> None:
    async def work(statements: Statements) -> list[tuple[object, ...]]:
        return await statements.rows("SELECT %s::BIGINT", "our landlord's name")

    with pytest.raises(StatementRefused) as refused:
        await store._database.read("test", work)
    assert "landlord" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_a_caller_who_leaves_leaves_a_whole_transaction(store: PostgresStore) -> None:
    storing = asyncio.create_task(store.insert([row(f"number {each}") for each in range(50)], "m"))
    await asyncio.sleep(0.01)
    storing.cancel()
    with suppress(asyncio.CancelledError):
        await storing
    await store._database.finish()
    assert len(await store.choose("ann", Chosen(project="p"))) in {0, 50}
    await store.insert([row("after")], "m")


async def test_many_stores_of_one_user_leave_connections_to_readers(store: PostgresStore) -> None:
    ends = asyncio.Event()

    async def hold(transaction: Transaction) -> None:
        await transaction.lock(["ann"])
        await ends.wait()

    writing = [asyncio.create_task(store._database.write("test", hold))]
    writing += [asyncio.create_task(store._database.write("test", hold)) for _ in range(20)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(3):
        assert await store.find("bob", "i") is None
    ends.set()
    await asyncio.gather(*writing)


async def test_a_transaction_that_was_ended_for_idling_runs_again(store: PostgresStore) -> None:
    attempts = 0

    async def idle(transaction: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        await transaction.lock(["ann"])
        if attempts == 1:
            await transaction.run("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            await asyncio.sleep(0.3)
        await transaction.rows("SELECT 1")

    await store._database.write("test", idle)
    assert attempts == 2


@pytest.mark.slow
async def test_a_server_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://segue:a-secret@127.0.0.1:1/segue"
    with pytest.raises(Unavailable) as refused:
        async with open_postgres(Address(url), None, tmp_path):
            pass
    assert "127.0.0.1/segue" in refused.value.message
    assert "a-secret" not in repr(refused.value)
    with pytest.raises(InvalidInput):
        async with open_postgres(Address("duckdb, please"), None, tmp_path):
            pass


@pytest.mark.slow
async def test_a_transaction_that_a_crash_took_is_not_known_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash the server gives numbers again of which it had written nothing; others are committed by them."""
    server, execute, numbers = PostgresServer(), psycopg.AsyncConnection.execute, list[int]()

    async def number(connection: psycopg.AsyncConnection[Any]) -> int:
        ((found,),) = await (await execute(connection, "SELECT pg_current_xact_id()::TEXT")).fetchall()
        return int(found)

    async def crash(self: psycopg.AsyncConnection[object], query: object, *rest: object, **named: object) -> object:
        if query == "COMMIT" and not numbers:
            numbers.append(await number(self))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            url = server.url("postgres")
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
                numbers.append(await number(other))
                while await number(other) <= numbers[0]:
                    pass  # until the first number is another's, who committed it
            raise errors.ConnectionFailure
        return await execute(self, query, *rest, **named)  # type: ignore[call-overload]

    try:
        await asyncio.to_thread(server.start)
        async with open_postgres(Address(server.url("postgres"), 2), None, tmp_path) as store:
            monkeypatch.setattr(psycopg.AsyncConnection, "execute", crash)
            stored: list[Inserted] = []
            while not stored:
                with suppress(Unavailable):  # on a slow machine it is down for longer than a call is repeated
                    stored = await store.insert([row("once")], "m")
            assert numbers[1] <= numbers[0]
            assert list(await store.fetch([stored[0].sequence])) == [stored[0].sequence]
    finally:
        server.remove()


@pytest.mark.slow
async def test_a_kill_under_load_loses_nothing_acknowledged_and_is_got_over(tmp_path: Path) -> None:
    server = PostgresServer()
    try:
        await asyncio.to_thread(server.start)
        async with open_postgres(Address(server.url("postgres"), 6), None, tmp_path) as store:
            acknowledged, deleted = set[int](), set[int]()
            ends = asyncio.Event()

            async def write(writer: int) -> None:
                number = 0
                while not ends.is_set():
                    number += 1
                    with suppress(Unavailable):
                        (inserted,) = await store.insert([row(f"{writer} said {number}", user=f"user-{writer}")], "m")
                        acknowledged.add(inserted.sequence)
                        if number % 5 == 0:
                            await store.delete([inserted.sequence], Removing("ann"))
                            deleted.add(inserted.sequence)

            writing = [asyncio.create_task(write(number)) for number in range(6)]
            for _ in range(2):
                await asyncio.sleep(1.5)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await asyncio.sleep(8)  # it is found again, and taken up
            before = len(acknowledged)
            await asyncio.sleep(1)
            assert len(acknowledged) > before
            ends.set()
            await asyncio.gather(*writing)
            stored = set((await store.inventory("m")).sequences.tolist())
            assert acknowledged - deleted <= stored
            assert not deleted & stored
    finally:
        server.remove()


# --- who serves ---------------------------------------------------------------------------------


async def test_one_service_at_a_time_and_its_own_next_process_at_once(tmp_path: Path) -> None:
    address = Address(database_of(tmp_path), 4)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    async with open_postgres(address, None, here) as store:
        with pytest.raises(Unavailable, match="serves the memories"):
            async with open_postgres(address, None, there, wait_s=0.2):
                pass
        with pytest.raises(Unavailable, match="data directory"):
            async with open_postgres(address, None, here, wait_s=0.2):
                pass
        await store.insert([row("mine")], "m")
    async with open_postgres(address, None, there, wait_s=0.2):
        pass


async def test_who_was_replaced_writes_and_reads_no_more(tmp_path: Path, store: PostgresStore) -> None:
    there = tmp_path / "there"
    there.mkdir()
    name = str(store._database._pool.conninfo).rsplit("/", 1)[1]
    shared_server().run("UPDATE leases SET renewed_at = now() - interval '1 minute'", name)  # it stood still
    async with open_postgres(Address(database_of(tmp_path), 4), None, there) as taken:
        with pytest.raises(Unavailable, match="taken the database over"):
            await store.insert([row("too late")], "m")
        with pytest.raises(Unavailable):
            await store.find("ann", "i")
        assert store.troubles
        assert await taken.size() == (0, (await taken.size())[1])
        await taken.insert([row("in time")], "m")


async def test_a_takeover_waits_for_the_transactions_under_way(tmp_path: Path, store: PostgresStore) -> None:
    sealed, ends = asyncio.Event(), asyncio.Event()

    async def work(transaction: Transaction) -> None:
        await transaction.lock(["ann"])
        assert await transaction.seal()
        sealed.set()
        await ends.wait()

    writing = asyncio.create_task(store._database.write("test", work))
    await sealed.wait()
    name = str(store._database._pool.conninfo).rsplit("/", 1)[1]
    shared_server().run(
        "UPDATE leases SET renewed_at = now() - interval '1 minute'", name
    )  # as a renewal does: at once
    there = tmp_path / "there"
    there.mkdir()
    async with AsyncExitStack() as stack:
        address = Address(database_of(tmp_path), 4)
        taking = asyncio.create_task(stack.enter_async_context(open_postgres(address, None, there)))
        done, _ = await asyncio.wait([taking], timeout=0.5)
        assert not done
        ends.set()
        await writing
        await taking


def test_the_lease_lasts_longer_than_a_renewal_may_fail() -> None:
    assert lease.lasts_s >= 3 * lease.renew_every_s


# --- the schema ---------------------------------------------------------------------------------


async def test_many_that_start_at_once_make_one_schema(tmp_path: Path) -> None:
    server = shared_server()
    server.run("CREATE DATABASE started_at_once")
    url = server.url("started_at_once")

    async def start() -> int:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            return await migrate(connection)

    assert await asyncio.gather(*(start() for _ in range(4))) == [len(MIGRATIONS)] * 4
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("INSERT INTO schema_version VALUES (99, now())")
        with pytest.raises(NotReady, match="schema 99"):
            await migrate(connection)


def test_every_key_of_what_is_a_user_s_begins_with_the_user(tmp_path: Path) -> None:
    name = database_of(tmp_path).rsplit("/", 1)[1]
    sql = """
        SELECT c.relname, array_agg(a.attname::TEXT ORDER BY k.n)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE i.indisunique AND c.relnamespace = 'public'::REGNAMESPACE AND NOT c.relispartition
        GROUP BY c.relname, i.indexrelid
    """
    keys = [(table, columns) for table, columns in shared_server().run(sql, name)]
    apart = {"leases", "counters", "digest_key", "upkeep", "sealing", "schema_version"}
    apart |= {"outgoing", "outgoing_numbers"}  # in parts, each of many users
    assert {table for table, _ in keys} >= {*DIVIDED, "users", "removals", "retention", "project_links"} - {
        "deletion_digests"
    }
    assert not [each for each in keys if each[0] not in apart and each[1][0] != "user_id"]  # type: ignore[index]
    sql = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'memories'::REGCLASS"
    assert shared_server().run(sql, name) == [(PARTITIONS,)]


# --- texts, sealed and hostile ------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "\0", "\x1a", "\x1a0", "\0\x1a1\0", "\x1a\x1a\0", "%s {} '\"\\ \u2028 🦦"])
def test_a_text_that_is_stored_is_read_as_it_was(text: str) -> None:
    assert text_of(stored_text(text)) == text
    assert "\0" not in stored_text(text)


async def test_every_character_comes_back_from_every_column(store: PostgresStore) -> None:
    odd = "a\0b\x1ac \x1a0 %s 'quoted' \\x00 {,} \"\" NULL \u2028 🦦 \ud800"
    (inserted,) = await store.insert([row(odd, "p\0roject", "user\0", id="i\0d")], "m")
    found = (await store.fetch([inserted.sequence]))[inserted.sequence]
    assert found.content == odd.replace("\ud800", "?")
    assert (found.project, found.id) == ("p\0roject", "i\0d")
    assert await store.find("user\0", "i\0d") == inserted.sequence
    assert await store.choose("user\0", Chosen(project="p\0roject")) == [inserted.sequence]
    assert await store.find("user", "i\0d") is None


async def test_no_column_shows_sealed_text_and_the_keyring_is_kept_with_it(tmp_path: Path) -> None:
    url = database_of(tmp_path)
    (tmp_path / KEYRING).write_text('{"wrapped": "1"}')
    async with open_postgres(Address(url, 4), VAULT, tmp_path) as store:
        await store.insert([row("the otter swims", "river")], "m")
        await store.delete((await store.inventory("m")).sequences.tolist(), Removing("ann"))
        await store.insert([row("the badger digs", "wood")], "m")
    name = url.rsplit("/", 1)[1]
    tables = shared_server().run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", name)
    shown = repr([shared_server().run(f"SELECT * FROM {table}", name) for (table,) in tables])
    assert not [word for word in ("otter", "badger", "river", "wood", "'t'") if word in shown]
    assert VECTOR.tobytes() not in shown.encode()
    lost = tmp_path / "a new disk"
    lost.mkdir()
    await bring_keyring(Address(url, 4), lost)
    assert (lost / KEYRING).read_text() == '{"wrapped": "1"}'
    with pytest.raises(NotReady, match="encrypted under another"):
        async with open_postgres(Address(url, 4), None, tmp_path):
            pass


async def test_a_database_in_clear_is_not_opened_with_a_key(tmp_path: Path) -> None:
    async with open_postgres(Address(database_of(tmp_path), 4), None, tmp_path) as store:
        await store.insert([row("in clear")], "m")
    (tmp_path / KEYRING).write_text("{}")
    with pytest.raises(NotReady, match="not encrypted"):
        async with open_postgres(Address(database_of(tmp_path), 4), VAULT, tmp_path):
            pass


# --- erasing ------------------------------------------------------------------------------------

MARK = "Thistlewood is our landlord"


def files_with(word: str) -> list[Path]:
    return [
        path for path in shared_server().files() if "pg_wal" not in path.parts and word.encode() in path.read_bytes()
    ]


@pytest.mark.slow
async def test_what_is_erased_is_in_no_table_s_file(store: PostgresStore) -> None:
    server, name = shared_server(), str(store._database._pool.conninfo).rsplit("/", 1)[1]
    kept, gone = await store.insert([row("this stays"), row(MARK)], "m")
    await store.delete([gone.sequence], Removing("ann"))
    await asyncio.to_thread(server.run, "CHECKPOINT", name)
    assert files_with(MARK)
    removed = await store.last_removals()
    await store.compact(removed)
    assert not files_with(MARK)
    assert await store.unerased_count() == 0
    assert list(await store.fetch([kept.sequence])) == [kept.sequence]
    assert (await store.inventory("m")).embedded.tolist() == [True]


async def test_what_a_dump_still_reads_is_not_called_erased(store: PostgresStore) -> None:
    (gone,) = await store.insert([row(MARK)], "m")
    await store.delete([gone.sequence], Removing("ann"))
    url = str(store._database._pool.conninfo)
    async with await psycopg.AsyncConnection.connect(url) as dump:
        await dump.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await dump.execute("SELECT 1 FROM upkeep")  # a snapshot, and no lock on memories
        with pytest.raises(Unavailable, match="began before"):
            await store.compact()
        assert await store.unerased_count() == 1
        await dump.execute("SELECT 1 FROM deleted_memories")
        with pytest.raises(Unavailable, match="read for long"):
            await store.compact()
        await dump.rollback()
    await store.compact()
    assert await store.unerased_count() == 0


async def test_a_backup_says_how_it_is_made_instead(store: PostgresStore, tmp_path: Path) -> None:
    with pytest.raises(NotReady) as refused:
        await store.copy_to(tmp_path)
    assert "pg_dump" in refused.value.suggestions[0]
    assert isinstance(refused.value, ServiceError)
