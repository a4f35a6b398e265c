"""What is kept of tool calls: a line each, what failed, and which turn mended it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.memory.imports.json_lines import START, ImportedMemory, Position
from services.memory.imports.sources import read_memories
from tests.claude_transcripts import Transcript, called, said

TRACEBACK = (
    "Exit code 1\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'pears'\n\n1 failed in 0.1s"
)


def memories(path: Path, start: Position = START) -> list[ImportedMemory]:
    return [entry.memory for entry in read_memories(path, start) if entry.memory]


def failing(transcript: Transcript, command: str = "pytest tests/test_pears.py") -> Transcript:
    transcript.user("Make the tests pass")
    transcript.assistant(said("I run them first."), called("Bash", command=command))
    return transcript.tool_result(TRACEBACK, failed=True)


def mending(transcript: Transcript, command: str = "pytest tests/test_pears.py -q") -> Transcript:
    transcript.assistant(said("The key was missing."), called("Edit", file_path="/home/ada/orchard/pears.py"))
    transcript.tool_result()
    transcript.assistant(called("Bash", command=command))
    return transcript.tool_result("1 passed")


def test_a_failure_is_kept_in_a_line_and_linked_with_the_turn_that_mended_it(tmp_path: Path) -> None:
    _, broken, mended = memories(mending(failing(Transcript())).save(tmp_path / "s.jsonl"))
    assert broken.metadata["actions"] == ["Bash: pytest tests/test_pears.py (failed)"]
    assert broken.metadata["failures"] == ["pytest tests/test_pears.py: KeyError: 'pears'"]
    assert broken.tags == ("error",)
    assert mended.metadata["actions"] == [
        "Edit: /home/ada/orchard/pears.py",
        "Bash: pytest tests/test_pears.py -q",
    ]
    assert mended.metadata["fixes"] == [broken.id]
    assert mended.tags == ("fix",)


def test_reading_on_from_where_it_was_left_links_with_what_was_read_before(tmp_path: Path) -> None:
    transcript = failing(Transcript())
    path = transcript.save(tmp_path / "s.jsonl")
    first = list(read_memories(path))
    mending(transcript).save(path)
    whole = memories(path)
    rest = memories(path, first[-1].resume)
    assert [each.id for each in rest] == [whole[2].id]
    assert rest[0] == whole[2]


@pytest.mark.parametrize(
    "again",
    [
        "cd /home/ada/orchard && pytest tests/test_pears.py",
        "uv run pytest -x tests/test_pears.py",
        "CI=1 pytest tests/test_pears.py",
    ],
)
def test_another_try_of_the_same_is_recognised(tmp_path: Path, again: str) -> None:
    assert memories(mending(failing(Transcript()), again).save(tmp_path / "s.jsonl"))[-1].tags == ("fix",)


def test_what_works_but_never_failed_fixes_nothing(tmp_path: Path) -> None:
    transcript = failing(Transcript())
    transcript.assistant(said("Something else."), called("Bash", command="npm test")).tool_result()
    assert memories(transcript.save(tmp_path / "s.jsonl"))[-1].tags == ()


def test_what_the_user_refused_is_no_error(tmp_path: Path) -> None:
    transcript = Transcript().user("go")
    transcript.assistant(said("I clean up."), called("Bash", command="rm -r build"))
    transcript.tool_result("The user doesn't want to proceed with this tool use.", failed=True)
    work = memories(transcript.save(tmp_path / "s.jsonl"))[-1]
    assert work.metadata["actions"] == ["Bash: rm -r build (refused)"]
    assert work.tags == ()


def test_a_search_that_finds_nothing_is_no_error(tmp_path: Path) -> None:
    transcript = Transcript().user("go")
    transcript.assistant(said("I look."), called("Bash", command="grep -r pears .")).tool_result("", failed=True)
    assert memories(transcript.save(tmp_path / "s.jsonl"))[-1].tags == ()


def test_what_a_tool_wrote_is_not_kept(tmp_path: Path) -> None:
    transcript = Transcript().user("go")
    transcript.assistant(said("I write."), called("Write", file_path="a.txt", content="a private diary"))
    transcript.tool_result("a private answer")
    assert "private" not in str(memories(transcript.save(tmp_path / "s.jsonl")))


def test_a_users_decision_and_correction_are_marked_and_the_agents_words_are_not(tmp_path: Path) -> None:
    transcript = Transcript().user("Let's use DuckDB from now on.").assistant(said("Let's use DuckDB from now on."))
    transcript.user("No, that's wrong.")
    decided, echoed, corrected = memories(transcript.save(tmp_path / "s.jsonl"))
    assert (decided.tags, echoed.tags, corrected.tags) == (("decision",), (), ("correction",))


@pytest.mark.parametrize("content", [None, 3, [], [{"type": "image"}], {"text": "x"}, ["x"], [None]])
def test_results_of_any_form_are_read(tmp_path: Path, content: object) -> None:
    transcript = Transcript().user("go").assistant(said("I run."), called("Bash", command="make"))
    block = {"tool_use_id": "toolu_01", "type": "tool_result", "content": content, "is_error": True}
    transcript.user([block])
    assert memories(transcript.save(tmp_path / "s.jsonl"))[-1].tags == ("error",)


@pytest.mark.parametrize("parameters", [{"command": "x" * 10**6}, {"command": 3}, {"command": "a\nb\n" * 1000}, {}])
def test_calls_of_any_form_are_read(tmp_path: Path, parameters: dict[str, object]) -> None:
    transcript = Transcript().user("go").assistant(said("I run."), called("Bash", **parameters)).tool_result()
    work = memories(transcript.save(tmp_path / "s.jsonl"))[-1]
    assert all(len(line) < 200 for line in work.metadata.get("actions", []))
