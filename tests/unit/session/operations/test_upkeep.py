"""What keeps a session store small, the same for SQLite and for a real Redis: retention, bounds, and what stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kit.encryption.vault import Vault
from services.kit.errors import NotFound
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Audited, Place, Recorded, Scope, Verdict
from services.session.domain.sessions import Answer, DeferredStore, Facts, NewCheckpoint, Opening, Session, State, Which
from services.session.operations.lifecycle import Lifecycle
from services.session.operations.permission_service import Asked, Deciding
from services.session.operations.session_lookup import Finding, Terms
from services.session.operations.session_retention import Retention
from services.session.store import Change, Listing, SessionStore, Stale
from services.session.store.redis import open_redis
from services.session.store.sqlite import open_sqlite

BEGAN = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
VAULT = Vault(bytes(range(32)))
AUDIT_MAX = 200
KEEP = timedelta(days=90)


@pytest.fixture(params=["sqlite", "sealed sqlite", pytest.param("redis", marks=pytest.mark.containers)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    if "sqlite" in request.param:
        vault = VAULT if "sealed" in request.param else None
        path = tmp_path / "session.sqlite"
        async with open_sqlite(path, queue_max=1000, vault=vault, audit_max=AUDIT_MAX) as sqlite:
            yield sqlite
        return
    url = request.getfixturevalue("emptied_redis")
    async with open_redis(url, timeout_s=5, stream_max=1000, audit_max=AUDIT_MAX) as redis:
        yield redis


class Team:
    """Whoever works with the store, at a time that the test sets."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store
        self.now = BEGAN
        self.finding = Finding(store, Terms(), lambda: self.now)
        self.lifecycle = Lifecycle(store, self.finding, 70)
        self.deciding = Deciding(store, self.finding, learn_after=3)
        self.retention = Retention(store, self.finding, KEEP)

    async def work(self, project: str, directory: str = "", user: str = "ada", *, ends: bool = True) -> str:
        """A session with a checkpoint, an hour long; its id."""
        where = Which(working_directory=directory or f"/work/{project}")
        opened = await self.lifecycle.init(user, Opening(where, project))
        self.now += timedelta(hours=1)
        await self.lifecycle.checkpoint(user, where, NewCheckpoint(note="it works"))
        if ends:
            await self.lifecycle.end(user, where, Facts(summary="done"))
        self.now += timedelta(hours=2)
        return opened.session.id


@pytest.fixture
def team(store: SessionStore) -> Team:
    return Team(store)


# --- sessions that are heard of no more -----------------------------------------------------------


async def test_each_session_is_abandoned_once_its_lease_is_over(team: Team) -> None:
    """Whenever somebody looks: it is known from the look before when the next lease can be over."""
    ids: list[str] = []

    async def active() -> list[bool]:
        page, _ = await team.finding.page("ada", "", "active", 10, "")
        return [each in {session.id for session in page} for each in ids]

    for place in range(3):
        where = Which(working_directory=f"/work/{place}")
        ids.append((await team.lifecycle.init("ada", Opening(where, "a"))).session.id)
        team.now += timedelta(minutes=20)
        assert all(await active())
    team.now += timedelta(seconds=1)
    assert await active() == [False, True, True]
    await team.lifecycle.checkpoint("ada", Which(session_id=ids[1]), NewCheckpoint(note="it works"))
    team.now += timedelta(minutes=40)
    assert await active() == [False, True, False]
    team.now += timedelta(minutes=20, seconds=1)
    assert await active() == [False, False, False]


# --- sessions that have ended ---------------------------------------------------------------------


async def test_what_ended_long_ago_goes_but_for_the_last_handoff_of_a_project(team: Team) -> None:
    ids = [await team.work("a") for _ in range(3)]
    other = await team.work("b")
    bobs = await team.work("a", user="bob")
    assert await team.retention.remove_due() == 0
    team.now += KEEP + timedelta(hours=1)
    recent = await team.work("c")
    assert await team.retention.remove_due() == 2
    assert [bool(await team.store.session(each)) for each in (*ids, other, bobs, recent)] == [False, False, *[True] * 4]
    assert [bool(await team.store.handoff(each)) for each in ids] == [False, False, True]
    assert [len(await team.store.checkpoints(each, 10)) for each in ids] == [0, 0, 1]
    assert [each.id for each in await team.store.session_page("ada", Listing("a", State.ENDED))] == [ids[2]]
    assert {each.id for each in await team.store.session_page("ada", Listing())} == {ids[2], other, recent}
    latest = await team.store.latest_handoff("ada", "a")
    assert latest
    assert latest.session_id == ids[2]
    with pytest.raises(NotFound):
        await team.lifecycle.handoff("ada", ids[0], "")


async def test_the_handoff_that_stayed_goes_when_there_is_a_later_one(team: Team) -> None:
    first = await team.work("a")
    team.now += KEEP + timedelta(hours=1)
    assert await team.retention.remove_due() == 0
    second = await team.work("a")
    assert await team.retention.remove_due() == 1
    assert await team.store.session(first) is None
    assert await team.store.session(second)


