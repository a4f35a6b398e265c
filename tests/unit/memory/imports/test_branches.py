"""Turns that were taken back are marked, at once or when it shows later, and decide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.memory.imports.json_lines import START, ImportedMemory, Position
from services.memory.imports.sources import read_memories
from tests.claude_transcripts import Line, Transcript, called, said

MONGO, SQLITE = "Let's use MongoDB for the ledger from now on.", "Let's use SQLite for the ledger, one file per tenant."


def read(path: Path, start: Position = START) -> tuple[list[ImportedMemory], Position]:
    *entries, end = read_memories(path, start)
    return [entry.memory for entry in entries if entry.memory], end.resume


def uuid(number: int) -> str:
    return f"22222222-0000-4000-8000-{number:012}"


def prompt(number: int, parent: int | None, text: str, **more: Any) -> Line:
    fields = {"uuid": uuid(number), "parentUuid": parent and uuid(parent), "type": "user"}
    return {**fields, "message": {"role": "user", "content": text}, **more}


def answer(number: int, parent: int, text: str) -> Line:
    fields = {"uuid": uuid(number), "parentUuid": uuid(parent), "type": "assistant"}
    return {**fields, "message": {"role": "assistant", "content": [said(text)]}}


def transcript(*lines: Line) -> Transcript:
    made = Transcript()
    for line in lines:
        made.line(**line)
    return made


MORNING = prompt(1, None, "Good morning.")
REWOUND = (MORNING, answer(2, 1, "Morning."), prompt(3, 2, MONGO), answer(4, 3, "Mongo noted."), prompt(5, 2, SQLITE))


def test_a_turn_that_was_taken_back_is_marked_and_decides_nothing(tmp_path: Path) -> None:
    memories, _ = read(transcript(*REWOUND, answer(6, 5, "SQLite noted.")).save(tmp_path / "s.jsonl"))

    assert [(memory.content, memory.metadata.get("rewound", False), memory.tags) for memory in memories] == [
        ("Good morning.", False, ()),
        ("Morning.", False, ()),
        (MONGO, True, ()),
        ("Mongo noted.", True, ()),
        (SQLITE, False, ("decision",)),
        ("SQLite noted.", False, ()),
    ]


def test_a_turn_stored_earlier_comes_again_when_it_is_taken_back(tmp_path: Path) -> None:
    path, end, seen = tmp_path / "s.jsonl", START, []
    for count in range(1, len(REWOUND) + 1):
        transcript(*REWOUND[:count]).save(path)
        memories, end = read(path, end)
        seen.append([(memory.content, memory.metadata.get("rewound", False)) for memory in memories])

    assert seen == [
        [("Good morning.", False)],
        [("Morning.", False)],
        [(MONGO, False)],
        [("Mongo noted.", False)],
        [(MONGO, True), ("Mongo noted.", True), (SQLITE, False)],
    ]
    transcript(*REWOUND, answer(6, 5, "SQLite noted.")).save(path)
    assert [memory.content for memory in read(path, end)[0]] == ["SQLite noted."]


def test_the_first_prompt_can_be_taken_back(tmp_path: Path) -> None:
    lines = (prompt(1, None, MONGO), answer(2, 1, "Mongo noted."), prompt(3, None, SQLITE))
    path = transcript(*lines[:2]).save(tmp_path / "s.jsonl")
    _, end = read(path)
    memories, _ = read(transcript(*lines).save(path), end)

    assert [(memory.content, "rewound" in memory.metadata) for memory in memories] == [
        (MONGO, True),
        ("Mongo noted.", True),
        (SQLITE, False),
    ]


def test_a_turn_far_back_is_found_again_when_it_is_taken_back(tmp_path: Path) -> None:
    long = [answer(number, number - 1, f"{number} " + "x" * 100_000) for number in range(4, 14)]
    lines = (MORNING, answer(2, 1, "Morning."), prompt(3, 2, MONGO), *long)
    path = transcript(*lines).save(tmp_path / "s.jsonl")
    _, end = read(path)
    memories, again = read(transcript(*lines, prompt(20, 2, SQLITE)).save(path), end)

    assert (memories[0].content, memories[0].metadata["rewound"]) == (MONGO, True)
    assert (memories[-1].content, "rewound" in memories[-1].metadata) == (SQLITE, False)
    assert again.lines == len(lines) + 1


def test_lines_that_an_older_client_wrote_out_of_order_are_told_by_their_parents(tmp_path: Path) -> None:
    lines = (answer(2, 1, "Mongo noted."), prompt(1, None, MONGO), prompt(3, None, SQLITE), answer(4, 3, "Noted."))
    memories, _ = read(transcript(*lines).save(tmp_path / "s.jsonl"))
    assert [memory.content for memory in memories if "rewound" in memory.metadata] == ["Mongo noted.", MONGO]


def test_what_was_answered_in_a_dialog_is_taken_back_with_its_turn(tmp_path: Path) -> None:
    call = {**answer(4, 3, ""), "message": {"role": "assistant", "content": [called("Bash", command="npm i")]}}
    reason = {"tool_use_id": "toolu_01", "type": "tool_result", "is_error": True, "content": "x"}
    refusal = {**prompt(5, 4, ""), "message": {"role": "user", "content": [reason]}, "userFeedback": "Never use npm."}
    lines = (MORNING, answer(2, 1, "Morning."), prompt(3, 2, "Install it"), call, refusal, prompt(6, 2, SQLITE))
    memories, _ = read(transcript(*lines).save(tmp_path / "s.jsonl"))

    (refused,) = (memory for memory in memories if memory.content == "Never use npm.")
    assert refused.metadata["rewound"] is True
    assert refused.tags == ()


def parallel_calls() -> tuple[Line, ...]:
    """Results of tools called at once: all but the last are side branches."""
    two = [answer(number, number - 1, f"call {number}") for number in (2, 3)]
    results = [{**prompt(number, number - 2, ""), "message": {"content": []}} for number in (4, 5)]
    return (prompt(1, None, MONGO), *two, *results, answer(6, 5, "Done."), prompt(7, 6, SQLITE))


def compacted() -> tuple[Line, ...]:
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": uuid(3), "parentUuid": None}
    summary = prompt(4, 3, "This session is being continued.", isCompactSummary=True)
    return (
        prompt(1, None, MONGO),
        answer(2, 1, "Noted."),
        {**boundary, "logicalParentUuid": uuid(2)},
        summary,
        prompt(5, 4, SQLITE),
    )


def summarised_from_a_turn_on() -> tuple[Line, ...]:
    """The client's own dialog: what follows a turn becomes a summary, and the turn's prompt is sent again."""
    boundary = {"type": "system", "subtype": "compact_boundary", "uuid": uuid(5), "parentUuid": None}
    how = {"messagesSummarized": 2, "direction": "from"}
    summary = prompt(6, 5, "This session is being continued.", isCompactSummary=True, summarizeMetadata=how)
    turns = (MORNING, answer(2, 1, "Morning."), prompt(3, 2, MONGO), answer(4, 3, "Noted."))
    return (*turns, {**boundary, "logicalParentUuid": uuid(2)}, summary, prompt(7, 6, SQLITE))


def written_twice() -> tuple[Line, ...]:
    at = {"timestamp": "2026-03-01T09:30:01.250Z"}
    return (prompt(1, None, MONGO, **at), answer(2, 1, "Noted."), prompt(3, None, MONGO, **at), answer(4, 3, "Noted."))


@pytest.mark.parametrize(
    "lines",
    [
        parallel_calls(),
        summarised_from_a_turn_on(),
        written_twice(),
        compacted(),
        tuple({key: value for key, value in line.items() if key != "logicalParentUuid"} for line in compacted()),
        (prompt(1, None, MONGO), prompt(2, None, SQLITE)),  # nothing hangs on either: parents were not written
        (prompt(1, 98, MONGO), answer(2, 1, "Noted."), prompt(3, 99, SQLITE)),  # an excerpt
        tuple({k: v for k, v in prompt(n, None, t).items() if k != "parentUuid"} for n, t in ((1, MONGO), (2, SQLITE))),
        (prompt(1, 2, MONGO), prompt(2, 1, SQLITE)),  # a circle
    ],
    ids=[
        "parallel",
        "summarised",
        "twice",
        "compacted",
        "compacted without a parent",
        "all begin",
        "excerpt",
        "no parents",
        "circle",
    ],
)
def test_what_only_looks_like_a_branch_is_not_taken_for_one(tmp_path: Path, lines: tuple[Line, ...]) -> None:
    made = transcript(*lines)
    for line, told in zip(made.lines, lines, strict=True):
        if "parentUuid" not in told:
            del line["parentUuid"]
    memories, _ = read(made.save(tmp_path / "s.jsonl"))
    assert [memory.content for memory in memories if "rewound" in memory.metadata] == []
