"""What was deleted stays deleted, whatever brings it again; with what was made of it; and until it is erased it can be
brought back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from services.kit.encryption.vault import Vault
from services.kit.errors import Conflict, InvalidInput
from services.kit.names import PROBE_PROJECT
from services.memory.domain.corrections import Edit
from services.memory.domain.deletion_log import Reason, Removing, Undone
from services.memory.domain.memories import Chosen, Kind, Memory, Outcome
from services.memory.domain.retention_policy import Rule
from services.memory.index.snapshot import SNAPSHOT
from services.memory.operations.correct_memories import Correcting
from services.memory.operations.delete_memories import Deleting
from services.memory.operations.erasure_job import Erasing
from services.memory.operations.export import Exporting
from services.memory.operations.retention_job import Retaining
from services.memory.storage.duckdb.store import StoreSettings
from services.memory.storage.sharded_store import open_shards
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, noted, said, served

SECRET = "Our landlord is called Mr Thistlewood, I should not have said that."


def files_with(directory: Path, word: bytes) -> list[Path]:
    return [path for path in directory.iterdir() if path.is_file() and word in path.read_bytes()]


@dataclass
class Deletions:
    """A service that deletes."""

    service: Service

    @property
    def deleting(self) -> Deleting:
        return Deleting(self.service.storing)

    async def store(self, *memories: Memory, deleted_too: bool = False) -> list[Outcome]:
        return await self.service.storing.remember("ann", memories, deleted_too=deleted_too)

    async def delete(self, *ids: str, **chosen: object) -> int:
        asked = Chosen(tuple(ids), **chosen)  # type: ignore[arg-type]
        preview = await self.deleting.forget("ann", asked, "")
        return (await self.deleting.forget("ann", asked, preview.confirmation)).deleted

    async def undelete(self, *ids: str) -> Undone:
        return await self.deleting.undelete("ann", ids, last=not ids)

    async def contents(self) -> list[str]:
        return sorted(each.content for each in await self.service.all())

    async def erase(self) -> None:
        await Erasing(self.service.store, 1.0, [self.service.storing.settle, self.service.indexing.erase]).erase()


@asynccontextmanager
async def opened(home: Path, shards: int = 1, vault: Vault | None = None) -> AsyncIterator[Deletions]:
    async with served(home, shards, vault) as service:
        yield Deletions(service)


@pytest.fixture(params=STORES)
async def memories(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Deletions]:
    async with opened(tmp_path, *request.param) as it:
        yield it


TURN = replace(said(SECRET, MARCH, "A", role="user"), id="11111111-1111-4111-8111-000000000001")
AGAIN = {
    "a fork of the conversation": replace(TURN, session_id="B"),
    "the transcript, imported anew": TURN,
    "a resumed conversation with ids of its own": replace(TURN, session_id="B", id="other"),
    "an old export without ids": replace(TURN, id=""),
    "an edited line of an old export": replace(TURN, content="Our landlord is called Mr Th."),
    "a line under another project": replace(TURN, project="another"),
    "the same with other white space": replace(TURN, id="", content=f"  {SECRET}\n"),
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
async def test_what_was_deleted_does_not_come_back_by(memories: Deletions, again: Memory) -> None:
    await memories.store(TURN, said("Good morning.", MARCH, "A"))
    assert await memories.delete(project="p", kinds=(Kind.CONVERSATION,)) == 2
    (outcome,) = await memories.store(again)
    assert (outcome.was_deleted, outcome.duplicate) == (True, False)
    assert await memories.contents() == []
    assert await memories.service.found("landlord Thistlewood") == []


async def test_it_does_not_come_back_after_a_restart_and_after_its_erasure(tmp_path: Path) -> None:
    for vault in (None, Vault(bytes(range(32)))):
        home = tmp_path / str(bool(vault))
        home.mkdir()
        async with opened(home, 1, vault) as memories:
            await memories.store(TURN)
            await memories.delete(TURN.id)
            await memories.erase()
        async with opened(home, 1, vault) as memories:
            assert (await memories.store(replace(TURN, session_id="B")))[0].was_deleted
            await memories.erase()
        assert not files_with(home, b"Thistlewood")


async def test_a_batch_is_stored_but_for_what_was_deleted(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.delete(TURN.id)
    fork = [replace(TURN, session_id="B"), said("And one more line", MARCH, "B"), said("And a last one", MARCH, "B")]
    outcomes = await memories.service.storing.remember_each("ann", fork)
    assert [isinstance(each, Outcome) and each.was_deleted for each in outcomes] == [True, False, False]
    assert await memories.contents() == ["And a last one", "And one more line"]


async def test_it_comes_back_where_somebody_says_so_and_is_deleted_again_like_any_other(memories: Deletions) -> None:
    await memories.store(TURN)
    for _ in range(2):
        await memories.delete(TURN.id)
        (outcome,) = await memories.store(TURN, deleted_too=True)
        assert not outcome.was_deleted
        assert await memories.contents() == [SECRET]
        (again,) = await memories.store(replace(TURN, session_id="B"))
        assert again.duplicate
    await memories.delete(TURN.id)
    assert (await memories.store(replace(TURN, id="")))[0].was_deleted


async def test_a_person_who_says_it_later_is_heard(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.delete(TURN.id)
    later = replace(TURN, id="", session_id="C", timestamp=datetime.now(UTC))
    (outcome,) = await memories.store(later)
    assert (outcome.was_deleted, await memories.contents()) == (False, [SECRET])
    assert (await memories.store(TURN))[0].was_deleted


async def test_another_user_and_another_project_can_say_it(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.delete(TURN.id)
    elsewhere = replace(TURN, id="", project="another")
    assert not (await memories.store(elsewhere))[0].was_deleted
    (theirs,) = await memories.service.storing.remember("bob", [TURN])
    assert not theirs.was_deleted
    assert await memories.deleting.deleted_ids("ann", [TURN.id, "x"]) == {TURN.id}
    assert await memories.deleting.deleted_ids("bob", [TURN.id]) == set()


async def test_what_retention_took_counts_as_deleted(memories: Deletions) -> None:
    await memories.store(TURN, replace(noted("Summary: the landlord", MARCH), made_of=(TURN.id,)), noted("A lesson"))
    service = memories.service
    clock = [datetime.now(UTC) + timedelta(days=2)]
    retaining = Retaining(service.store, service.storing, Rule(is_default=True), lambda: clock[0])
    await retaining.set_rule("ann", Rule("p", days=1))
    for _ in range(30):
        clock[0] += timedelta(hours=12)
        await retaining.look()
    assert await memories.contents() == ["A lesson"]
    assert (await memories.store(replace(TURN, session_id="B")))[0].was_deleted


async def test_a_row_that_cannot_be_read_is_stored_again(tmp_path: Path) -> None:
    vault = Vault(bytes(range(32)))
    async with opened(tmp_path, 1, vault) as memories:
        await memories.store(TURN)
    with duckdb.connect(tmp_path / "memory.duckdb") as connection:
        connection.execute("UPDATE memories SET content = 'broken'")
    (tmp_path / SNAPSHOT).unlink(missing_ok=True)
    async with opened(tmp_path, 1, vault) as memories:
        await memories.service.index.pass_over({1: ("ann", TURN.id)})
        (outcome,) = await memories.store(TURN)
        assert (outcome.was_deleted, await memories.contents()) == (False, [SECRET])


async def test_what_was_made_of_it_goes_with_it_and_is_said_beforehand(memories: Deletions) -> None:
    await memories.store(TURN, said("Good morning.", MARCH, "A"), noted("A lesson of its own"))
    summary = replace(noted("Session ended: Asked: Our landlord is called Mr Thistlewood"), id="s", made_of=(TURN.id,))
    await memories.store(summary, replace(noted("The summary of summaries"), made_of=("s",)))
    preview = await memories.deleting.forget("ann", Chosen((TURN.id,)), "")
    assert (preview.would_delete, preview.derived, preview.other_kinds) == (3, 2, 0)
    assert {(each.kind, each.count) for each in preview.tallies} == {(Kind.CONVERSATION, 1), (Kind.REFLECTION, 2)}
    assert await memories.delete(TURN.id) == 3
    assert await memories.contents() == ["A lesson of its own", "Good morning."]
    await memories.undelete()
    assert len(await memories.contents()) == 5


async def test_others_memories_that_name_the_same_id_stay(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.service.storing.remember("bob", [replace(noted("Bob's own"), made_of=(TURN.id,))])
    assert await memories.delete(TURN.id) == 1
    assert len(await memories.service.store.page("bob", 0, 10)) == 1


# --- undelete -----------------------------------------------------------------------------------


async def test_what_was_deleted_last_comes_back_as_it_was(memories: Deletions) -> None:
    turns = [said(f"Turn {number}", MARCH + timedelta(minutes=number), "A", tags=("t",)) for number in range(5)]
    outcomes = await memories.store(*turns, noted("A lesson"))
    before = {each.id: each for each in await memories.service.all()}
    usage = await memories.service.store.usage("ann")
    await memories.delete(outcomes[0].id)
    await memories.delete(*(each.id for each in outcomes[1:4]))
    assert {each.content for each in await memories.service.found("Turn 2")} <= {"Turn 4", "A lesson"}
    undone = await memories.undelete()
    assert undone.restored == {each.id for each in outcomes[1:4]}
    assert (await memories.undelete()).restored == {outcomes[0].id}
    assert (await memories.undelete()).restored == frozenset()
    assert {each.id: each for each in await memories.service.all()} == before
    assert await memories.service.store.usage("ann") == usage
    assert "Turn 2" in [each.content for each in await memories.service.found("Turn 2")]
    around = await memories.service.searching.get("ann", outcomes[2].id, 2)
    assert [each.content for each in (*around.before, *around.after)] == ["Turn 0", "Turn 1", "Turn 3", "Turn 4"]
    assert (await memories.store(replace(turns[2], id="new", session_id="B")))[0].was_deleted is False


async def test_a_probe_of_doctor_is_no_deletion_of_the_users(memories: Deletions) -> None:
    mine, probe = await memories.store(noted("A lesson"), replace(noted("A probe"), project=PROBE_PROJECT))
    await memories.delete(mine.id)
    await memories.delete(probe.id)
    removals = memories.service.store.removals
    assert [list(each.ids) for each in await removals("ann", "", 9)] == [[mine.id]]
    assert [list(each.ids) for each in await removals("ann", PROBE_PROJECT, 9)] == [[probe.id]]
    assert (await memories.undelete()).restored == {mine.id}
    assert (await memories.undelete()).restored == frozenset()


async def test_it_has_its_vectors_still(memories: Deletions) -> None:
    (outcome,) = await memories.store(noted("The walrus sings at noon"))
    model = memories.service.storing._model
    await memories.delete(outcome.id)
    await memories.undelete(outcome.id)
    inventory = await memories.service.store.inventory(model)
    assert inventory.embedded.all()
    loaded = [each async for each in memories.service.store.load(model, inventory.sequences, text=False)]
    assert [bool(each) for portion in loaded for each in portion.content_vector] == [True]


async def test_it_comes_back_over_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as memories:
        await memories.store(TURN)
        await memories.delete(TURN.id)
    async with opened(tmp_path) as memories:
        assert (await memories.undelete(TURN.id)).restored == {TURN.id}
    async with opened(tmp_path) as memories:
        assert await memories.contents() == [SECRET]
        assert len(await memories.service.found("landlord")) == 1


async def test_after_a_restart_there_is_still_time_as_long_as_there_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as memories:
        await memories.store(TURN)
        await memories.delete(TURN.id)
    async with opened(tmp_path) as memories:
        for within_s, is_late in ((3600.0, False), (1e-6, True)):
            job = asyncio.create_task(
                Erasing(memories.service.store, within_s, [memories.service.indexing.erase]).run()
            )
            while is_late and await memories.service.store.unerased_count():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            job.cancel()
            assert (await memories.undelete()).late_count == int(is_late)
            await memories.delete(TURN.id)


async def test_after_its_erasure_it_is_too_late_and_said_so(memories: Deletions) -> None:
    outcomes = await memories.store(TURN, said("Another", MARCH, "A"), said("A third", MARCH, "A"))
    await memories.delete(TURN.id, outcomes[1].id)
    await memories.erase()
    assert (await memories.undelete()).late_count == 2
    undone = await memories.undelete(TURN.id, outcomes[1].id, outcomes[2].id, "never stored")
    assert not undone.restored
    assert undone.late == {TURN.id, outcomes[1].id}
    assert undone.there == {outcomes[2].id}


async def test_what_is_stored_again_is_not_brought_back_over_it(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.delete(TURN.id)
    anew = replace(TURN, id="another id", timestamp=datetime.now(UTC))
    await memories.store(anew)
    undone = await memories.undelete()
    assert not undone.restored
    assert undone.there == {TURN.id}
    assert [each.id for each in await memories.service.all()] == ["another id"]


async def test_nobody_brings_back_what_is_another_user_s(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.delete(TURN.id)
    assert await memories.deleting.undelete("bob", [TURN.id], last=False) == Undone()
    assert await memories.deleting.undelete("bob", [], last=True) == Undone()
    for ids, last in (((), False), ((TURN.id,), True)):
        with pytest.raises(InvalidInput):
            await memories.deleting.undelete("ann", ids, last=last)


async def test_the_log_says_what_was_brought_back(memories: Deletions) -> None:
    outcomes = await memories.store(TURN, said("Another", MARCH, "A"))
    await memories.delete(*(each.id for each in outcomes))
    await memories.undelete(TURN.id)
    (removal,) = await memories.deleting.removals("ann", "", 10)
    assert (removal.count, removal.restored, removal.reason, removal.erased) == (2, 1, Reason.USER, False)


async def test_a_new_backup_has_nothing_deleted_and_keeps_it_out(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "copy").mkdir()
    async with opened(tmp_path / "home") as memories:
        await memories.store(TURN, said("Good morning.", MARCH, "A"))
        await Correcting(memories.service.storing).update("ann", TURN.id, Edit(content="Mr Thistlewood, corrected"))
        await memories.delete(TURN.id)
        (counts,) = await memories.service.store.copy_to(tmp_path / "copy")
        assert counts["memories"] == counts["embeddings"] == 1
        assert (await memories.undelete()).restored == {TURN.id}
    assert not files_with(tmp_path / "copy", b"Thistlewood")
    async with opened(tmp_path / "copy") as memories:
        assert (await memories.store(TURN))[0].was_deleted
        await memories.store(said("Fresh", MARCH, "A"))
        assert await memories.contents() == ["Fresh", "Good morning."]


async def test_erasure_takes_what_it_was_before_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as memories:
        await memories.store(TURN, said("Good morning.", MARCH, "A"))
        await Correcting(memories.service.storing).update("ann", TURN.id, Edit(content="Nothing to see"))
        await memories.delete(TURN.id)
        assert (await memories.store(replace(TURN, id="")))[0].was_deleted
        await memories.erase()
        with memories.service.store._connections.cursor() as cursor:  # type: ignore[attr-defined]
            counts = [
                cursor.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
                for table in ("deleted_memories", "versions", "embeddings", "memories")
            ]
        assert counts == [0, 0, 1, 1]
    assert not files_with(tmp_path, b"Thistlewood")


async def test_what_is_brought_back_while_the_database_is_copied_is_there_after(tmp_path: Path) -> None:
    async with opened(tmp_path) as memories:
        await memories.store(TURN, said("Good morning.", MARCH, "A"), said("Good night.", MARCH, "A"))
        store = memories.service.store
        await memories.delete(TURN.id)
        compaction = store._compaction  # type: ignore[attr-defined]
        copy_rows = compaction._copy
        meanwhile: list[str] = []

        async def copy_and_delete(copy: Path, *, deleted_too: bool) -> dict[str, int]:
            done: dict[str, int] = await copy_rows(copy, deleted_too=deleted_too)
            if not meanwhile:
                other = next(each for each in await memories.service.all() if each.content == "Good night.")
                meanwhile.append(other.id)
                await memories.delete(other.id)
                await memories.undelete(other.id)
            return done

        compaction._copy = copy_and_delete
        await memories.erase()
        assert await memories.contents() == ["Good morning.", "Good night."]
        removals = await memories.deleting.removals("ann", "", 10)
        assert [(each.restored, each.erased) for each in removals] == [(1, False), (0, True)]


async def test_an_export_after_a_deletion_has_it_no_more(memories: Deletions) -> None:
    await memories.store(TURN)
    await memories.delete(TURN.id)
    assert (await Exporting(memories.service.store).page("ann", 0, 10)).memories == []


async def test_the_digests_say_nothing_without_their_key(tmp_path: Path) -> None:
    vault = Vault(bytes(range(32)))
    async with open_shards(tmp_path, 1, StoreSettings(vault=vault)) as store:
        await store.insert([], "m")
    async with opened(tmp_path, 1, vault) as memories:
        await memories.store(TURN)
        await memories.delete(TURN.id)
    with duckdb.connect(tmp_path / "memory.duckdb") as connection:
        digests = {str(row[0]) for row in connection.execute("SELECT digest FROM deletion_digests").fetchall()}
        assert len(digests) == 2
        assert str(TURN.fingerprint("ann")) not in digests
        connection.execute("DELETE FROM digest_key")
    async with opened(tmp_path, 1, vault) as memories:
        assert not (await memories.store(TURN))[0].was_deleted  # erased with the key


async def test_a_confirmation_is_void_when_something_more_would_go(memories: Deletions) -> None:
    await memories.store(TURN)
    chosen = Chosen(project="p", kinds=(Kind.CONVERSATION,))
    preview = await memories.deleting.forget("ann", chosen, "")
    await memories.store(replace(noted("A summary"), made_of=(TURN.id,)))
    with pytest.raises(Conflict):
        await memories.deleting.forget("ann", chosen, preview.confirmation)
    assert len(await memories.contents()) == 2


async def test_what_cannot_be_undone_leaves_no_digest(memories: Deletions) -> None:
    (outcome,) = await memories.store(noted("moved"))
    sequence = await memories.service.store.find("ann", outcome.id)
    await memories.service.storing.remove([sequence or 0], Removing("ann", Reason.MOVED))
    assert (await memories.undelete(outcome.id)) == Undone()
    assert not (await memories.store(noted("moved")))[0].was_deleted
