"""The contract of `SessionStore`, the same for SQLite and for a real Redis."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kit.encryption.vault import Vault
from services.kit.errors import NotReady, RateLimited, Unavailable
from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Audited, Ledger, Place, Recorded, Scope, Verdict, judge_request
from services.session.domain.projects import Relabelling
from services.session.domain.rule_learning import record
from services.session.domain.sessions import Answer, Checkpoint, DeferredStore, Quality, Session, State
from services.session.operations.events import SESSION_ENDED, Event
from services.session.store import Change, Listing, SessionStore, Stale, audit_max
from services.session.store.records import SESSION
from services.session.store.redis import open_redis
from services.session.store.sqlite import SqliteStore, open_sqlite

BEGAN = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
VAULT = Vault(bytes(range(32)))
ODD = "naïve \n\t\x00 '\"\\ {} 🦢 %s"


REDIS = ("redis", "redis cluster", "redis sentinel")


@pytest.fixture(
    params=["sqlite", "sealed sqlite", *(pytest.param(each, marks=pytest.mark.containers) for each in REDIS)]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    if "sqlite" in request.param:
        vault = VAULT if "sealed" in request.param else None
        async with open_sqlite(tmp_path / "session.sqlite", queue_max=1000, vault=vault) as sqlite:
            yield sqlite
        return
    url = request.getfixturevalue(
        {"redis": "emptied_redis"}.get(request.param, f"emptied_{request.param.replace(' ', '_')}")
    )
    async with open_redis(url, timeout_s=5, stream_max=1000) as redis:
        yield redis


def new(id: str = "s1", directory: str = "/work/a", minutes: int = 0, user: str = "ada", project: str = "a") -> Session:
    at = BEGAN + timedelta(minutes=minutes)
    return Session(id, user, directory, directory, project, at, at)


async def stored(store: SessionStore, session: Session) -> Session:
    await store.commit(Change(session=session))
    found = await store.session(session.id)
    assert found is not None
    return found


async def test_what_was_written_is_read_as_it_was(store: SessionStore) -> None:
    session = new(directory=f"/work/{ODD}", project=ODD)
    checkpoint = Checkpoint("c1", "s1", 1, BEGAN, ODD, Quality(71.25, {"project_health": 60.5}), -3.5, "abc")
    handoff = Handoff("s1", "ada", ODD, BEGAN, State.ENDED, ODD, (ODD,), (), f"# {ODD}", "x.md")
    deferred = DeferredStore("o1", "s1", "ada", "memory", ODD, BEGAN)
    answer = Answer("ada", ODD, "Init", BEGAN, "s1", {"resumed": False, "number": 3})
    await store.commit(
        Change(session=session, checkpoint=checkpoint, handoff=handoff, deferred=deferred, answer=answer),
    )
    assert await store.session("s1") == replace(session, version=1)
    assert await store.active_in("ada", f"/work/{ODD}") == [replace(session, version=1)]
    assert await store.checkpoint("s1", 1) == checkpoint
    assert await store.handoff("s1") == replace(handoff, place=1)
    assert await store.latest_handoff("ada", ODD) == replace(handoff, place=1)
    assert await store.pending("ada", 10) == [deferred]
    assert await store.earlier_answer("ada", ODD) == answer


def test_a_session_stored_under_an_earlier_name_of_a_field_keeps_its_deferred_stores() -> None:
    session = replace(new(), deferred=("o1", "o2"))
    earlier = SESSION.dump_json(session).replace(b'"deferred"', b'"owed"')
    assert b"deferred" not in earlier
    assert SESSION.validate_json(earlier) == SESSION.validate_json(SESSION.dump_json(session)) == session


async def test_what_is_not_there_is_none(store: SessionStore) -> None:
    assert await store.session("s1") is None
    assert await store.active_in("ada", "/work/a") == []
    assert await store.checkpoint("s1", 1) is None
    assert await store.handoff("s1") is None
    assert await store.latest_handoff("ada", "a") is None
    assert await store.earlier_answer("ada", "o1") is None
    assert await store.ledger("ada") == Ledger("ada")
    assert await store.session_page("ada", Listing()) == []
    assert await store.pending("ada", 10) == []
    assert await store.audit("ada", "", 10) == []
    assert await store.active_count() == 0


async def test_a_write_with_a_stale_version_changes_nothing(store: SessionStore) -> None:
    read = await stored(store, new())
    await store.commit(Change(session=replace(read, checkpoints=1)))
    late = Change(
        session=replace(read, checkpoints=9),
        checkpoint=Checkpoint("c9", "s1", 9, BEGAN),
        events=[Event(SESSION_ENDED, "ada", BEGAN)],
        answer=Answer("ada", "o9", "Checkpoint", BEGAN),
    )
    with pytest.raises(Stale):
        await store.commit(late)
    found = await store.session("s1")
    assert found
    assert (found.checkpoints, found.version) == (1, 2)
    assert await store.checkpoints("s1", 10) == []
    assert await store.earlier_answer("ada", "o9") is None


async def test_of_many_writers_of_one_version_one_gets_through(store: SessionStore) -> None:
    read = await stored(store, new())
    writes = [store.commit(Change(session=replace(read, checkpoints=n))) for n in range(20)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 19


async def test_a_directory_has_one_active_session_of_a_user(store: SessionStore) -> None:
    first = await stored(store, new())
    with pytest.raises(Stale):
        await store.commit(Change(session=new("s2")))
    assert await store.session("s2") is None
    await store.commit(Change(session=new("s3", user="bob")))
    await store.commit(Change(session=replace(first, state=State.ABANDONED)))
    assert (await stored(store, new("s2"))).version == 1
    with pytest.raises(Stale):  # the first cannot come back to it
        await store.commit(Change(session=replace(first, version=2)))


async def test_an_operation_is_answered_once(store: SessionStore) -> None:
    answer = Answer("ada", "o1", "Init", BEGAN, "s1")
    await store.commit(Change(session=new(), answer=answer))
    with pytest.raises(Stale):
        await store.commit(Change(session=new("s2", "/work/b"), answer=replace(answer, session_id="s2")))
    assert await store.session("s2") is None
    await store.commit(Change(session=new("s4", "/work/c", user="bob"), answer=replace(answer, user="bob")))
    await store.forget_answers(BEGAN, 100)
    assert await store.earlier_answer("ada", "o1") == answer
    await store.forget_answers(BEGAN + timedelta(seconds=1), 100)
    assert await store.earlier_answer("ada", "o1") is None


async def test_sessions_are_listed_newest_first_in_pages_without_gap(store: SessionStore) -> None:
    for number in range(6):
        await store.commit(Change(session=new(f"s{number}", f"/work/{number}", number // 2, project=f"p{number % 2}")))
    await store.commit(Change(session=new("other", user="bob")))
    seen: list[str] = []
    after = None
    while page := await store.session_page("ada", Listing(limit=2, after=after)):
        seen += [each.id for each in page]
        after = (page[-1].created_at, page[-1].id)
    assert seen == ["s5", "s4", "s3", "s2", "s1", "s0"]
    assert [each.id for each in await store.session_page("ada", Listing(project="p1"))] == ["s5", "s3", "s1"]


async def test_a_session_is_listed_under_its_state_alone(store: SessionStore) -> None:
    read = await stored(store, new())
    await store.commit(Change(session=replace(read, state=State.ENDED)))
    for project in ("", "a"):
        assert await store.session_page("ada", Listing(project, State.ACTIVE)) == []
        assert [each.id for each in await store.session_page("ada", Listing(project, State.ENDED))] == ["s1"]


async def test_active_sessions_are_found_by_when_they_were_last_heard_of(store: SessionStore) -> None:
    for number in (3, 1, 2):
        await store.commit(Change(session=new(f"s{number}", f"/work/{number}", number)))
    first = await store.session("s1")
    assert first
    found = await store.last_seen_before(BEGAN + timedelta(minutes=3), 10)
    assert [each.id for each in found] == ["s1", "s2"]
    assert await store.active_count() == 3
    await store.commit(Change(session=replace(first, state=State.ENDED)))
    assert [each.id for each in await store.last_seen_before(BEGAN + timedelta(minutes=3), 10)] == ["s2"]
    assert await store.active_count() == 2


async def test_the_last_checkpoints_come_oldest_first(store: SessionStore) -> None:
    read = await stored(store, new())
    for number in range(1, 6):
        checkpoint = Checkpoint(f"c{number}", "s1", number, BEGAN)
        await store.commit(Change(session=replace(read, version=number), checkpoint=checkpoint))
    assert [each.number for each in await store.checkpoints("s1", 3)] == [3, 4, 5]


async def test_what_is_owed_goes_when_it_is_paid(store: SessionStore) -> None:
    read = await stored(store, new())
    for version, name in enumerate(("x", "y"), start=1):
        deferred = DeferredStore(name, "s1", "ada", "memory", "{}", BEGAN + timedelta(seconds=version))
        await store.commit(Change(session=replace(read, version=version), deferred=deferred))
    await store.commit(Change(session=replace(read, version=3), settled="x"))
    assert [each.id for each in await store.pending("ada", 10)] == ["y"]
    assert await store.pending("bob", 10) == []


async def test_the_latest_handoff_is_the_one_that_was_left_last_whatever_the_clock_said(store: SessionStore) -> None:
    for number in (2, 3, 1):
        at = BEGAN + timedelta(hours=number)
        left = Handoff(f"s{number}", "ada", "a", at, State.ENDED, str(number), (), (), "", "")
        await store.commit(Change(handoff=left))
    found = await store.latest_handoff("ada", "a")
    assert found
    assert found.session_id == "s1"
    assert [each.session_id for each in await store.handoffs("ada", "a", 2)] == ["s1", "s3"]
    assert await store.latest_handoff("bob", "a") is None


async def test_a_handoff_that_is_written_again_comes_last_unless_it_keeps_its_place(store: SessionStore) -> None:
    for name in ("s1", "s2", "s3"):
        await store.commit(Change(handoff=Handoff(name, "ada", "a", BEGAN, State.ENDED, name, (), (), "", "")))
    first, second = (await store.handoff("s1"), await store.handoff("s2"))
    assert first
    assert second
    await store.commit(Change(handoff=replace(second, summary="kept")))
    await store.commit(Change(handoff=replace(first, summary="again", place=0)))
    found = await store.handoffs("ada", "a", 9)
    assert [(each.session_id, each.summary) for each in found] == [("s1", "again"), ("s3", "s3"), ("s2", "kept")]
    assert [each.place for each in found] == sorted((each.place for each in found), reverse=True)
    await store.commit(Change(dropped=found[0]))
    assert [each.session_id for each in await store.handoffs("ada", "a", 9)] == ["s3", "s2"]


def conversation(id: str, minutes: int = 0, user: str = "ada", project: str = ODD) -> Conversation:
    at = BEGAN + timedelta(minutes=minutes)
    return Conversation(id, user, f"/work/{ODD}", project, at, at, digests=("a", "b"), recap=ODD)


async def test_conversations_are_found_by_project_until_they_end(store: SessionStore) -> None:
    written = [conversation(f"c{number}", number) for number in range(3)]
    for each in (*written, conversation("c9", project="b"), conversation("c0", 9, user="bob")):
        await store.commit(Change(conversation=each))
    assert await store.conversation("ada", "c1") == replace(written[1], version=1)
    assert await store.conversation("bob", "c1") is None
    assert [each.id for each in await store.open_conversations("ada", ODD, 9)] == ["c2", "c1", "c0"]
    assert {each.id for each in await store.open_conversations("ada", "", 9)} == {"c0", "c1", "c2", "c9"}
    await store.commit(Change(conversation=replace(written[1], version=1, is_open=False)))
    assert [each.id for each in await store.open_conversations("ada", ODD, 1)] == ["c2"]
    assert [each.id for each in await store.open_conversations("ada", ODD, 9)] == ["c2", "c0"]
    with pytest.raises(Stale):
        await store.commit(Change(conversation=replace(written[1], version=1)))


async def test_conversations_of_long_ago_are_forgotten(store: SessionStore) -> None:
    for number in range(3):
        await store.commit(Change(conversation=conversation(f"c{number}", number)))
    old = await store.old_conversations(BEGAN + timedelta(minutes=2), 9)
    assert [each.id for each in old] == ["c0", "c1"]
    await store.commit(Change(forgotten=old[0]))
    assert await store.conversation("ada", "c0") is None
    assert [each.id for each in await store.open_conversations("ada", ODD, 9)] == ["c2", "c1"]
    with pytest.raises(Stale):
        await store.commit(Change(forgotten=replace(old[1], version=7)))


async def test_a_ledger_is_kept_by_version(store: SessionStore) -> None:
    request = judge_request("Write", "/work/a/x", Place("a", "/work/a", "s1"))
    ledger, _, _ = record(Ledger("ada"), request, Recorded(Verdict.ALLOW, Scope.PROJECT, 60), BEGAN, 3)
    await store.commit(Change(ledger=ledger))
    assert await store.ledger("ada") == replace(ledger, version=1)
    with pytest.raises(Stale):
        await store.commit(Change(ledger=ledger))
    await store.commit(Change(ledger=replace(ledger, version=1, rules=())))
    assert (await store.ledger("ada")).rules == ()


async def test_the_log_is_read_newest_first_for_all_or_one_project(store: SessionStore) -> None:
    lines = [
        Audited(BEGAN, "ada", "check", f"o{n}", ODD, Place(f"p{n % 2}"), Verdict.ASK, Level.HIGH, "why")
        for n in range(4)
    ]
    await store.commit(Change(audited=lines))
    assert await store.audit("ada", "", 3) == [lines[3], lines[2], lines[1]]
    assert await store.audit("ada", "p0", 3) == [lines[2], lines[0]]
    assert await store.audit("bob", "", 3) == []


async def test_the_log_is_bounded(store: SessionStore) -> None:
    line = Audited(BEGAN, "ada", "check", "o", "", Place("p"), Verdict.ASK, Level.HIGH, "why")
    for _ in range(11):
        await store.commit(Change(audited=[line] * 1000))
    assert len(await store.audit("ada", "", 20_000)) <= audit_max + 100


async def test_events_come_in_the_order_of_the_changes_until_they_are_settled(store: SessionStore) -> None:
    events = [Event(SESSION_ENDED, "ada", BEGAN, "s1", {"n": n, "odd": ODD, "none": None}) for n in range(5)]
    for event in events:
        await store.commit(Change(events=[event]))
    taken = list(await store.events.take())
    assert taken == events
    await store.events.settle(taken[:2])
    assert list(await store.events.take()) == events[2:]
    await store.events.settle(events[2:])
    await store.commit(Change(events=[replace(events[0], id="new")]))
    assert [each.id for each in await store.events.take()] == ["new"]


async def test_the_event_of_a_change_whose_caller_gave_up_is_found_without_another_change(tmp_path: Path) -> None:
    session, path = new(), tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=1) as sqlite:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            change = Change(session=session, events=[Event(SESSION_ENDED, "ada", BEGAN, "s1", {})])
            waiting = asyncio.create_task(sqlite.take())
            await asyncio.sleep(0.2)  # it finds nothing
            committing = asyncio.create_task(sqlite.commit(change))
            await asyncio.sleep(0.2)  # the thread waits for the other program
            committing.cancel()
            await asyncio.wait([committing])
            other.execute("ROLLBACK")
        async with asyncio.timeout(10):
            (event,) = await _taken(sqlite, waiting)
    assert event.session_id == "s1"


async def _taken(sqlite: SqliteStore, first: asyncio.Task[Sequence[Event]]) -> Sequence[Event]:
    """As the relay does it: once more after each failure."""
    try:
        return await first
    except RateLimited:
        return await _taken(sqlite, asyncio.create_task(sqlite.take()))


async def test_nothing_is_wrong_with_a_store_that_is_set_up_well(store: SessionStore) -> None:
    assert await store.troubles() == {}


# --- SQLite alone -------------------------------------------------------------------------------


async def test_the_database_is_its_owners_alone_and_kept_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    async with open_sqlite(path, queue_max=10) as sqlite:
        await sqlite.commit(Change(session=new(), events=[Event(SESSION_ENDED, "ada", BEGAN, "s1")]))
        modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in os.listdir(tmp_path)}  # noqa: PTH208
        assert set(modes.values()) == {0o600}
    async with open_sqlite(path, queue_max=10) as sqlite:
        assert await sqlite.session("s1")
        assert len(await sqlite.take()) == 1


async def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "session.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NotReady, match="schema 99"):
        async with open_sqlite(path, queue_max=10):
            pass


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "session.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(Unavailable, match="cannot be opened"):
        async with open_sqlite(path, queue_max=10):
            pass


async def test_a_directory_has_an_active_session_of_each_project_that_was_there(store: SessionStore) -> None:
    first = await stored(store, new(project="p"))
    second = await stored(store, new("s2", minutes=1, project="q"))
    assert await store.active_in("ada", "/work/a") == [second, first]
    await store.commit(Change(session=replace(second, state=State.ENDED)))
    assert await store.active_in("ada", "/work/a") == [first]


async def test_of_two_active_sessions_that_come_to_be_of_one_project_one_stays(store: SessionStore) -> None:
    await stored(store, new(project="p"))
    second = await stored(store, new("s2", minutes=1, project="q"))
    assert await store.projects.relabel(Relabelling("ada", "p", "q")) == 1
    assert await store.active_in("ada", "/work/a") == [second]
    left = await store.session("s1")
    assert left
    assert (left.project, left.state) == ("q", State.ABANDONED)
    assert await store.projects.relabel(Relabelling("ada", "q", "r")) == 2
    assert [each.id for each in await store.active_in("ada", "/work/a")] == ["s2"]
    assert (await stored(store, new("s3", project="q"))).version == 1  # the label is free again
