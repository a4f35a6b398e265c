"""A memory is changed, replaced and taken back; and what is in force of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.encryption.vault import Vault
from services.kit.errors import Conflict, Denied, InvalidInput, LimitExceeded, NotFound
from services.memory.domain.corrections import Corrections, Edit, Replacement, Void, voids
from services.memory.domain.deletion_log import Removing
from services.memory.domain.memories import Memory, Outcome, versions_max
from services.memory.domain.queries import Filter, ListQuery, Query, Sort
from services.memory.domain.retention_policy import Due
from services.memory.operations.correct_memories import Correcting
from services.memory.operations.delete_memories import Deleting
from services.memory.operations.export import Exporting
from services.memory.operations.link_projects import Linking
from services.memory.operations.replacements.kept_pairs import KeptPairs
from services.memory.operations.replacements.settling import Settling, Verdict
from services.memory.search.memory_list import Listing
from services.memory.search.result_cache import Generations
from tests.fuzz.budget import tried
from tests.unit.memory.operations.test_restatements import MARCH, STORES, Service, noted, said, served

NPM, PNPM = "We use npm as the package manager", "We use pnpm as the package manager"


@pytest.fixture(params=STORES)
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path, *request.param) as opened:
        yield opened


def correcting(service: Service) -> Correcting:
    return Correcting(service.storing)


async def listed(service: Service, **conditions: object) -> list[Memory]:
    listing = Listing(service.store, service.index, Linking(service.store, Generations(None)))
    given = Filter(**conditions)  # type: ignore[arg-type]
    return list((await listing.list("ann", ListQuery(filter=given, limit=50))).memories)


async def in_force(service: Service) -> set[str]:
    return {each.content for each in await listed(service, in_force=True)}


async def replaced_pair(service: Service) -> tuple[Outcome, Outcome]:
    (old,) = await service.remember(noted(NPM, MARCH))
    (new,) = await service.remember(replace(noted(PNPM, MARCH + timedelta(days=90)), replaces=(old.id,)))
    return old, new


# --- replacing ----------------------------------------------------------------------------------


async def test_what_is_replaced_is_found_marked_after_what_replaced_it_and_not_in_force(service: Service) -> None:
    old, new = await replaced_pair(service)
    await service.remember(noted("The package arrived", MARCH))
    found = await service.found(NPM)
    assert [each.id for each in found[:2]] == [new.id, old.id]
    assert (found[1].out_of_force, found[1].replaced_by, found[1].replaces) == (True, (new.id,), ())
    assert (found[0].out_of_force, found[0].replaced_by, found[0].replaces) == (False, (), (old.id,))
    assert await in_force(service) == {PNPM, "The package arrived"}
    assert NPM not in {each.content for each in await service.found(NPM, in_force=True)}
    for name, marks in ((old.id, (True, (new.id,))), (new.id, (False, ()))):
        memory = (await service.searching.get("ann", name, 0)).memory
        assert (memory.out_of_force, memory.replaced_by) == marks


@pytest.mark.slow
async def test_what_replaces_is_shown_though_its_words_are_others(service: Service) -> None:
    (old,) = await service.remember(noted("The zebra stands by the fence", MARCH))
    for number in range(150):
        await service.remember(noted(f"The fence number {number} is painted", MARCH))
    (new,) = await service.remember(replace(noted("Everything moved indoors", MARCH), replaces=(old.id,)))
    found = await service.found("zebra by the fence")
    assert [each.id for each in found[:2]] == [new.id, old.id]


async def test_of_a_chain_the_last_comes_first(service: Service) -> None:
    ids: list[str] = []
    for day, name in enumerate(("SQLite", "MySQL", "Postgres")):
        memory = noted(f"Orders are kept in {name}", MARCH + timedelta(days=day))
        (outcome,) = await service.remember(replace(memory, replaces=tuple(ids[-1:])))
        ids.append(outcome.id)
    scores = [each.score for each in (await service.search(Query("orders kept in SQLite", project="p"))).found]
    assert [each.id for each in await service.found("orders kept in SQLite")] == ids[::-1]
    assert scores == sorted(scores, reverse=True)
    assert await in_force(service) == {"Orders are kept in Postgres"}
    assert [each.id for each in await service.found("orders", Sort.NEWEST)] == ids[::-1]


@pytest.mark.parametrize("gone", [(1,), (1, 2), (2, 1), (0, 1)], ids=str)
async def test_of_a_chain_without_its_middle_the_last_holds_alone(service: Service, gone: tuple[int, ...]) -> None:
    ids: list[str] = []
    for day, name in enumerate(("SQLite", "MySQL", "MariaDB", "Postgres")):
        memory = noted(f"Orders are kept in {name}", MARCH + timedelta(days=day))
        (outcome,) = await service.remember(replace(memory, replaces=tuple(ids[-1:])))
        ids.append(outcome.id)
    sequences = [await service.store.find("ann", ids[each]) or 0 for each in gone]
    await service.storing.remove(sequences, Removing("ann"))
    assert await in_force(service) == {"Orders are kept in Postgres"}
    await Deleting(service.storing).undelete("ann", [], last=True)
    assert await in_force(service) == {"Orders are kept in Postgres"}


async def test_of_a_chain_the_last_holds_alone_also_where_its_middle_was_made_of_what_is_due(service: Service) -> None:
    (first,) = await service.remember(noted("Orders are kept in SQLite", MARCH))
    (turn,) = await service.remember(said("We move the orders to MySQL", MARCH))
    middle = replace(noted("Orders are kept in MySQL", MARCH + timedelta(days=1)), made_of=(turn.id,))
    (summary,) = await service.remember(replace(middle, replaces=(first.id,)))
    last = noted("Orders are kept in Postgres", MARCH + timedelta(days=2))
    await service.remember(replace(last, replaces=(summary.id,)))
    sequence = await service.store.find("ann", turn.id) or 0
    due = Due(np.array([sequence]), np.array([int(MARCH.timestamp() * 1e6)]))
    assert await service.storing.remove_due(due, Removing("ann")) == 2
    assert await in_force(service) == {"Orders are kept in Postgres"}


async def test_said_again_it_holds_again(service: Service) -> None:
    old, new = await replaced_pair(service)
    september = MARCH + timedelta(days=180)
    await service.remember(replace(noted(NPM, september), replaces=(new.id,)))
    assert await in_force(service) == {NPM}
    await service.remember(replace(noted(PNPM, september + timedelta(days=1))))
    assert await in_force(service) == {PNPM}  # what it replaces it replaces as of then
    assert [each.id for each in await service.found("package manager")] == [new.id, old.id]


async def test_said_again_it_tells_of_what_replaced_it_and_still_holds(service: Service) -> None:
    old, new = await replaced_pair(service)
    september = MARCH + timedelta(days=180)
    (again,) = await service.remember(noted(NPM, september))
    assert (again.id, again.duplicate, again.out_of_force) == (old.id, True, False)
    assert [(each.id, each.content) for each in again.may_replace] == [(new.id, PNPM)]
    assert await in_force(service) == {NPM, PNPM}
    (settled,) = await service.remember(
        replace(noted(NPM, september), replaces=tuple(each.id for each in again.may_replace))
    )
    assert (settled.may_replace, settled.out_of_force) == ((), False)
    assert await in_force(service) == {NPM}
    assert [each.may_replace for each in await service.remember(noted(NPM, september))] == [()]


async def test_said_again_it_does_not_tell_of_what_the_user_said_holds_beside_it(service: Service) -> None:
    old, new = await replaced_pair(service)
    september = noted(NPM, MARCH + timedelta(days=180))
    await service.remember(september)
    kept = KeptPairs(service.store)
    await Settling(correcting(service), kept).settle("ann", old.id, new.id, Verdict.BOTH_HOLD)
    assert [each.may_replace for each in await service.remember(september)] == [()]


async def test_said_again_it_tells_of_the_last_of_a_chain_that_replaced_it(service: Service) -> None:
    _, new = await replaced_pair(service)
    (last,) = await service.remember(replace(noted("We use yarn", MARCH + timedelta(days=91)), replaces=(new.id,)))
    (again,) = await service.remember(noted(NPM, MARCH + timedelta(days=180)))
    assert [each.id for each in again.may_replace] == [last.id]
    await correcting(service).withdraw("ann", last.id, withdrawn=True)
    assert [each.may_replace for each in await service.remember(noted(NPM, MARCH + timedelta(days=181)))] == [()]


async def test_a_repetition_of_what_was_said_before_it_was_replaced_says_that_it_does_not_hold(
    service: Service,
) -> None:
    old, new = await replaced_pair(service)
    (again,) = await service.remember(noted(NPM, MARCH))
    assert (again.id, again.out_of_force, again.replaced_by, again.may_replace) == (old.id, True, (new.id,), ())
    (late,) = await service.remember(said("We deploy on Fridays", MARCH, "s1"))
    monday = replace(said("We deploy on Mondays", MARCH + timedelta(days=2), "s1"), replaces=(late.id,))
    (other,) = await service.remember(monday)
    (late,) = await service.remember(said("We deploy on Fridays", MARCH + timedelta(days=1), "s1"))
    assert (late.duplicate, late.out_of_force, late.replaced_by) == (True, True, (other.id,))
    taken = await correcting(service).withdraw("ann", new.id, withdrawn=True)
    (again,) = await service.remember(noted(PNPM, MARCH + timedelta(days=90)))
    assert (again.id, again.out_of_force, again.replaced_by) == (taken.id, True, ())


async def test_said_in_other_sessions_before_it_is_replaced_in_all_of_them(service: Service) -> None:
    (first,) = await service.remember(said("We deploy on Fridays", MARCH, "s1"))
    await service.remember(said("We deploy on Fridays", MARCH + timedelta(days=1), "s2"))
    later = replace(said("We deploy on Mondays", MARCH + timedelta(days=2), "s3"), replaces=(first.id,))
    await service.remember(later)
    assert await in_force(service) == {"We deploy on Mondays"}
    await service.remember(said("We deploy on Fridays", MARCH + timedelta(days=1, hours=1), "late import"))
    assert await in_force(service) == {"We deploy on Mondays"}
    await service.remember(said("We deploy on Fridays", MARCH + timedelta(days=3), "s4"))
    assert await in_force(service) == {"We deploy on Mondays", "We deploy on Fridays"}
    assert sum(each.out_of_force for each in await listed(service)) == 3


async def test_when_what_replaced_it_is_deleted_it_holds_again_and_not_when_that_is_withdrawn(service: Service) -> None:
    _, new = await replaced_pair(service)
    await correcting(service).withdraw("ann", new.id, withdrawn=True)
    assert await in_force(service) == set()
    await correcting(service).withdraw("ann", new.id, withdrawn=False)
    deleting = Deleting(service.storing)
    sequence = await service.store.find("ann", new.id)
    await service.storing.remove([sequence or 0], Removing("ann"))
    assert await in_force(service) == {NPM}
    await deleting.undelete("ann", [new.id], last=False)
    assert await in_force(service) == {PNPM}


async def test_a_clock_that_was_ahead_does_not_keep_a_decision_in_force(service: Service) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=3)
    (old,) = await service.remember(noted(NPM, ahead))
    await service.remember(replace(noted(PNPM, datetime.now(UTC)), replaces=(old.id,)))
    assert await in_force(service) == {PNPM}
    (other,) = await service.remember(noted("Another", ahead))
    await correcting(service).withdraw("ann", other.id, withdrawn=True)
    assert await in_force(service) == {PNPM}


@pytest.mark.parametrize("unknown", ["nothing", "theirs", "itself"])
async def test_what_is_to_be_replaced_must_be_a_memory_of_one_s_own(service: Service, unknown: str) -> None:
    (theirs,) = await service.storing.remember("bob", [replace(noted("Bob's", MARCH), shared=True)])
    named = {"nothing": "no such id", "theirs": theirs.id, "itself": "itself"}[unknown]
    with pytest.raises(NotFound):
        await service.remember(replace(noted("New", MARCH), id="itself", replaces=(named,)))
    assert [each.content for each in await listed(service)] == ["Bob's"]


async def test_an_import_takes_replacements_in_any_order_and_an_export_gives_them(
    service: Service, tmp_path: Path
) -> None:
    old, new = await replaced_pair(service)
    await correcting(service).update("ann", old.id, Edit(content="We use npm 10", tags=("tool",)))
    (taken,) = await service.remember(noted("Taken back", MARCH))
    await correcting(service).withdraw("ann", taken.id, withdrawn=True)
    exported = (await Exporting(service.store).page("ann", 0, 10)).memories
    (tmp_path / "other").mkdir()
    async with served(tmp_path / "other") as other:
        await other.storing.remember_each("ann", sorted(exported, key=lambda each: each.id != new.id))
        assert await in_force(other) == {PNPM}
        again = (await Exporting(other.store).page("ann", 0, 10)).memories
        by_id = {each.id: each for each in again}
        assert by_id == {each.id: each for each in exported}
        assert [each.content for each in by_id[old.id].versions] == [NPM]


# --- withdrawing --------------------------------------------------------------------------------


async def test_what_is_withdrawn_is_found_and_marked_until_it_is_said_again(service: Service) -> None:
    (outcome,) = await service.remember(noted("We freeze on Fridays", MARCH))
    memory = await correcting(service).withdraw("ann", outcome.id, withdrawn=True)
    assert (memory.out_of_force, memory.withdrawn_at is not None) == (True, True)
    assert await in_force(service) == set()
    (found,) = await service.found("freeze on Fridays")
    assert (found.out_of_force, found.withdrawn_at) == (True, memory.withdrawn_at)
    assert await correcting(service).withdraw("ann", outcome.id, withdrawn=True) == memory
    await service.remember(noted("We freeze on Fridays", datetime.now(UTC)))
    assert await in_force(service) == {"We freeze on Fridays"}
    (found,) = await service.found("freeze on Fridays")
    assert (found.out_of_force, found.withdrawn_at) == (False, None)


async def test_a_withdrawal_can_be_taken_back(service: Service) -> None:
    (outcome,) = await service.remember(noted("We freeze on Fridays", MARCH))
    for withdrawn, holds in ((True, set()), (False, {"We freeze on Fridays"})):
        await correcting(service).withdraw("ann", outcome.id, withdrawn=withdrawn)
        assert await in_force(service) == holds


# --- updating -----------------------------------------------------------------------------------


async def test_what_is_changed_keeps_its_id_and_is_found_by_its_new_words_alone(service: Service) -> None:
    turns = [said(f"Turn {number} of the walrus", MARCH + timedelta(minutes=number), "A") for number in range(3)]
    outcomes = await service.remember(*turns)
    edit = Edit(content="The zebra moved in", tags=("animal",))
    done = await correcting(service).update("ann", outcomes[1].id, edit)
    assert (done.changed, done.memory.content, done.memory.tags) == (True, "The zebra moved in", ("animal",))
    assert (done.memory.id, done.memory.timestamp) == (outcomes[1].id, turns[1].timestamp)
    assert [each.id for each in await service.found("zebra")][:1] == [outcomes[1].id]
    around = await service.searching.get("ann", outcomes[1].id, 1)
    assert [each.content for each in (*around.before, *around.after)] == [turns[0].content, turns[2].content]
    (version,) = around.memory.versions
    assert (version.content, version.tags, version.project) == ("Turn 1 of the walrus", (), "p")
    again = await correcting(service).update("ann", outcomes[1].id, edit)
    assert not again.changed
    await correcting(service).update("ann", outcomes[1].id, Edit(content="A third text"))
    memory = (await service.searching.get("ann", outcomes[1].id, 0)).memory
    assert [each.content for each in memory.versions] == ["The zebra moved in", "Turn 1 of the walrus"]


async def test_a_memory_moves_to_another_project(service: Service) -> None:
    (outcome,) = await service.remember(noted("The heron cluster", MARCH))
    for project in ("heron", "stork", "crane", "p"):
        await correcting(service).update("ann", outcome.id, Edit(project=project))
        (memory,) = await listed(service)
        assert (memory.project, memory.id) == (project, outcome.id)
        assert await service.store.projects("ann") == [project]
    memory = (await service.searching.get("ann", outcome.id, 0)).memory
    assert [each.project for each in memory.versions] == ["crane", "stork", "heron", "p"]
    await Deleting(service.storing).undelete("ann", [outcome.id], last=False)
    assert len(await listed(service)) == 1


async def test_an_import_of_what_it_was_changes_nothing(service: Service) -> None:
    turn = replace(said("We deploy by hand", MARCH, "A"), id="turn")
    await service.remember(turn)
    await correcting(service).update("ann", "turn", Edit(content="We deploy by script"))
    copies = [turn, replace(turn, session_id="fork"), replace(turn, id="", session_id="A")]
    outcomes = [(await service.remember(each))[0] for each in copies]
    assert [(each.duplicate, each.id) for each in outcomes] == [(True, "turn")] * 3
    assert [each.content for each in await listed(service)] == ["We deploy by script"]
    (anew,) = await service.remember(replace(turn, id="", timestamp=datetime.now(UTC)))
    assert not anew.duplicate
    with pytest.raises(Conflict):
        await service.remember(replace(turn, content="Something else"))


async def test_two_memories_cannot_come_to_say_the_same(service: Service) -> None:
    one, other = await service.remember(noted("One", MARCH), noted("Other", MARCH))
    with pytest.raises(Conflict, match=other.id):
        await correcting(service).update("ann", one.id, Edit(content="Other"))
    (elsewhere,) = await service.remember(replace(noted("One", MARCH), project="stork"))
    for project in ("stork",):
        with pytest.raises(Conflict, match=elsewhere.id):
            await correcting(service).update("ann", one.id, Edit(project=project))
    assert {each.content for each in await listed(service)} == {"One", "Other"}


async def test_a_secret_in_a_correction_is_taken_out(service: Service) -> None:
    (outcome,) = await service.remember(noted("The token is secret", MARCH))
    done = await correcting(service).update("ann", outcome.id, Edit(content="password: Tr0ub4dor-and-3-horses"))
    assert done.redactions == 1
    assert "Tr0ub4dor" not in done.memory.content


@pytest.mark.parametrize("edit", [Edit(), Edit(content=" "), Edit(content="x" * 300_000), Edit(project="x" * 300)])
async def test_what_cannot_be_stored_is_no_correction(service: Service, edit: Edit) -> None:
    (outcome,) = await service.remember(noted("As it was", MARCH))
    with pytest.raises((InvalidInput, LimitExceeded)):
        await correcting(service).update("ann", outcome.id, edit)
    assert [each.content for each in await listed(service)] == ["As it was"]


async def test_only_its_author_changes_or_withdraws_a_memory_and_sees_what_it_was(service: Service) -> None:
    (outcome,) = await service.remember(replace(noted("Shared words", MARCH), shared=True))
    await correcting(service).update("ann", outcome.id, Edit(content="Shared words, corrected"))
    with pytest.raises(Denied):
        await correcting(service).update("bob", outcome.id, Edit(content="Bob was here"))
    with pytest.raises(Denied):
        await correcting(service).withdraw("bob", outcome.id, withdrawn=True)
    with pytest.raises(NotFound):
        await correcting(service).withdraw("bob", "unknown", withdrawn=True)
    memory = (await service.searching.get("bob", outcome.id, 0)).memory
    assert (memory.content, memory.versions, memory.author) == ("Shared words, corrected", (), "ann")


async def test_another_user_sees_that_a_shared_memory_is_replaced_but_not_by_which_private_one(
    service: Service,
) -> None:
    (old,) = await service.remember(replace(noted(NPM, MARCH), shared=True))
    (new,) = await service.remember(replace(noted(PNPM, MARCH + timedelta(days=1)), replaces=(old.id,)))
    memory = (await service.searching.get("bob", old.id, 0)).memory
    assert (memory.out_of_force, memory.replaced_by) == (True, ())
    await service.storing.share("ann", new.id, True)
    assert (await service.searching.get("bob", old.id, 0)).memory.replaced_by == (new.id,)


@pytest.mark.slow
async def test_versions_count_as_room_and_have_a_limit(tmp_path: Path) -> None:
    async with served(tmp_path) as service:
        (outcome,) = await service.remember(noted("x0", MARCH))
        for number in range(1, versions_max + 1):
            await correcting(service).update("ann", outcome.id, Edit(content=f"x{number}"))
        memories, size = await service.store.usage("ann")
        assert (memories, size) == (1, len("x100") + sum(len(f"x{number}") for number in range(100)))
        with pytest.raises(LimitExceeded):
            await correcting(service).update("ann", outcome.id, Edit(content="one more"))


async def test_corrections_are_there_after_a_restart(tmp_path: Path) -> None:
    for vault in (None, Vault(bytes(range(32)))):
        home = tmp_path / str(bool(vault))
        home.mkdir()
        async with served(home, 1, vault) as service:
            old, new = await replaced_pair(service)
            await correcting(service).update("ann", new.id, Edit(content="We use pnpm 9"))
            await service.indexing.close()
        async with served(home, 1, vault) as service:
            assert await in_force(service) == {"We use pnpm 9"}
            found = await service.found("package manager npm")
            assert [each.replaced_by for each in found if each.id == old.id] == [(new.id,)]
            assert len((await service.searching.get("ann", new.id, 0)).memory.versions) == 1


async def test_two_corrections_at_once_are_one_after_the_other(service: Service) -> None:
    (outcome,) = await service.remember(noted("start", MARCH))
    edits = [correcting(service).update("ann", outcome.id, Edit(content=f"text {number}")) for number in range(8)]
    done = await asyncio.gather(*edits, return_exceptions=True)
    assert all(not isinstance(each, BaseException) or isinstance(each, Conflict) for each in done)
    changed = [each for each in done if not isinstance(each, BaseException)]
    memory = (await service.searching.get("ann", outcome.id, 0)).memory
    assert len(memory.versions) == len(changed) >= 1
    assert [each.id for each in await listed(service)] == [outcome.id]


# --- the rules ----------------------------------------------------------------------------------


def test_a_memory_is_void_until_the_latest_of_what_makes_it_so() -> None:
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 5)]
    first, second = Replacement("ann", "a", 7, at[1]), Replacement("ann", "a", 9, at[2])
    given = Corrections([first, second, Replacement("ann", "gone", 9, at[3])], {3: at[0], 5: at[3]})
    assert voids(given, {first.key: 3}) == {
        3: Void(at[2].timestamp(), (9, 7), (at[2].timestamp(), at[1].timestamp())),
        5: Void(at[3].timestamp()),
    }
    assert voids(given, {first.key: 3})[3].since(at[2].timestamp()).by == (9,)


# --- a model of what is in force ----------------------------------------------------------------


@dataclass
class Told:
    """A memory in the model."""

    text: str
    said: datetime
    replaces: set[str] = field(default_factory=set)
    replaced_at: datetime | None = None
    withdrawn: datetime | None = None
    earlier: dict[str, datetime] = field(default_factory=dict)

    @property
    def replaces_until(self) -> datetime:
        return max(self.replaced_at or self.said, self.said)


@dataclass
class Model:
    """What is stored, what was deleted, and what follows from it."""

    stored: dict[str, Told] = field(default_factory=dict)
    trash: list[tuple[str, Told, datetime]] = field(default_factory=list)

    def store(self, id: str, told: Told) -> None:
        known = self.stored.get(id) or next((each for each in self.stored.values() if each.text == told.text), None)
        if known and known.text == told.text:
            known.said, known.replaces = max(known.said, told.said), known.replaces | told.replaces
            known.replaced_at = max(filter(None, (known.replaced_at, told.replaced_at)), default=None)
        elif not known and not self._is_left_out(id, told):
            self.stored[id] = told

    def _is_left_out(self, id: str, told: Told) -> bool:
        was = any(told.said <= each.earlier.get(told.text, MARCH) for each in self.stored.values())
        texts = [at for _, each, at in self.trash if told.text in (each.text, *each.earlier)]
        return was or id in {name for name, *_ in self.trash} or told.said <= max(texts, default=MARCH)

    def delete(self, id: str) -> None:
        gone = self.stored.pop(id)
        lost = {each for each in gone.replaces & set(self.stored) if self.stored[each].said <= gone.replaces_until}
        for name, heir in self.stored.items():
            if id in heir.replaces and gone.said <= heir.replaces_until:
                heir.replaces, heir.replaced_at = heir.replaces | lost - {name}, heir.replaces_until
        self.trash.append((id, gone, datetime.now(UTC)))

    def undelete(self) -> None:
        if self.trash:
            name, told, _ = self.trash[-1]
            if name not in self.stored and told.text not in {each.text for each in self.stored.values()}:
                self.trash.pop()
                self.stored[name] = told

    def in_force(self) -> set[str]:
        return {each.text for name, each in self.stored.items() if each.said > self._void_until(name)}

    def _void_until(self, id: str) -> datetime:
        by = [each for each in self.stored.values() if id in each.replaces]
        return max([*(each.replaces_until for each in by), self.stored[id].withdrawn or MARCH])


TEXTS = [f"We keep the otter in the {place}" for place in ("pond", "barn", "tree")]
numbers = st.integers(0, 2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("store"), numbers, st.lists(numbers, max_size=2)),
        st.tuples(st.just("update"), numbers, numbers),
        st.tuples(st.just("withdraw"), numbers, st.booleans()),
        st.tuples(st.sampled_from(["delete", "export", "import", "undelete", "restart"]), numbers, st.none()),
    ),
    min_size=10,
    max_size=24,
)
Step: TypeAlias = tuple[str, int, object]


class History:
    """Steps, done both in the service and in the model."""

    def __init__(self) -> None:
        self.model = Model()
        self.exported: list[Memory] = []

    async def step(self, service: Service, name: str, number: int, more: object) -> None:
        ids = list(self.model.stored)
        meant = ids[number % len(ids)] if ids else ""
        if name == "store" and isinstance(more, list):
            await self._store(service, TEXTS[number], {ids[each % len(ids)] for each in more} if ids else set())
        elif name == "export":
            self.exported = list((await Exporting(service.store).page("ann", 0, 100)).memories)
        elif name == "import":
            await service.storing.remember_each("ann", self.exported)
            for each in self.exported:
                self.model.store(each.id, _told(each))
        elif name == "undelete":
            await Deleting(service.storing).undelete("ann", [], last=True)
            self.model.undelete()
        elif meant:
            await self._change(service, name, meant, more)

    async def _store(self, service: Service, text: str, replaces: set[str]) -> None:
        now = datetime.now(UTC)
        own = {known for known, each in self.model.stored.items() if each.text == text}
        replaces -= own
        memory = replace(noted(text, now), replaces=tuple(sorted(replaces)))
        (outcome,) = await service.remember(memory)
        at = max([now, *(self.model.stored[each].said for each in replaces)]) if replaces else None
        self.model.store(outcome.id, Told(text, now, replaces, at))

    async def _change(self, service: Service, name: str, id: str, more: object) -> None:
        told = self.model.stored[id]
        if name == "update" and isinstance(more, int):
            text = TEXTS[more]
            taken = text in {each.text for other, each in self.model.stored.items() if other != id}
            if text == told.text or taken:
                return
            await correcting(service).update("ann", id, Edit(content=text))
            told.earlier[told.text] = datetime.now(UTC)
            told.text = text
        elif name == "withdraw":
            memory = await correcting(service).withdraw("ann", id, withdrawn=bool(more))
            stale = told.withdrawn is not None and told.withdrawn < told.said
            told.withdrawn = (told.withdrawn if not stale and told.withdrawn else memory.withdrawn_at) if more else None
        elif name == "delete":
            sequence = await service.store.find("ann", id)
            await service.storing.remove([sequence or 0], Removing("ann"))
            self.model.delete(id)


def _told(memory: Memory) -> Told:
    return Told(memory.content, memory.timestamp, set(memory.replaces), memory.replaced_at, memory.withdrawn_at)


def run(history: Sequence[Step]) -> None:
    """Goes through the history; after each step the service has in force what the model has."""

    async def go_through(home: Path) -> None:
        done, left = History(), list(history)
        while left:
            async with served(home) as service:
                while left:
                    name, number, more = left.pop(0)
                    if name == "restart":
                        await service.indexing.close()
                        break
                    await done.step(service, name, number, more)
                    assert await in_force(service) == done.model.in_force(), (name, number, more)
                    marked = {each.content for each in await listed(service) if not each.out_of_force}
                    assert marked == done.model.in_force()

    with tempfile.TemporaryDirectory() as home:
        asyncio.run(go_through(Path(home)))


STORE: Step = ("store", 0, [])
REPLACE: Step = ("store", 1, [0])
BACK: Step = ("store", 0, [1])
HISTORIES: dict[str, list[Step]] = {
    "said again, and replaced by what is said again": [STORE, REPLACE, STORE, ("store", 1, []), ("restart", 0, None)],
    "replaced each by the other": [STORE, REPLACE, BACK, ("store", 1, []), ("store", 0, [])],
    "its replacement deleted, brought back, withdrawn": [
        *(STORE, REPLACE, ("delete", 1, None), ("undelete", 0, None), ("withdraw", 1, True), ("withdraw", 1, False)),
    ],
    "an old export after a deletion": [STORE, REPLACE, ("export", 0, None), ("delete", 0, None), ("import", 0, None)],
    "an old export after a deletion that was undone, and another": [
        *(STORE, ("export", 0, None), ("delete", 0, None), ("undelete", 0, None), ("delete", 0, None)),
        *(("import", 0, None), ("undelete", 0, None), ("import", 0, None)),
    ],
    "an old export after a change": [STORE, ("export", 0, None), ("update", 0, 2), ("import", 0, None), STORE],
    "withdrawn, said again, withdrawn": [
        STORE,
        ("withdraw", 0, True),
        STORE,
        ("withdraw", 0, True),
        ("restart", 0, None),
    ],
    "undone, and what it said said anew elsewhere": [
        *(STORE, ("delete", 0, None), STORE, ("undelete", 0, None), ("delete", 0, None), ("undelete", 0, None)),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_what_is_in_force_follows_the_model_in(history: Sequence[Step]) -> None:
    run(history)


@pytest.mark.slow
@tried(20)
@given(steps)
def test_what_is_in_force_follows_the_model_in_any_history(history: Sequence[Step]) -> None:
    run(history)
