"""Which conversations are at work, which handoffs a directory is told of, and when a handoff stays as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit.errors import InvalidInput, TooLarge
from services.session.domain.conversations import (
    Conversation,
    Heard,
    Reason,
    at_work,
    briefed_handoffs_max,
    check_heard,
    digests_max,
    handoff_id,
    hear,
    is_quiet,
    is_said_already,
    own_words,
    since_last_open,
)
from services.session.domain.handoff import Handoff, OwnWords
from services.session.domain.sessions import Facts, State

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
TALK = Conversation("c1", "ada", "/work/a", "a", NOW, NOW)
HEARD = Heard("c1", "/work/a", "a")


def left(place: int, directory: str = "/work/a", after: int = 0, **more: Any) -> Handoff:
    made = Handoff(f"s{place}", "ada", "a", NOW, State.ENDED, "", (), (), "", "")
    return replace(made, place=place, after=after, working_directory=directory, **more)


def test_what_goes_on_is_written_down_now_and_then_and_at_once_where_it_matters() -> None:
    later = NOW + timedelta(seconds=59)
    assert hear(TALK, HEARD, later) == TALK
    assert hear(TALK, HEARD, NOW + timedelta(seconds=60)).heard_at > NOW
    assert hear(TALK, HEARD, NOW - timedelta(hours=3)).heard_at < NOW  # the clock was set back
    assert hear(TALK, replace(HEARD, begins=True), later).heard_at == later
    assert hear(replace(TALK, is_open=False), HEARD, later).is_open
    assert hear(TALK, replace(HEARD, digests=("a",)), later).digests == ("a",)
    assert hear(replace(TALK, recap="x"), replace(HEARD, recap="y"), later).recap == "y"


def test_what_the_model_was_told_is_kept_once_and_not_without_end() -> None:
    many = tuple(map(str, range(digests_max)))
    following = hear(replace(TALK, digests=many), replace(HEARD, digests=("5", "new")), NOW)
    assert len(following.digests) == digests_max
    assert following.digests[-1] == "new"


@pytest.mark.parametrize("heard", [Heard("", "/a"), Heard("c\n1", "/a"), Heard("c1", "")])
def test_a_conversation_has_a_name_and_a_place(heard: Heard) -> None:
    with pytest.raises(InvalidInput):
        check_heard(heard)


@pytest.mark.parametrize("heard", [Heard("x" * 201, "/a"), Heard("c", "/a", recap="x" * 4001)])
def test_what_is_heard_is_bounded(heard: Heard) -> None:
    with pytest.raises(TooLarge):
        check_heard(heard)


def test_a_session_is_kept_open_by_who_was_heard_of_lately() -> None:
    others = [
        replace(TALK, id="here"),
        replace(TALK, id="ended", is_open=False),
        replace(TALK, id="elsewhere", working_directory="/work/b"),
        replace(TALK, id="killed", heard_at=NOW - timedelta(minutes=11)),
        replace(TALK, id="ahead", heard_at=NOW + timedelta(hours=3)),
        TALK,
    ]
    assert [each.id for each in at_work(others, "c1", "/work/a", NOW)] == ["here"]
    assert is_quiet(others[4], NOW)


def test_a_directory_is_told_of_its_own_last_handoff_and_all_since_it_was_open() -> None:
    own = left(4, after=2)
    others = [left(6, "/work/b"), left(5, "/work/b", unfinished=True), own, left(3, "/work/b"), left(2), left(1)]
    assert [each.place for each in since_last_open(others, "/work/a")] == [6, 5, 4, 3]
    assert [each.place for each in since_last_open(others, "/work/new")] == [6, 5]
    assert since_last_open([], "/work/a") == []
    many = [left(place, after=0) for place in range(50, 0, -1)]
    assert len(since_last_open(many, "/work/a")) == briefed_handoffs_max


def test_unfinished_work_is_told_until_the_next_conversation_of_its_directory_has_ended() -> None:
    cut_off = left(5, after=4, unfinished=True)
    assert cut_off in since_last_open([cut_off, left(4, after=3)], "/work/a")
    followed = [left(6, after=5), cut_off, left(4, after=3)]
    assert cut_off not in since_last_open(followed, "/work/a")
    assert cut_off not in since_last_open(followed, "/work/new")
    scripted = [left(6, after=5, is_scripted=True), cut_off, left(4, after=3)]
    assert cut_off in since_last_open(scripted, "/work/a")
    beside = [left(6, after=4), cut_off]  # begun before it was cut off
    assert cut_off in since_last_open(beside, "/work/a")


def test_what_a_script_left_counts_only_where_no_person_did() -> None:
    scripted, personal = left(3, is_scripted=True), left(2)
    assert since_last_open([scripted, personal], "/work/a") == [personal]
    assert since_last_open([scripted], "/work/a") == [scripted]


def test_a_handoff_stays_as_it_is_where_nothing_was_said_since() -> None:
    facts = Facts(asked="x", made_of=("m1",))
    made = replace(left(1), made_of=("m1",))
    assert is_said_already(facts, made, Reason.ENDED)
    assert is_said_already(facts, made, Reason.SILENT)
    assert is_said_already(facts, replace(made, unfinished=True), Reason.SILENT)
    assert not is_said_already(facts, replace(made, unfinished=True), Reason.ENDED)
    assert not is_said_already(replace(facts, summary="mine"), made, Reason.ENDED)
    assert not is_said_already(replace(facts, made_of=("m2",)), made, Reason.SILENT)
    assert not is_said_already(facts, made, Reason.DELETED)
    assert not is_said_already(facts, None, Reason.SILENT)


def test_words_of_its_own_stay_until_there_are_others_or_what_they_sum_up_is_deleted() -> None:
    made = replace(left(1), own=OwnWords("Counted.", ("weigh",)))
    assert own_words(Facts(), made) == made.own
    assert own_words(Facts(next_steps=("sell",)), made) == OwnWords("", ("sell",))
    assert not own_words(Facts(), made, Reason.DELETED)
    assert not own_words(Facts(), None)


def test_each_users_conversation_has_a_handoff_of_its_own() -> None:
    assert handoff_id("ada", "c1") == handoff_id("ada", "c1")
    assert len({handoff_id("ada", "c1"), handoff_id("bob", "c1"), handoff_id("ada", "c2")}) == 3