async def test_nothing_goes_that_is_active_or_owes_something_or_is_to_be_handed_off(team: Team) -> None:
    active = await team.work("a", "/work/active", ends=False)
    owing = await team.work("a", "/work/owing")
    await team.work("a")
    later = await team.work("a", "/work/later", ends=False)
    session = await team.store.session(owing)
    assert session
    deferred = DeferredStore("o1", owing, "ada", "memory", "{}", team.now)
    await team.store.commit(Change(session=replace(session, deferred=("o1",)), deferred=deferred))
    team.now += KEEP + timedelta(hours=1)
    await team.lifecycle.checkpoint("ada", Which(session_id=active), NewCheckpoint(note="heard of again"))
    await team.finding.abandon_expired()
    await team.retention.remove_due()
    assert [bool(await team.store.session(each)) for each in (active, owing, later)] == [True, True, True]


async def test_a_session_that_goes_on_meanwhile_is_not_removed(team: Team) -> None:
    await team.work("a", ends=False)
    await team.work("a")
    team.now += KEEP
    await team.finding.abandon_expired()
    left = (await team.store.finished_before(team.now, 10))[0]
    await team.store.commit(Change(session=replace(left, last_seen_at=team.now)))
    with pytest.raises(Stale):
        await team.store.remove_session(left)
    assert await team.store.session(left.id)


