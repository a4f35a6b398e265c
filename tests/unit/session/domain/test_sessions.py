"""The changes a session goes through, as pure functions, and what of a call is taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.kit.errors import InvalidInput, OverQuota, TooLarge
from services.session.domain import sessions
from services.session.domain.sessions import NewCheckpoint, Opening, Quality, Session, State, Which

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def opened(directory: str = "/srv/shop/", project: str = "") -> Session:
    return sessions.open_session("alice", Opening(Which(working_directory=directory), project), NOW)


def test_a_session_is_opened_in_a_directory_that_names_its_project() -> None:
    session = opened()
    assert (session.working_directory, session.root, session.project) == ("/srv/shop", "/srv/shop", "shop")
    assert session.state is State.ACTIVE
    assert opened(project=" boat ").project == "boat"
    assert opened("/").project == "default"
    with pytest.raises(InvalidInput, match="working_directory is missing"):
        opened("")


def test_a_session_expires_after_its_lease_and_not_at_its_end() -> None:
    session = opened()
    assert not sessions.has_expired(session, NOW + timedelta(seconds=60), 60)
    assert sessions.has_expired(session, NOW + timedelta(seconds=61), 60)
    assert not sessions.has_expired(sessions.end_session(session, None, NOW), LATER, 60)


def test_an_abandoned_session_that_is_named_is_alive_and_one_that_ended_stays_so() -> None:
    abandoned = replace(sessions.abandon(opened()), has_handoff=True)
    assert (abandoned.state, abandoned.ended_at) == (State.ABANDONED, NOW)
    alive = sessions.mark_seen(abandoned, LATER)
    assert (alive.state, alive.ended_at, alive.has_handoff, alive.last_seen_at) == (State.ACTIVE, None, False, LATER)
    ended = sessions.end_session(opened(), Quality(80.0), NOW)
    assert sessions.mark_seen(ended, LATER) == ended
    assert ended.last_quality == 80.0


def test_a_clock_set_back_does_not_set_back_when_a_session_was_heard_of() -> None:
    assert sessions.mark_seen(opened(), NOW - timedelta(days=1)).last_seen_at == NOW


def test_checkpoints_are_numbered_and_say_how_the_quality_changed() -> None:
    session, first = sessions.add_checkpoint(opened(), NewCheckpoint(quality=Quality(70.0)), NOW)
    session, without = sessions.add_checkpoint(session, NewCheckpoint(), NOW)
    session, third = sessions.add_checkpoint(session, NewCheckpoint(quality=Quality(65.0)), NOW)
    assert [each.number for each in (first, without, third)] == [1, 2, 3]
    assert [each.quality_delta for each in (first, without, third)] == [None, None, -5.0]
    assert (session.first_quality, session.last_quality) == (70.0, 65.0)


def test_a_session_has_so_many_checkpoints_and_no_more() -> None:
    full = replace(opened(), checkpoints=sessions.checkpoints_max)
    with pytest.raises(OverQuota):
        sessions.add_checkpoint(full, NewCheckpoint(), NOW)


@pytest.mark.parametrize(
    ("before", "after", "crossing"),
    [
        (None, 49, "fell"),
        (50, 49, "fell"),
        (49, 50, "rose"),
        (None, 50, ""),
        (49, 48, ""),
        (50, 60, ""),
        (60, None, ""),
    ],
)
def test_a_threshold_is_crossed_by_going_over_it(before: float | None, after: float | None, crossing: str) -> None:
    assert sessions.threshold_crossing(before, after, 50) == crossing


def test_a_directory_has_one_spelling() -> None:
    assert sessions.normalise_directory("/srv/./shop//a/..") == "/srv/shop"
    assert sessions.normalise_directory(" C:\\shop ") == "C:\\shop"
    with pytest.raises(InvalidInput):
        sessions.normalise_directory("/srv/\0")
    with pytest.raises(TooLarge):
        sessions.normalise_directory("/" + "a" * sessions.path_max_chars)


@pytest.mark.parametrize("score", [-0.1, 100.1, float("nan")])
def test_a_quality_is_within_0_and_100(score: float) -> None:
    for quality in (Quality(score), Quality(50.0, {"lint": score})):
        with pytest.raises(InvalidInput):
            sessions.check_quality(quality)
