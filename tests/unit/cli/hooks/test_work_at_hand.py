"""What a conversation is at is read from what it touched and from the end of its transcript."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.cli.hooks import state_files
from services.cli.hooks.work_at_hand import FILES_MAX, last_error, last_touched, work_at_hand
from tests.claude_transcripts import Transcript

FAILED = "Exit code 1\nrunning 3 tests\nAssertionError: 2 pears, not 3\n"


def failed_turn() -> Transcript:
    said = Transcript().user("count the pears")
    said.assistant({"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "make test"}})
    said.tool_result(FAILED, failed=True)
    return said.assistant({"type": "text", "text": "One is missing."})


def test_the_error_of_the_last_turn_is_the_line_that_says_most() -> None:
    assert last_error(failed_turn().text.encode()) == "AssertionError: 2 pears, not 3"


def test_the_prompt_that_the_hook_is_for_may_stand_there_already() -> None:
    assert last_error(failed_turn().user("again, please look").text.encode()) == "AssertionError: 2 pears, not 3"


def test_an_error_of_an_earlier_turn_is_over() -> None:
    said = failed_turn().user("thanks. and the apples?").assistant({"type": "text", "text": "Four."})
    assert last_error(said.user("good").text.encode()) == ""


def test_what_the_client_puts_into_the_transcript_is_no_prompt() -> None:
    said = failed_turn().user("Caveat: the messages below", isMeta=True).user("a subagent's task", isSidechain=True)
    assert last_error(said.user("look").text.encode()) == "AssertionError: 2 pears, not 3"


@pytest.mark.parametrize(
    "end",
    [
        b"",
        b"\x00\xff\n",
        b'{"type":"user"',
        b'{"type":"user","message":7}\n',
        b'{"type":"user","message":{"content":[1,{"type":"tool_result","is_error":true,"content":{}}]}}\n',
        b'["user"]\n' * 50,
        b'"user"' + b"[" * 100_000,
    ],
)
def test_any_transcript_is_read(end: bytes) -> None:
    assert last_error(end) == ""


def test_the_last_files_are_named_as_in_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    touched = ["/home/ada/orchard/a.py", "/home/ada/orchard/src/b.py", "/etc/hosts", "/home/ada/orchard/src/b.py"]
    for path in ["/home/ada/orchard/old.py", *touched, "/home/ada/orchard/c.py"]:
        state_files.record_touch("s-1", path, 30)
    assert last_touched("s-1", "/home/ada/orchard") == ["hosts", "src/b.py", "c.py"]
    assert len(last_touched("s-1", "")) == FILES_MAX
    assert last_touched("s-2", "/home/ada/orchard") == last_touched("", "") == []


def test_nothing_is_told_of_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    told = {"session_id": "s-1", "transcript_path": str(tmp_path / "none.jsonl"), "prompt": "x"}
    assert work_at_hand(json.dumps(told).encode()) == {}


def test_only_the_end_of_a_long_transcript_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    path = tmp_path / "long.jsonl"
    path.write_text("x" * 5_000_000 + "\n" + failed_turn().text)
    told = {"session_id": "s-1", "transcript_path": str(path)}
    assert work_at_hand(json.dumps(told).encode()) == {"error": "AssertionError: 2 pears, not 3"}
