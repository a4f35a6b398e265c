"""A handoff's facts, from what is stored of a conversation: its end by time, and what it left undone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.gateway.workflows.handoffs.conversation_facts import Stored, Talk, cut, read_talk
from services.pb import session_pb2


def talk(*turns: tuple[str, str, dict[str, Any]]) -> Talk:
    """Turns in the order in which they were said; `tags` of each are in its metadata here."""
    stored = []
    for number, (role, content, metadata) in enumerate(turns):
        tags = [*metadata.pop("tags", [])]
        tags += [tag for tag, key in (("error", "failures"), ("fix", "fixes")) if key in metadata]
        memory = Stored(id=f"m{number}", role=role, content=content, tags=tags, metadata=json.dumps(metadata))
        memory.timestamp.FromSeconds(1_700_000_000 + number)
        stored.append(memory)
    latest = stored[::-1]

    def tagged(tag: str) -> list[Stored]:
        return [each for each in latest if tag in each.tags]

    def by(role: str) -> list[Stored]:
        return [each for each in latest if each.role == role]

    return Talk(by("user"), by("assistant"), tagged("decision"), tagged("error"), tagged("fix"))


def user(text: str, *tags: str, **metadata: Any) -> tuple[str, str, dict[str, Any]]:
    return "user", text, {**metadata, "tags": tags}


def agent(text: str, **metadata: Any) -> tuple[str, str, dict[str, Any]]:
    return "assistant", text, metadata


def facts(*turns: tuple[str, str, dict[str, Any]]) -> session_pb2.Facts:
    return read_talk(talk(*turns))


ASK, ANSWER = user("Fix the flake in tests/test_sync.py"), agent("The flake came from a shared tmp directory.")


@pytest.mark.parametrize(
    "end",
    [
        (),
        (user("thanks, commit it"), agent("Committed as 1a2b3c4.")),
        (user("From now on, ship on Tuesdays.", "decision"), agent("Noted.")),
        (user("A note for the team", speaker="peer"), agent("A teammate's words.", speaker="subagent")),
        (user("You are a commit message generator.", speaker="script"),),
        (user("Let's use MongoDB instead.", rewound=True), agent("MongoDB it is, then, everywhere.", rewound=True)),
        (agent("I searched the docs and found nothing at all.", sidechain=True, agent="a1"),),
        (agent("Now let me look at the other tests."), agent("Then there is this file.", narration=True)),
        (agent("Over to the second of the files.", turn_kind="narration"), agent("Splendid!", turn_kind="small talk")),
    ],
)
def test_goodbyes_others_and_what_was_taken_back_are_not_the_end(end: tuple[Any, ...]) -> None:
    found = facts(ASK, ANSWER, *end)
    assert (found.asked, found.answered) == (ASK[1], ANSWER[1])
    assert not found.is_scripted


def test_the_last_request_counts_though_nobody_answered_it() -> None:
    found = facts(ASK, ANSWER, user("Stop: production is down"))
    assert (found.asked, found.answered) == ("Stop: production is down (not answered)", ANSWER[1])
    decided = facts(ASK, ANSWER, user("Let's move the server to starlette.", "decision"))
    assert decided.asked == "Let's move the server to starlette. (not answered)"
    assert facts(ASK, ANSWER).asked == facts(ASK).asked == ASK[1]


def test_a_request_that_points_back_is_told_with_the_one_before() -> None:
    found = facts(user("/review the export branch"), agent("Two findings: a and b, in the cursor."), user("Fix both."))
    assert found.asked == "/review the export branch. Fix both. (not answered)"
    assert found.answered == "Two findings: a and b, in the cursor."
    assert facts(user("Fix both.")).asked == "Fix both."


def test_what_was_found_is_told_with_what_was_done_about_it() -> None:
    leak = "The leak is the cache of PDFs: its key has the time in it. It can be fixed. Shall I fix it?"
    found = facts(
        user("Why does the worker grow by 50 MB an hour?"),
        agent("Let me take two heap snapshots."),
        agent(leak),
        user("Fix it"),
        agent("The key is the invoice's id now. Next: cap the cache at 200 entries."),
    )
    expected = "The leak is the cache of PDFs: its key has the time in it. The key is the invoice's id now."
    assert found.answered == expected
    assert list(found.next_said) == ["cap the cache at 200 entries."]
    assert "m2" in found.made_of


def test_what_is_open_is_told_once_and_not_in_the_answer() -> None:
    text = "The demo has three shops.\n\nOpen questions:\n- Which currency?\n- Shall refunds be shown?"
    found = facts(ASK, agent(text))
    assert found.answered == "The demo has three shops."
    assert list(found.open_said) == ["Which currency?", "Shall refunds be shown?"]
    assert facts(ASK, agent("Which currency do you want?")).answered == "Which currency do you want?"


def test_a_decision_that_is_all_that_was_said_was_asked() -> None:
    found = facts(user("Let's use Postgres.", "decision"), agent("Noted."))
    assert found.asked == "Let's use Postgres."
    assert list(found.decisions) == ["Let's use Postgres."]


def test_of_words_that_ask_for_nothing_the_first_is_kept_and_of_courtesies_none() -> None:
    assert facts(user("continue"), agent("Counted the pears: there are seven.")).asked == ""
    assert facts(user("hello"), agent("Hello! Glad to help.")) == session_pb2.Facts()
    assert facts() == session_pb2.Facts()


def test_what_a_script_said_is_its_own() -> None:
    found = facts(user("You are a commit message generator.", speaker="script"), agent("Rename the walrus variable."))
    assert found.is_scripted
    assert found.asked.startswith("You are a commit")


def test_only_persons_decide() -> None:
    found = facts(ASK, user("Always use MySQL.", "decision", speaker="peer"), user("Use SQLite.", "decision"), ANSWER)
    assert list(found.decisions) == ["Use SQLite."]


RED = {"actions": ["Bash: npm test (failed)"], "failures": ["npm test: Error: 3 failed"]}


@pytest.mark.parametrize(
    ("later", "left"),
    [
        ((), ["npm test: Error: 3 failed"]),
        ((agent("Again.", actions=["Bash: npm test"]),), []),
        ((agent("Again.", actions=["Bash: npm test --silent"], fixes=["m1"]),), []),
        ((agent("No.", actions=["Bash: npm test (refused)"]),), ["npm test: Error: 3 failed"]),
        ((agent("Once more.", **RED),), ["npm test: Error: 3 failed"]),
        ((agent("Yes.", actions=["Bash: npm test"]), agent("No.", **RED)), ["npm test: Error: 3 failed"]),
        ((agent("Other.", actions=["Bash: make"]),), ["npm test: Error: 3 failed"]),
    ],
)
def test_a_command_is_told_until_it_succeeds(later: tuple[Any, ...], left: list[str]) -> None:
    assert list(facts(ASK, agent("Trying.", **RED), *later).failed) == left


def test_of_two_failures_a_fix_is_of_the_one_whose_program_it_ran() -> None:
    both = {
        "actions": ["Bash: npm test (failed after 12 s)", "Bash: make lint (failed)"],
        "failures": ["npm test after 12 s: Error: x", "make lint: error: y"],
    }
    fixed = agent("Fixed.", actions=["Bash: npm test -- --ci"], fixes=["m1"])
    assert list(facts(ASK, agent("Trying.", **both), fixed).failed) == ["make lint: error: y"]


def test_branch_files_and_sources_are_those_of_the_end() -> None:
    found = facts(ASK, agent("Fixed the flake in the sync test.", branch="feat", files=["/w/b.py", "/w/a.py"]))
    assert found.git.branch == "feat"
    assert set(found.files_changed) == {"/w/a.py", "/w/b.py"}
    assert list(found.made_of) == ["m0", "m1"]


@pytest.mark.parametrize(
    "metadata", ["", "null", "[]", "{", '{"failures": 3, "actions": {}, "files": [1], "branch": []}']
)
def test_metadata_of_any_form_is_read(metadata: str) -> None:
    memory = Stored(id="m", role="assistant", content="Something was done here.", metadata=metadata, tags=["error"])
    found = read_talk(Talk([], [memory], [], [memory], [memory]))
    assert found.answered == "Something was done here."


def test_a_long_answer_keeps_its_end() -> None:
    text = cut(f"Begun. {'x ' * 2000} Still open: the backfill.", 100)
    assert text.startswith("Begun.")
    assert text.endswith("Still open: the backfill.")
    assert len(text) <= 100


@pytest.mark.parametrize("kind", [{}, {"turn_kind": "narration"}, {"turn_kind": "small talk"}])
@pytest.mark.parametrize("short", ["Painted green.", "Green.", "42", "Yes, twice.", "Rot.", "绿色", "Done.", "`v2.1`"])
def test_the_last_exchange_is_told_however_short_its_answer_is(short: str, kind: dict[str, Any]) -> None:
    found = facts(ASK, ANSWER, user("Paint the shed on the hill, please"), agent(short, **kind))
    assert (found.asked, found.answered) == ("Paint the shed on the hill, please", short)
    assert set(found.made_of) == {"m2", "m3"}
    thanked = facts(ASK, agent(short, **kind), user("thanks, bye"), agent("You're welcome!"))
    assert (thanked.asked, thanked.answered) == (ASK[1], short)


@pytest.mark.parametrize("kind", [{}, {"turn_kind": "narration"}])
def test_short_words_at_the_very_end_are_told_after_the_answer(kind: dict[str, Any]) -> None:
    found = facts(
        ASK, ANSWER, agent("Now let me paint."), agent("Painted it red.", **kind), agent("Green now.", **kind)
    )
    assert found.answered.endswith("Green now.")
    assert ("shared tmp directory" in found.answered) or not kind
    assert facts(ASK, ANSWER, agent("Let me look again."), agent("Done.")).answered == ANSWER[1]


def test_where_an_answer_was_only_begun_the_one_before_stands_beside_the_request() -> None:
    begun = agent("Let me look at the shed.", narration=True)
    found = facts(ASK, ANSWER, user("Paint the shed on the hill, please"), begun)
    assert (found.asked, found.answered) == ("Paint the shed on the hill, please", ANSWER[1])