async def test_what_has_finished_comes_in_pages_without_gap_also_where_many_did_at_once(store: SessionStore) -> None:
    for number in range(25):
        at = BEGAN + timedelta(minutes=number // 10)
        ended = Session(f"s{number:02}", "ada", f"/w/{number}", f"/w/{number}", "p", at, at, State.ENDED)
        await store.commit(Change(session=ended))
    await store.commit(Change(session=Session("active", "ada", "/w/x", "/w/x", "p", BEGAN, BEGAN)))
    seen: list[str] = []
    after = None
    while page := await store.finished_before(BEGAN + timedelta(minutes=2), 3, after):
        seen += [each.id for each in page]
        after = page[-1].last_seen_at, page[-1].id
    assert seen == [f"s{number:02}" for number in range(20)]


async def test_what_is_removed_leaves_nothing_behind_and_the_directory_is_free(team: Team) -> None:
    await team.work("a")
    first = await team.store.finished_before(team.now, 10)
    await team.store.remove_session(first[0])
    assert await team.store.finished_before(team.now, 10) == []
    assert await team.store.session_page("ada", Listing()) == []
    assert await team.store.latest_handoff("ada", "a") is None
    assert await team.work("a") != first[0].id


@pytest.mark.slow
async def test_a_year_of_work_takes_no_more_room_than_its_last_months(team: Team) -> None:
    counts = []
    for _ in range(12):
        for project in ("a", "b"):
            for _ in range(5):
                await team.work(project)
        team.now += timedelta(days=30)
        await team.retention.remove_due()
        counts.append(len(await team.store.session_page("ada", Listing(limit=1000))))
    assert counts[3:] == [counts[3]] * 9
    assert counts[3] <= 4 * 10


# --- handoffs of what was given up ----------------------------------------------------------------


async def test_of_many_sessions_given_up_at_once_each_gets_its_handoff_at_last(team: Team) -> None:
    ids = [await team.work("mono", f"/w/{number}", ends=False) for number in range(27)]
    team.now += timedelta(hours=3)
    for number in range(3):
        await team.work("mono", f"/w/new{number}")
        team.now += timedelta(hours=3)
    assert await team.store.session_page("ada", Listing("mono", limit=100, without_handoff=True)) == []
    assert [bool(await team.store.handoff(each)) for each in ids] == [True] * 27


async def test_what_goes_on_after_its_handoff_is_to_leave_another(team: Team) -> None:
    first = await team.work("a", "/w/1", ends=False)
    await team.work("a", "/w/2")
    before = await team.store.handoff(first)
    assert before
    await team.lifecycle.checkpoint("ada", Which(session_id=first), NewCheckpoint(note="resumed"))
    assert await team.store.session_page("ada", Listing("a", without_handoff=True)) == []
    team.now += timedelta(hours=3)
    await team.finding.abandon_expired()
    assert [each.id for each in await team.store.session_page("ada", Listing("a", without_handoff=True))] == [first]
    await team.work("a", "/w/3")
    after = await team.store.handoff(first)
    assert after
    assert after.ended_at > before.ended_at
    assert await team.store.session_page("ada", Listing("a", without_handoff=True)) == []


# --- the log of permissions -----------------------------------------------------------------------


def line(number: int = 0, user: str = "ada", project: str = "p") -> Audited:
    return Audited(BEGAN, user, "check", f"o{number}", "", Place(project), Verdict.ASK, Level.HIGH, "why")


async def test_the_log_of_a_user_is_bounded_over_all_projects(store: SessionStore) -> None:
    for start in range(0, 1000, 50):
        lines = [line(number, project=f"p{number % 100}") for number in range(start, start + 50)]
        await store.commit(Change(audited=lines))
    await store.commit(Change(audited=[line(user="bob")]))
    assert AUDIT_MAX <= len(await store.audit("ada", "", 20_000)) <= AUDIT_MAX + 100
    assert [each.operation for each in await store.audit("ada", "p7", 2)] == ["o907", "o807"]
    assert await store.audit("bob", "", 10) == [line(user="bob")]


async def test_what_only_reads_is_not_in_the_log_unless_a_rule_decided_it(team: Team) -> None:
    here = Which(working_directory="/work/p")
    for operation, target in (("Read", "a.py"), ("bash", "ls"), ("bash", "make test")):
        await team.deciding.check("ada", Asked(operation, target, here, "p", "/work/p"))
    assert [each.target for each in await team.store.audit("ada", "", 10)] == ["make test"]
    asked = Asked("bash", "ls", here, "p", "/work/p")
    await team.deciding.record("ada", asked, Recorded(Verdict.DENY, Scope.PROJECT), "")
    await team.deciding.check("ada", asked)
    newest = (await team.store.audit("ada", "", 10))[0]
    assert (newest.action, newest.verdict, newest.target) == ("check", Verdict.DENY, "ls")


async def test_a_line_of_the_log_is_bounded_whatever_it_is_told(team: Team) -> None:
    root = "/" + "é" * 4000
    await team.deciding.check("ada", Asked("bash", "x " * 8000, Which(working_directory=root), "p" * 200, root))
    (found,) = await team.store.audit("ada", "", 10)
    assert len(repr(found)) < 2_000
    assert found.place.root.startswith("/éé")


# --- answers --------------------------------------------------------------------------------------


async def test_of_each_user_the_latest_answers_are_kept(store: SessionStore) -> None:
    for number in range(30):
        at = BEGAN + timedelta(seconds=number)
        await store.commit(Change(answer=Answer("ada", f"o{number}", "Init", at)))
    await store.commit(Change(answer=Answer("bob", "o0", "Init", BEGAN)))
    await store.forget_answers(BEGAN + timedelta(seconds=5), 20)
    assert [bool(await store.earlier_answer("ada", f"o{number}")) for number in range(30)] == [False] * 10 + [True] * 20
    assert await store.earlier_answer("bob", "o0") is None  # too old
    await store.forget_answers(BEGAN + timedelta(hours=1), 20)
    assert await store.earlier_answer("ada", "o29") is None
    await store.commit(Change(answer=Answer("ada", "o29", "Init", BEGAN)))
    assert await store.earlier_answer("ada", "o29")


class Forgetful:
    """A store whose answer to each commit is lost once: whoever calls is told that another was first, as when a
    client sends the same again."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._calls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def commit(self, change: Change) -> None:
        await self._store.commit(change)
        self._calls += 1
        if self._calls % 2:
            raise Stale("Somebody else changed it meanwhile.")


async def test_a_decision_whose_acknowledgement_was_lost_counts_once(store: SessionStore) -> None:
    team = Team(Forgetful(store))  # type: ignore[arg-type]  # what it lacks is the store's
    asked = Asked("bash", "make test", Which(), "p", "/w/p")
    for allows in (1, 2):
        rule = (await team.deciding.record("ada", asked, Recorded(Verdict.ALLOW, Scope.PROJECT), "")).rule
        ledger = await store.ledger("ada")
        assert [tally.allows for tally in ledger.tallies] == [allows]
        assert [each.id for each in ledger.rules] == [rule.id]
    assert [each.action for each in await store.audit("ada", "", 10)] == ["record", "record"]
    assert (await team.deciding.revoke("ada", rule.id, False, "", "")).count == 1
    assert (await store.ledger("ada")).rules == ()


async def test_a_checkpoint_whose_acknowledgement_was_lost_is_made_once(store: SessionStore) -> None:
    team = Team(Forgetful(store))  # type: ignore[arg-type]  # what it lacks is the store's
    where = Which(working_directory="/work/a")
    await team.lifecycle.init("ada", Opening(where, "a"))
    session, checkpoint = await team.lifecycle.checkpoint("ada", where, NewCheckpoint(note="once"))
    assert (session.checkpoints, checkpoint.number) == (1, 1)
    assert len(await store.checkpoints(session.id, 10)) == 1


async def test_tidying_may_be_repeated_and_takes_nothing_that_is_kept(team: Team) -> None:
    left = await team.work("a", "/w/1", ends=False)
    ended = await team.work("b")
    await team.store.commit(Change(audited=[line()]))
    await team.finding.abandon_expired()
    for _ in range(2):
        await team.store.tidy()
    assert [each.id for each in await team.store.session_page("ada", Listing("a", without_handoff=True))] == [left]
    assert {each.id for each in await team.store.finished_before(team.now, 10)} == {left, ended}
    assert await team.store.audit("ada", "", 10) == [line()]
