"""The session service through its gRPC door, on SQLite and on a real Redis."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import Conflict, InvalidInput, LimitExceeded, NotFound, Unauthenticated, Unavailable
from services.pb import session_pb2 as pb
from services.session.domain import sessions
from services.session.operations.events import (
    CHECKPOINT_CREATED,
    INIT_COMPLETED,
    INIT_STARTED,
    PERMISSION_DECIDED,
    QUALITY_THRESHOLD,
    SESSION_ENDED,
    Emitter,
    Event,
)
from tests.patience import PATIENCE_S
from tests.session_service import SessionClient, open_service

nothing_lasts = 1e-6
"""A lease in seconds that has run out at the next call."""


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.containers)])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {} if request.param == "sqlite" else {"redis_url": request.getfixturevalue("emptied_redis")}


@pytest.fixture
async def client(tmp_path: Path, settings: dict[str, Any]) -> AsyncIterator[SessionClient]:
    async with open_service(tmp_path, **settings) as client:
        yield client


def by_id(session: pb.SessionState) -> pb.Which:
    return pb.Which(session_id=session.id)


# --- init ---------------------------------------------------------------------------------------


async def test_a_session_goes_from_init_over_checkpoints_to_its_end(client: SessionClient) -> None:
    session = await client.start("/work/heron", project="heron", root="/work/heron")
    assert (session.state, session.project, session.working_directory) == ("active", "heron", "/work/heron")
    await client(pb.CompleteInitRequest(which=by_id(session), quality=pb.Quality(overall=60)))
    first = await client(pb.CheckpointRequest(which=by_id(session), note="began", quality=pb.Quality(overall=65)))
    second = await client(
        pb.CheckpointRequest(
            which=by_id(session),
            note="went on",
            quality=pb.Quality(overall=80, parts={"project_health": 75.0}),
            git_commit="a" * 40,
            files_changed=["src/b.py", "src/a.py"],
            decisions=["Keep it simple"],
        )
    )
    assert (first.checkpoint.number, first.checkpoint.quality_delta) == (1, 5)
    assert (second.checkpoint.number, second.checkpoint.quality_delta) == (2, 15)
    assert second.checkpoint.quality.parts == {"project_health": 75.0}
    facts = pb.Facts(summary="Done.", next_steps=["Ship it"], open_questions=["When?"], insights=["It was the cache"])
    ended = await client(pb.EndRequest(which=by_id(session), facts=facts))
    assert ended.session.state == "ended"
    assert ended.session.last_quality == 80
    for text in ("Done.", "began", "went on", "Keep it simple", "Ship it", "When?", "It was the cache", "src/a.py"):
        assert text in ended.handoff.markdown
    assert "Rising: 60 → 65 → 80" in ended.handoff.markdown
    following = await client(pb.InitRequest(which=pb.Which(working_directory="/work/heron"), project="heron"))
    assert not following.resumed
    assert following.session.id != session.id
    assert following.previous_handoff == ended.handoff


async def test_a_handoff_is_cleared_of_all_words_and_known_by_what_it_said(client: SessionClient) -> None:
    session = await client.start("/work/heron", project="heron")
    await client(pb.CheckpointRequest(which=by_id(session), note="Thistlewood", decisions=["Thistlewood"]))
    facts = pb.Facts(summary="Thistlewood", next_steps=["Thistlewood"], insights=["Thistlewood"], made_of=["m1", "m2"])
    ended = await client(pb.EndRequest(which=by_id(session), facts=facts))
    assert ended.handoff.made_of == ["m1", "m2"]
    (listed,) = (await client(pb.ListHandoffsRequest(project="heron"))).handoffs
    assert (listed.session_id, list(listed.made_of), listed.markdown) == (session.id, ["m1", "m2"], "")
    cleared = await client(pb.ClearHandoffRequest(session_id=session.id))
    assert "Thistlewood" not in str(cleared)
    assert cleared.cleared_digest == hashlib.sha256(ended.handoff.markdown.encode()).hexdigest()
    assert (cleared.file_name, cleared.ended_at) == (ended.handoff.file_name, ended.handoff.ended_at)
    assert await client(pb.ClearHandoffRequest(session_id=session.id)) == cleared
    assert await client(pb.GetHandoffRequest(project="heron")) == cleared
    assert (await client(pb.ListHandoffsRequest())).handoffs[0].cleared_digest == cleared.cleared_digest
    assert not (await client(pb.ListHandoffsRequest(), user="bob")).handoffs
    with pytest.raises(NotFound):
        await client(pb.ClearHandoffRequest(session_id=session.id), user="bob")


async def test_a_second_init_in_a_directory_resumes_its_session(client: SessionClient) -> None:
    session = await client.start("/work/a/")
    again = await client(pb.InitRequest(which=pb.Which(working_directory="/work//a")))
    assert again.resumed
    assert again.session.id == session.id
    assert not again.HasField("previous_handoff")


async def test_a_session_is_resumed_by_its_id(client: SessionClient) -> None:
    session = await client.start()
    again = await client(pb.InitRequest(which=by_id(session)))
    assert (again.resumed, again.session.id) == (True, session.id)


async def test_many_inits_at_once_make_one_session(client: SessionClient) -> None:
    sessions = await asyncio.gather(*(client.start() for _ in range(20)))
    assert len({session.id for session in sessions}) == 1


async def test_two_users_in_one_directory_have_a_session_each(client: SessionClient) -> None:
    assert (await client.start(user="ada")).id != (await client.start(user="bob")).id


@pytest.mark.parametrize("method", [pb.InitRequest, pb.CheckpointRequest, pb.EndRequest, pb.GetRequest])
async def test_another_users_session_looks_like_an_unknown_one(client: SessionClient, method: Any) -> None:
    session = await client.start(user="ada")
    with pytest.raises(NotFound) as of_another:
        await client(method(which=by_id(session)), "bob")
    with pytest.raises(NotFound) as unknown:
        await client(method(which=pb.Which(session_id="no such session")), "bob")
    assert (of_another.value.message, of_another.value.suggestions) == (
        unknown.value.message,
        unknown.value.suggestions,
    )


@pytest.mark.parametrize("method", [pb.InitRequest, pb.CheckpointRequest, pb.EndRequest])
async def test_a_session_that_has_ended_says_how_to_go_on(client: SessionClient, method: Any) -> None:
    session = await client.start()
    await client(pb.EndRequest(which=by_id(session)))
    with pytest.raises(Conflict, match="ended") as refused:
        await client(method(which=by_id(session)))
    assert "init" in refused.value.suggestions[0]


async def test_a_session_id_is_left_out_where_there_is_one_active_session(client: SessionClient) -> None:
    session = await client.start()
    await client.start("/work/b", user="bob")
    assert (await client(pb.CheckpointRequest())).session.id == session.id
    assert (await client(pb.GetRequest())).session.id == session.id
    assert (await client(pb.EndRequest())).session.id == session.id
    with pytest.raises(NotFound, match="no active session"):
        await client(pb.CheckpointRequest())


async def test_a_left_out_session_id_that_could_mean_several_lists_them(client: SessionClient) -> None:
    first, second = await client.start("/work/a"), await client.start("/work/b")
    with pytest.raises(InvalidInput) as refused:
        await client(pb.CheckpointRequest())
    for session in (first, second):
        assert session.id in refused.value.message
        assert any(session.working_directory in each for each in refused.value.suggestions)
    answer = await client(pb.CheckpointRequest(which=pb.Which(working_directory="/work/b")))
    assert answer.session.id == second.id


async def test_a_call_needs_a_user(client: SessionClient) -> None:
    with pytest.raises(Unauthenticated):
        await client(pb.ListRequest(limit=1), user="")


# --- once ---------------------------------------------------------------------------------------


async def test_a_repeated_init_gets_the_first_answer(client: SessionClient) -> None:
    request = pb.InitRequest(which=pb.Which(working_directory="/work/a"), operation_id="o1")
    first, again = await client(request), await client(request)
    assert (first.session.id, first.resumed) == (again.session.id, again.resumed)
    await client(pb.EndRequest(which=by_id(first.session)))
    late = await client(request)
    assert (late.session.id, late.resumed) == (first.session.id, False)


async def test_a_repeated_checkpoint_is_recorded_once(client: SessionClient) -> None:
    session = await client.start()
    request = pb.CheckpointRequest(which=by_id(session), note="once", operation_id="o1")
    answers = await asyncio.gather(*(client(request) for _ in range(10)))
    assert len({answer.checkpoint.id for answer in answers}) == 1
    found = await client(pb.GetRequest(which=by_id(session), checkpoints=10))
    assert [each.note for each in found.checkpoints] == ["once"]


async def test_a_repeated_end_gets_the_first_handoff(client: SessionClient) -> None:
    session = await client.start()
    request = pb.EndRequest(which=by_id(session), facts=pb.Facts(summary="first"), operation_id="o1")
    first = await client(request)
    request.facts.summary = "second"
    assert (await client(request)).handoff == first.handoff


async def test_an_operation_id_serves_one_method_of_one_user(client: SessionClient) -> None:
    await client.start(operation_id="o1")
    with pytest.raises(InvalidInput, match="operation_id"):
        await client(pb.CheckpointRequest(operation_id="o1"))
    assert (await client.start(user="bob", operation_id="o1")).id


async def test_fifty_checkpoints_at_once_over_ten_projects_all_succeed(client: SessionClient) -> None:
    every = [await client.start(f"/work/{number}") for number in range(10)]
    requests = [pb.CheckpointRequest(which=by_id(each), note=str(n)) for each in every for n in range(5)]
    await asyncio.gather(*map(client, requests))
    for session in every:
        found = await client(pb.GetRequest(which=by_id(session), checkpoints=50))
        assert [each.number for each in found.checkpoints] == [1, 2, 3, 4, 5]
        assert {each.note for each in found.checkpoints} == {"0", "1", "2", "3", "4"}


# --- abandoned ----------------------------------------------------------------------------------


async def left_behind(tmp_path: Path, settings: dict[str, Any]) -> pb.SessionState:
    async with open_service(tmp_path, **settings) as client:
        session = await client.start(project="a")
        await client(pb.CheckpointRequest(note="The heron has landed", quality=pb.Quality(overall=50)))
    return session


async def test_a_session_that_was_not_heard_of_is_abandoned_and_handed_off_at_the_next_init(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    left = await left_behind(tmp_path, settings)
    told: asyncio.Queue[Event] = asyncio.Queue()
    emitter = Emitter()
    emitter.on(SESSION_ENDED, told.put)
    async with open_service(tmp_path, emitter, lease_s=nothing_lasts, **settings) as client:
        facts = pb.Facts(decisions=["Herons stand"], git=pb.GitFacts(branch="main", uncommitted=["wip.py"]))
        request = pb.InitRequest(which=pb.Which(working_directory="/work/a"), project="a", abandoned=facts)
        answer = await client(request)
        assert answer.session.id != left.id
        assert not answer.resumed
        handoff = answer.previous_handoff
        assert (handoff.session_id, handoff.state) == (left.id, "abandoned")
        for text in ("The heron has landed", "Herons stand", "wip.py", "stopped without an end"):
            assert text in handoff.markdown
        page = await client(pb.ListRequest(state="abandoned", limit=10))
        assert left.id in [each.id for each in page.sessions]
        event = await asyncio.wait_for(told.get(), 30)
        assert (event.session_id, event.data["state"]) == (left.id, "abandoned")


async def test_an_abandoned_session_that_is_named_goes_on(tmp_path: Path, settings: dict[str, Any]) -> None:
    left = await left_behind(tmp_path, settings)
    async with open_service(tmp_path, lease_s=nothing_lasts, **settings) as client:
        page = await client(pb.ListRequest(limit=1))
        assert [each.state for each in page.sessions] == ["abandoned"]
        await client(pb.CheckpointRequest(which=by_id(left), note="Back"))
    async with open_service(tmp_path, **settings) as client:
        found = await client(pb.GetRequest(which=by_id(left)))
        assert (found.session.state, found.session.checkpoints) == ("active", 2)


async def test_an_abandoned_session_does_not_push_out_the_one_that_came_after(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    left = await left_behind(tmp_path, settings)
    async with open_service(tmp_path, lease_s=nothing_lasts, **settings) as client:
        await client(pb.ListRequest(limit=1))
    async with open_service(tmp_path, **settings) as client:
        following = await client.start()
        with pytest.raises(Conflict, match="abandoned") as refused:
            await client(pb.CheckpointRequest(which=by_id(left)))
        assert following.id in refused.value.suggestions[0]
        assert (await client(pb.EndRequest(which=by_id(left)))).session.state == "ended"


async def test_a_read_renews_the_lease(tmp_path: Path, settings: dict[str, Any]) -> None:
    async with open_service(tmp_path, lease_s=nothing_lasts, **settings) as client:
        session = await client.start()
        await client(pb.GetRequest(which=by_id(session)))
        found = await client(pb.GetRequest(which=by_id(session)))
        assert found.session.last_seen_at.ToNanoseconds() > session.last_seen_at.ToNanoseconds()


# --- list, owe, handoff -------------------------------------------------------------------------


async def test_sessions_are_listed_in_pages_and_by_project_and_state(client: SessionClient) -> None:
    made = [await client.start(f"/work/{n}", project=f"p{n % 2}") for n in range(5)]
    await client.start(user="bob")
    await client(pb.EndRequest(which=by_id(made[0])))
    seen, cursor = [], ""
    while True:
        page = await client(pb.ListRequest(limit=2, cursor=cursor))
        seen += [each.id for each in page.sessions]
        cursor = page.next_cursor
        if not cursor:
            break
    assert seen == [each.id for each in reversed(made)]
    of_project = await client(pb.ListRequest(limit=10, project="p0", state="active"))
    assert [each.id for each in of_project.sessions] == [made[4].id, made[2].id]


@pytest.mark.parametrize(
    "request_", [pb.ListRequest(limit=0), pb.ListRequest(limit=101), pb.ListRequest(limit=1, state="asleep")]
)
async def test_a_wrong_list_is_refused(client: SessionClient, request_: pb.ListRequest) -> None:
    with pytest.raises(InvalidInput):
        await client(request_)


@pytest.mark.parametrize("cursor", ["x", "bm90IGEgdGltZQ==", "MjAyNi0wMS0wMSB4", "é"])
async def test_a_cursor_that_was_not_made_here_is_refused(client: SessionClient, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        await client(pb.ListRequest(limit=1, cursor=cursor))


async def test_what_is_owed_is_kept_once_listed_and_paid(client: SessionClient) -> None:
    session = await client.start()
    await client(pb.EndRequest(which=by_id(session)))
    request = pb.OweRequest(which=by_id(session), id="o1", kind="memory", payload='{"content": "x"}')
    for _ in range(2):
        await client(request)
    await client(pb.OweRequest(which=by_id(session), id="o2", kind="git", payload="{}"))
    pending = (await client(pb.ListPendingRequest(limit=10))).pending
    assert [(each.id, each.kind, each.payload) for each in pending] == [
        ("o1", "memory", '{"content": "x"}'),
        ("o2", "git", "{}"),
    ]
    assert not (await client(pb.ListPendingRequest(limit=10), "bob")).pending
    with pytest.raises(NotFound):
        await client(pb.PaidRequest(session_id=session.id, id="o1"), "bob")
    assert (await client(pb.PaidRequest(session_id=session.id, id="o1"))).paid
    assert not (await client(pb.PaidRequest(session_id=session.id, id="o1"))).paid
    assert [each.id for each in (await client(pb.ListPendingRequest(limit=10))).pending] == ["o2"]
    assert list((await client(pb.GetRequest(which=by_id(session)))).session.owed) == ["o2"]


async def test_a_handoff_is_had_by_session_and_by_project(client: SessionClient) -> None:
    for summary in ("first", "second"):
        session = await client.start(project="a")
        await client(pb.EndRequest(which=by_id(session), facts=pb.Facts(summary=summary)))
    assert (await client(pb.GetHandoffRequest(project="a"))).summary == "second"
    assert (await client(pb.GetHandoffRequest(session_id=session.id))).summary == "second"
    for request in (pb.GetHandoffRequest(project="b"), pb.GetHandoffRequest(session_id="unknown")):
        with pytest.raises(NotFound):
            await client(request)
    with pytest.raises(NotFound):
        await client(pb.GetHandoffRequest(project="a"), "bob")


async def test_the_service_says_how_it_is(client: SessionClient, settings: dict[str, Any]) -> None:
    await client.start()
    found = await client(pb.CheckRequest())
    assert found.active_sessions == 1
    assert {part.status for part in found.parts.values()} == {"healthy"}
    assert set(found.parts) == ({"store"} if settings else {"store", "file_system"})


# --- events -------------------------------------------------------------------------------------


async def test_every_step_is_told_in_order_and_a_failing_handler_hurts_nobody(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    ended = asyncio.Event()
    emitter = Emitter()

    async def failing(_: Event) -> None:
        raise ValueError("a handler's own trouble")

    async def at_the_end(_: Event) -> None:
        ended.set()

    emitter.on(INIT_STARTED, failing)
    emitter.on(SESSION_ENDED, at_the_end)
    async with open_service(tmp_path, emitter, **settings) as client:
        session = await client.start()
        await client(pb.CompleteInitRequest(quality=pb.Quality(overall=75)))
        await client(pb.CheckpointRequest(quality=pb.Quality(overall=60)))
        await client(pb.CheckPermissionRequest(operation="Bash", target="make", which=by_id(session)))
        await client(pb.EndRequest(facts=pb.Facts(quality=pb.Quality(overall=90))))
        await asyncio.wait_for(ended.wait(), 30)
        told = [event.name for event in client.events]
        assert told == [
            INIT_STARTED,
            INIT_COMPLETED,
            CHECKPOINT_CREATED,
            QUALITY_THRESHOLD,
            PERMISSION_DECIDED,
            QUALITY_THRESHOLD,
            SESSION_ENDED,
        ]
        directions = [event.data["direction"] for event in client.events if event.name == QUALITY_THRESHOLD]
        assert directions == ["fell", "rose"]
        assert {event.session_id for event in client.events} == {session.id}


# --- limits -------------------------------------------------------------------------------------

too_long = "x" * (sessions.note_max_chars + 1)
too_many = ["x"] * (sessions.items_max + 1)


@pytest.mark.parametrize(
    "request_",
    [
        pb.InitRequest(which=pb.Which(working_directory="/" + "x" * sessions.path_max_chars)),
        pb.InitRequest(which=pb.Which(working_directory="/a"), project="x" * (sessions.name_max_chars + 1)),
        pb.InitRequest(which=pb.Which(working_directory="/a"), abandoned=pb.Facts(summary=too_long)),
        pb.InitRequest(which=pb.Which(working_directory="/a"), operation_id=too_long),
        pb.CheckpointRequest(note=too_long),
        pb.CheckpointRequest(decisions=too_many),
        pb.CheckpointRequest(files_changed=["x"] * (sessions.files_sent_max + 1)),
        pb.CheckpointRequest(git_commit="x" * (sessions.name_max_chars + 1)),
        pb.EndRequest(facts=pb.Facts(next_steps=too_many)),
        pb.EndRequest(facts=pb.Facts(patterns=[too_long])),
        pb.EndRequest(facts=pb.Facts(git=pb.GitFacts(commits=too_many))),
        pb.OweRequest(id="o", kind="memory", payload="x" * (sessions.payload_max_bytes + 1)),
        pb.OweRequest(id="x" * (sessions.name_max_chars + 1), kind="memory"),
        pb.RecordPermissionRequest(operation="Bash", target=too_long, decision="allow", scope="always"),
        pb.CheckPermissionRequest(operation=too_long),
    ],
)
async def test_what_is_too_much_is_refused(client: SessionClient, request_: Any) -> None:
    await client.start()
    with pytest.raises(LimitExceeded):
        await client(request_)


@pytest.mark.parametrize(
    "request_",
    [
        pb.InitRequest(),
        pb.InitRequest(which=pb.Which(working_directory="/a\0b")),
        pb.CheckpointRequest(quality=pb.Quality(overall=101)),
        pb.CheckpointRequest(quality=pb.Quality(overall=float("nan"))),
        pb.CompleteInitRequest(quality=pb.Quality(overall=50, parts={"x": -1})),
        pb.GetRequest(checkpoints=-1),
        pb.OweRequest(id="", kind="memory"),
        pb.OweRequest(id="o\n1", kind="memory"),
        pb.ListPendingRequest(limit=0),
        pb.CheckPermissionRequest(operation=" "),
        pb.RecordPermissionRequest(operation="Bash", target="make", decision="ask"),
        pb.RecordPermissionRequest(operation="Bash", target="make", decision="allow", scope="world"),
        pb.RecordPermissionRequest(operation="Bash", target="make", decision="allow", expires_in_s=-1),
        pb.RecordPermissionRequest(operation="Bash", target="make", decision="allow", expires_in_s=float("nan")),
        pb.PermissionStatusRequest(history=201),
        pb.RevokePermissionRequest(),
        pb.RevokePermissionRequest(rule_id="x", all=True),
    ],
)
async def test_what_is_wrong_is_refused(client: SessionClient, request_: Any) -> None:
    await client.start()
    with pytest.raises(InvalidInput):
        await client(request_)


async def test_a_session_owes_so_much_and_no_more(client: SessionClient) -> None:
    await client.start()
    for number in range(sessions.deferred_max):
        await client(pb.OweRequest(id=str(number), kind="memory"))
    with pytest.raises(LimitExceeded):
        await client(pb.OweRequest(id="more", kind="memory"))


async def test_of_many_files_the_first_are_kept_and_all_are_counted(client: SessionClient) -> None:
    await client.start()
    answer = await client(pb.CheckpointRequest(files_changed=[str(n) for n in range(1000)]))
    assert len(answer.checkpoint.files_changed) == sessions.files_kept_max
    assert answer.checkpoint.files_changed_total == 1000


# --- permissions --------------------------------------------------------------------------------


async def test_a_permission_is_asked_for_recorded_shown_and_revoked(client: SessionClient) -> None:
    session = await client.start(project="a")
    check = pb.CheckPermissionRequest(operation="Bash", target="make test", which=by_id(session))
    asked = await client(check)
    assert (asked.decision, asked.security_level) == ("ask", "high")
    record = pb.RecordPermissionRequest(
        operation="Bash",
        target="make *",
        decision="allow",
        scope="project",
        which=by_id(session),
        operation_id="o1",
        by_person=True,
    )
    rule = (await client(record)).rule
    assert (await client(record)).rule == rule
    allowed = await client(check)
    assert (allowed.decision, allowed.rule) == ("allow", rule)
    assert (await client(check, user="ada")).decision == "allow"
    status = await client(pb.PermissionStatusRequest(project="a", history=10))
    assert list(status.auto_approve_patterns) == ["bash(make *)"]
    assert status.security_level == "high"
    assert [line.action for line in status.history] == ["check", "check", "record", "check"]
    revoke = pb.RevokePermissionRequest(rule_id=rule.id, operation_id="o2", by_person=True)
    assert (await client(revoke)).revoked == 1
    assert (await client(revoke)).revoked == 1
    assert (await client(check)).decision == "ask"
    with pytest.raises(NotFound):
        await client(pb.RevokePermissionRequest(rule_id=rule.id))


async def test_a_decision_is_learned_and_the_log_says_why(client: SessionClient) -> None:
    session = await client.start(project="a")
    for number in range(3):
        await client(
            pb.RecordPermissionRequest(
                operation="Edit",
                target=f"/work/a/{number}.py",
                decision="allow",
                which=by_id(session),
                operation_id=f"o{number}",
                by_person=True,
            )
        )
    answer = await client(pb.CheckPermissionRequest(operation="Edit", target="/work/a/new.py", which=by_id(session)))
    assert (answer.decision, answer.rule.source) == ("allow", "learned")
    status = await client(pb.PermissionStatusRequest(history=10))
    assert list(status.trusted_operations) == ["edit"]
    learned = next(line for line in status.history if line.action == "learn")
    assert "3 times" in learned.reason


async def test_a_rule_of_a_session_ends_with_it(client: SessionClient) -> None:
    session = await client.start(project="a")
    await client(
        pb.RecordPermissionRequest(
            operation="Bash", target="make", decision="allow", which=by_id(session), by_person=True
        )
    )
    check = pb.CheckPermissionRequest(operation="Bash", target="make", which=pb.Which(working_directory="/work/a"))
    assert (await client(check)).decision == "allow"
    await client(pb.EndRequest(which=by_id(session)))
    assert (await client(check)).decision == "ask"
    await client.start(project="a")
    assert (await client(check)).decision == "ask"


async def test_one_users_rules_are_not_anothers(client: SessionClient) -> None:
    record = pb.RecordPermissionRequest(
        operation="Bash", target="make", decision="allow", scope="always", by_person=True
    )
    await client(record)
    check = pb.CheckPermissionRequest(operation="Bash", target="make")
    assert (await client(check)).decision == "allow"
    assert (await client(check, "bob")).decision == "ask"
    assert not (await client(pb.PermissionStatusRequest(history=10), "bob")).rules


async def test_what_nobody_says_a_person_decided_is_proposed(client: SessionClient) -> None:
    record = pb.RecordPermissionRequest(operation="Bash", target="make", decision="allow", scope="always")
    answer = await client(record)
    assert answer.status == "proposed"
    check = pb.CheckPermissionRequest(operation="Bash", target="make")
    assert (await client(check)).decision == "ask"
    assert [each.id for each in (await client(pb.PermissionStatusRequest())).proposals] == [answer.rule.id]
    assert not (await client(pb.PermissionStatusRequest(), "bob")).proposals
    with pytest.raises(NotFound):
        await client(pb.DecideProposalRequest(id=answer.rule.id, accept=True), "bob")
    decide = pb.DecideProposalRequest(id=answer.rule.id, accept=True, operation_id="d1")
    assert await client(decide) == await client(decide)  # sent again, it is answered as before
    assert (await client(check)).rule.id == answer.rule.id


async def test_no_secret_of_a_target_is_in_the_log(client: SessionClient) -> None:
    target = "curl -H 'Authorization: Bearer abcdef1234567890abcdef' https://ada:hunter2@example.org --token s3cr3t"
    await client(pb.CheckPermissionRequest(operation="Bash", target=target))
    line = (await client(pb.PermissionStatusRequest(history=1))).history[0]
    for secret in ("abcdef1234567890abcdef", "hunter2", "s3cr3t"):
        assert secret not in line.target
    assert "curl" in line.target


# --- the file -----------------------------------------------------------------------------------


async def test_the_directory_and_the_database_are_their_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "new"
    async with open_service(home) as client:
        await client.start()
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "session.sqlite").stat().st_mode) == 0o600


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be created"):
        async with open_service(tmp_path / "file" / "session"):
            pass


@pytest.mark.slow
async def test_work_in_the_background_goes_on_after_the_store_had_too_much_to_do(tmp_path: Path) -> None:
    """A short queue, and a database that somebody else holds: the sweep is refused, and says so."""
    ended = asyncio.Event()

    async def hear(event: Event) -> None:
        if event.data["state"] == "abandoned":
            ended.set()

    emitter = Emitter()
    emitter.on(SESSION_ENDED, hear)
    async with open_service(tmp_path, emitter, queue_max=4, lease_s=1.0, sweep_s=0.1) as client:
        await client.start()
        with closing(sqlite3.connect(tmp_path / "session.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            notes = [
                pb.CheckpointRequest(which=pb.Which(working_directory="/work/a"), note=name) for name in "abcdefgh"
            ]

            async def crowd() -> None:
                while True:  # a call is given up in seconds, and a sweep may have come before all of them
                    await asyncio.gather(*map(client, notes), return_exceptions=True)

            crowding = asyncio.create_task(crowd())
            while "sweep" not in (found := (await client(pb.CheckRequest())).parts):
                await asyncio.sleep(0)
            assert found["sweep"].status == "degraded"
            assert "Too many calls" in found["sweep"].reason
            crowding.cancel()
            other.execute("ROLLBACK")
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
        while "sweep" in (await client(pb.CheckRequest())).parts:
            await asyncio.sleep(0)


async def test_a_directory_that_holds_another_project_begins_a_session_of_its_own(client: SessionClient) -> None:
    first = await client.start(project="heron")
    second = await client.start(project="swan")
    assert (first.id != second.id, second.project) == (True, "swan")
    assert (await client.start(project="heron")).id == first.id  # as on another machine, at the same path
    found = [
        (await client(pb.GetRequest(which=pb.Which(working_directory="/work/a", project=each)))).session.id
        for each in ("heron", "swan")
    ]
    assert found == [first.id, second.id]
    with pytest.raises(InvalidInput, match="2 are active"):
        await client(pb.GetRequest(which=pb.Which(working_directory="/work/a")))
    with pytest.raises(NotFound, match="no active session of crane"):
        await client(pb.CheckpointRequest(which=pb.Which(working_directory="/work/a", project="crane")))


async def test_a_conversation_is_heard_in_the_session_of_its_project(client: SessionClient) -> None:
    first = await client.start(project="heron", conversation="c1")
    await client(pb.HearRequest(conversation="c1", working_directory="/work/a", project="heron", begins=True))
    second = await client.start(project="swan", conversation="c2")
    heard = await client(pb.HearRequest(conversation="c2", working_directory="/work/a", project="swan", begins=True))
    assert heard.conversation.session_id == second.id
    went_on = await client(pb.HearRequest(conversation="c1", working_directory="/work/a", project="swan"))
    assert went_on.conversation.project == "heron"  # it leaves its handoff where it began
    facts = pb.Facts(asked="Paint it", answered="Painted green.")
    closing: dict[str, Any] = {"working_directory": "/work/a", "facts": facts, "reason": "ended"}
    closed = await client(pb.CloseConversationRequest(conversation="c2", project="swan", **closing))
    assert (closed.session_ended, closed.handoff.session_id) == (True, second.id)
    closed = await client(pb.CloseConversationRequest(conversation="c1", project="swan", **closing))
    assert (closed.session_ended, closed.handoff.session_id, closed.handoff.project) == (True, first.id, "heron")


async def test_leave_that_was_given_in_a_session_is_not_that_of_the_project_that_came_after(
    client: SessionClient,
) -> None:
    await client.start(project="heron")
    here = pb.Which(working_directory="/work/a", project="heron")
    allowed: dict[str, Any] = {
        "operation": "Bash",
        "target": "make",
        "decision": "allow",
        "scope": "project",
        "by_person": True,
    }
    await client(pb.RecordPermissionRequest(which=here, **allowed))
    asked: dict[str, Any] = {"operation": "Bash", "target": "make"}
    assert (await client(pb.CheckPermissionRequest(which=here, **asked))).decision == "allow"
    there: dict[str, Any] = {
        "which": pb.Which(working_directory="/work/a", project="swan"),
        "project": "swan",
        "root": "/work/a",
    }
    assert (await client(pb.CheckPermissionRequest(**there, **asked))).decision == "ask"
