"""What is read from transcripts and JSON Lines, and what is made of files that are neither, or broken."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from services.memory.domain.memories import content_max_bytes
from services.memory.imports import json_lines
from services.memory.imports.containers.unreadable import UnknownFormat, Unreadable
from services.memory.imports.json_lines import START, ImportedMemory, Position
from services.memory.imports.sources import read_memories
from tests.claude_transcripts import Transcript, called, said, small_session, thought


def memories(path: Path, start: Position = START) -> list[ImportedMemory]:
    return [entry.memory for entry in read_memories(path, start) if entry.memory]


def problems(path: Path) -> list[tuple[int, str]]:
    return [(entry.line, entry.problem) for entry in read_memories(path) if entry.problem]


def contents(path: Path) -> list[str]:
    return [memory.content for memory in memories(path)]


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


# Transcripts


def test_a_transcript_gives_what_was_said_with_the_tools_and_files_it_was_about(tmp_path: Path) -> None:
    prompt, work, closing = memories(small_session().save(tmp_path / "s.jsonl"))

    assert (prompt.role, prompt.content) == ("user", "Why do the pears fall early?")
    assert prompt.metadata == {"source": "claude-code", "branch": "main"}
    assert (work.role, work.content) == ("assistant", "I will look at the weather module.")
    files = ["/home/ada/orchard/weather.py", "/home/ada/orchard/pears.py"]
    assert work.metadata["tools"] == ["Bash", "Read", "Edit"]
    assert work.metadata["files"] == files
    assert closing.content == "The frost threshold was off by one."
    assert closing.metadata == {"source": "claude-code", "branch": "main", "files": files}


def test_a_transcripts_memory_has_session_project_and_time(tmp_path: Path) -> None:
    transcript = small_session()
    prompt = memories(transcript.save(tmp_path / "s.jsonl"))[0]

    assert prompt.kind == "conversation"
    assert prompt.session_id == transcript.session_id
    assert prompt.project == "orchard"
    assert prompt.timestamp == "2026-03-01T09:30:02.250000+00:00"


def test_tools_called_without_a_word_belong_to_the_prompt(tmp_path: Path) -> None:
    transcript = Transcript().user("Fix it").assistant(called("Edit", file_path="/a/b.py"))
    (prompt,) = memories(transcript.save(tmp_path / "s.jsonl"))

    assert prompt.metadata["files"] == ["/a/b.py"]


def test_every_text_block_of_a_message_is_a_memory_of_its_own(tmp_path: Path) -> None:
    streamed = Transcript().assistant(said("one"), said("two")).save(tmp_path / "a.jsonl")
    body = {"role": "assistant", "content": [said("one"), thought("hm"), said("two")]}
    together = Transcript().line(type="assistant", message=body).save(tmp_path / "b.jsonl")

    for path in (streamed, together):
        assert contents(path) == ["one", "two"]
        assert len({memory.id for memory in memories(path)}) == 2


def test_reading_goes_on_before_a_line_of_which_only_one_text_was_stored(tmp_path: Path) -> None:
    body = {"role": "assistant", "content": [said("one"), said("two")]}
    path = Transcript().line(type="assistant", message=body).save(tmp_path / "s.jsonl")
    first, second, end = read_memories(path)

    assert [memory.content for memory in memories(path, first.resume)] == ["one", "two"]
    assert second.resume == end.resume


@pytest.mark.parametrize(
    "line",
    [
        {"type": "user", "message": {"role": "user", "content": "x"}, "isMeta": True},
        {"type": "user", "message": {"role": "user", "content": "x"}, "isCompactSummary": True},
        {"type": "user", "message": {"role": "user", "content": "x"}, "isVisibleInTranscriptOnly": True},
        {"type": "assistant", "message": {"content": [said("API Error: x")]}, "isApiErrorMessage": True},
        {"type": "assistant", "message": {"model": "<synthetic>", "content": [said("No response requested.")]}},
        {"type": "system", "subtype": "compact_boundary", "content": "Conversation compacted"},
        {"type": "summary", "summary": "Pears", "leafUuid": "1"},
        {"type": "attachment", "attachment": {"type": "hook_success", "content": "x"}},
        {
            "type": "attachment",
            "attachment": {"type": "queued_command", "commandMode": "task-notification", "prompt": "x"},
        },
        {"type": "user", "message": {"role": "user", "content": "the agent's orders"}, "isSidechain": True},
        {"type": "user", "message": {"role": "user", "content": "[Request interrupted by user]"}},
        {"type": "user", "message": {"role": "user", "content": "<local-command-stdout>x</local-command-stdout>"}},
        {"type": "user", "message": {"role": "user", "content": "<bash-input>ls</bash-input>"}},
        {
            "type": "user",
            "message": {"content": "<command-name>/compact</command-name>\n   <command-args></command-args>"},
        },
        {"type": "user", "message": None},
        {"type": "user", "message": {"content": [None, 3, {"type": "text"}, {"type": "text", "text": 5}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": 3, "input": [1]}]}},
    ],
)
def test_what_is_no_conversation_is_passed_over(tmp_path: Path, line: dict[str, Any]) -> None:
    path = Transcript().user("Hello").line(**line).save(tmp_path / "s.jsonl")

    assert contents(path) == ["Hello"]
    assert not problems(path)


def test_reminders_are_taken_out_of_a_users_text(tmp_path: Path) -> None:
    text = "Count <system-reminder>Be brief.\nReally.</system-reminder>the pears"
    path = Transcript().user(text).user("a <system-reminder> never closed").save(tmp_path / "s.jsonl")

    assert contents(path) == ["Count the pears", "a <system-reminder> never closed"]


def test_text_full_of_opened_reminders_takes_no_longer_than_its_length(tmp_path: Path) -> None:
    path = Transcript().user("<system-reminder>" * 15_000).save(tmp_path / "s.jsonl")

    assert len(contents(path)) == 1


def test_a_slash_command_is_what_the_user_typed(tmp_path: Path) -> None:
    command = (
        "<command-message>review</command-message>\n<command-name>/review</command-name>\n"
        "<command-args>the login page</command-args>"
    )

    assert contents(Transcript().user(command).save(tmp_path / "s.jsonl")) == ["/review the login page"]


def test_a_prompt_typed_while_the_agent_works_is_kept(tmp_path: Path) -> None:
    transcript = Transcript().user("Begin")
    transcript.attachment(type="queued_command", prompt="And the plums", commandMode="prompt")

    assert contents(transcript.save(tmp_path / "s.jsonl")) == ["Begin", "And the plums"]


def test_what_a_subagent_reports_is_kept_and_marked(tmp_path: Path) -> None:
    transcript = Transcript().user("Find the pears", isSidechain=True, agentId="a1")
    transcript.assistant(said("Behind the barn."), isSidechain=True, agentId="a1")
    (report,) = memories(transcript.save(tmp_path / "agent-a1.jsonl"))

    assert report.content == "Behind the barn."
    assert report.metadata["sidechain"] is True
    assert report.metadata["agent"] == "a1"


def test_a_subagents_tools_are_not_the_main_agents(tmp_path: Path) -> None:
    transcript = Transcript().assistant(said("I ask a helper."))
    transcript.assistant(called("Read", file_path="/x.py"), isSidechain=True, agentId="a1")
    (asked,) = memories(transcript.save(tmp_path / "s.jsonl"))

    assert "tools" not in asked.metadata


def test_the_project_is_where_the_session_began_not_where_its_tools_went(tmp_path: Path) -> None:
    transcript = Transcript(cwd="/home/ada/orchard").user("One")
    transcript.cwd = "/home/ada/orchard/trees/old"
    transcript.user("Two")
    beside = transcript.save(tmp_path / "copy.jsonl")
    agent = Transcript(cwd="/home/ada/orchard/trees").assistant(said("Three"), isSidechain=True)
    kept = agent.save(tmp_path / "-home-ada-orchard" / "1" / "subagents" / "agent-1.jsonl")

    assert [memory.project for memory in memories(beside)] == ["orchard", "orchard"]
    assert [memory.project for memory in memories(kept)] == ["orchard"]


def test_the_project_of_a_windows_path_is_its_last_part(tmp_path: Path) -> None:
    path = Transcript(cwd="C:\\Users\\ada\\orchard").user("One").save(tmp_path / "s.jsonl")

    assert memories(path)[0].project == "orchard"


def test_outside_a_repository_there_is_no_branch(tmp_path: Path) -> None:
    path = Transcript(branch="HEAD").user("One").save(tmp_path / "s.jsonl")

    assert "branch" not in memories(path)[0].metadata


def test_a_forked_sessions_copies_have_the_ids_of_the_first(tmp_path: Path) -> None:
    transcript = small_session()
    before = memories(transcript.save(tmp_path / "a.jsonl"))
    for line in transcript.lines:
        line["sessionId"] = "00000000-0000-0000-0000-0000000000ff"
    after = memories(transcript.save(tmp_path / "b.jsonl"))

    assert [memory.id for memory in before] == [memory.id for memory in after]


def test_a_half_written_last_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    transcript = small_session().user("And now the plums?")
    cut = transcript.text[:-40]
    path = tmp_path / "s.jsonl"
    path.write_text(cut)
    *_, end = read_memories(path)
    assert problems(path) == [(13, "unfinished line")]
    path.write_text(transcript.text)

    assert [memory.content for memory in memories(path, end.resume)] == ["And now the plums?"]


def test_reading_does_not_go_on_after_a_broken_line_while_the_text_before_it_waits(tmp_path: Path) -> None:
    """A text waits for the tools called after it: who stops at the broken line must not lose it."""
    lines = Transcript().user("Why do the pears fall early?").assistant(said("The frost.")).text.splitlines()
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join([*lines, "{broken", "{broken too", ""]), encoding="utf-8")

    entries = list(read_memories(path))
    assert [entry.resume for entry in entries] == sorted(entry.resume for entry in entries)
    for number, entry in enumerate(entries):
        known = {each.memory.id for each in entries[: number + 1] if each.memory}
        later = {memory.id for memory in memories(path, entry.resume)}
        assert known | later == {each.memory.id for each in entries if each.memory}


def test_a_whole_last_line_needs_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(Transcript().user("One").user("Two").text.rstrip("\n"))

    assert contents(path) == ["One", "Two"]
    assert not problems(path)


# JSON Lines of memories


def test_a_memory_keeps_every_field_of_its_line(tmp_path: Path) -> None:
    line = {
        "content": "Prune in winter",
        "id": "00000000-0000-4000-8000-000000000001",
        "kind": "reflection",
        "project": "orchard",
        "timestamp": "2026-03-01T09:30:00+01:00",
        "session_id": "s1",
        "role": "user",
        "tags": ["trees"],
        "metadata": {"season": {"name": "winter"}},
    }
    (memory,) = memories(written(tmp_path / "m.jsonl", line))

    assert json.loads(memory.to_line()) == line


def test_an_export_of_a_later_version_is_read_without_what_it_has_more(tmp_path: Path) -> None:
    known = {"content": "Prune in winter", "id": "00000000-0000-4000-8000-000000000001", "project": "orchard"}
    (memory,) = memories(written(tmp_path / "m.jsonl", known | {"mood": {"good": [1]}}))
    assert json.loads(memory.to_line()) == known | {"kind": "conversation"}


def test_content_alone_is_a_memory_with_a_stable_id(tmp_path: Path) -> None:
    path = written(tmp_path / "m.jsonl", {"content": "a"}, {"content": "b"}, {"content": "a", "tags": None})
    ids = [memory.id for memory in memories(path)]

    assert ids[0] == ids[2] != ids[1]
    assert ids == [memory.id for memory in memories(path)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"kind": "reflection"}, "content is missing"),
        ({"content": " "}, "content is empty"),
        ({"content": "\x00\u200b \u202e"}, "content is empty"),
        ({"content": 3}, "content is not a string"),
        ({"content": "secret", "kind": "note"}, "kind is neither conversation nor reflection"),
        ({"content": "secret", "timestamp": "2026-03-01T09:30:00"}, "timestamp has no offset"),
        ({"content": "secret", "timestamp": "secret"}, "timestamp is not ISO 8601"),
        ({"content": "secret", "timestamp": 1}, "timestamp is not a string"),
        ({"content": "secret", "timestamp": "1901-03-01T09:30:00Z"}, "timestamp is before 1970 or in the future"),
        ({"content": "secret", "tags": "secret"}, "tags is not a list of strings"),
        ({"content": "secret", "tags": [1]}, "tags is not a list of strings"),
        ({"content": "secret", "metadata": []}, "metadata is not an object"),
        ({"content": "secret", "metadata": {"x": "y" * 70_000}}, "metadata is too large"),
        ({"content": "secret", "id": "secret"}, "id is not a UUID"),
        ({"content": "x" * (content_max_bytes + 1)}, "too large"),
    ],
)
def test_a_line_that_is_no_memory_says_why_without_quoting_it(
    tmp_path: Path, line: dict[str, Any], problem: str
) -> None:
    path = written(tmp_path / "m.jsonl", {"content": "good"}, line, {"content": "good too"})

    assert contents(path) == ["good", "good too"]
    assert problems(path) == [(2, problem)]


def test_lines_of_which_none_has_content_are_of_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="of no format that Segue knows"):
        problems(written(tmp_path / "m.jsonl", {"text": "a"}, {"text": "b"}))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{not json}", "invalid JSON"),
        (b'{"content": NaN}', "invalid JSON"),
        (b"[" * 200_000, "invalid JSON"),
        (b'{"content": "x", "metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 101, "metadata is nested too deeply"),
        (b"[1, 2]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
    ],
)
def test_a_line_that_is_no_object_costs_only_itself(tmp_path: Path, line: bytes, problem: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"content": "a"}\n' + line + b'\n{"content": "b"}\n')

    assert contents(path) == ["a", "b"]
    assert problems(path) == [(2, problem)]


def test_half_a_surrogate_pair_becomes_a_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"content": "pear \\ud83c!", "metadata": {"\\udfff": "\\ud800"}}\n')
    (memory,) = memories(path)

    assert json.loads(memory.to_line())["metadata"] == {"\ufffd": "\ufffd"}
    assert memory.content == "pear \ufffd!"


def test_byte_order_mark_crlf_blank_lines_and_broken_utf8_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"content": "a"}\r\n\r\n   \n{"content": "b\xff"}\r\n')

    assert contents(path) == ["a", "b\ufffd"]
    assert not problems(path)


def test_an_empty_file_has_no_memories(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").touch()

    assert [(entry.memory, entry.problem) for entry in read_memories(tmp_path / "m.jsonl")] == [(None, "")]


def test_a_line_without_end_is_passed_over_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "line_max_bytes", 1000)
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"content": "a"}\n{"content": "' + b"x" * 5000 + b'"}\n{"content": "b"}\n')

    assert contents(path) == ["a", "b"]
    assert problems(path) == [(2, "line too long")]


@pytest.mark.parametrize("data", [b"\x00\x01\x02PK", b"\x7fELF\x00", "text".encode("utf-16")])
def test_a_binary_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.jsonl").write_bytes(data)

    with pytest.raises(Unreadable, match="of no format that Segue knows"):
        list(read_memories(tmp_path / "m.jsonl"))


@pytest.mark.parametrize("text", ["just words\nand more\n", "just words", "[1]\n"])
def test_a_text_that_is_neither_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.jsonl").write_text(text)

    with pytest.raises(Unreadable, match="of no format that Segue knows"):
        list(read_memories(tmp_path / "m.jsonl"))


@pytest.mark.slow
def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"content": "memory number {number}"}}\n' for number in range(20_000))
    tracemalloc.start()
    try:
        count = sum(1 for entry in read_memories(path) if entry.memory)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 20_000
    assert peak < 1_000_000


def test_a_line_that_was_copied_while_it_was_written_costs_only_itself(tmp_path: Path) -> None:
    one, two, three = Transcript().user("One").user("Two").user("Three").text.splitlines()
    path = tmp_path / "s.jsonl"
    path.write_text(f"{one}\n{two[:60]}{three}\n")

    assert contents(path) == ["One", "Three"]


def test_what_is_written_while_a_transcript_is_read_comes_the_next_time(tmp_path: Path) -> None:
    transcript = Transcript().user("One").user("Two")
    path = transcript.save(tmp_path / "s.jsonl")
    entries = read_memories(path)
    first = next(entries)
    transcript.user("Three").save(path)
    *_, end = [first, *entries]

    assert [memory.content for memory in memories(path, end.resume)] == ["Three"]


def test_a_line_of_a_clock_that_was_ahead_is_kept_without_its_time(tmp_path: Path) -> None:
    path = Transcript().user("One", timestamp="2199-03-01T09:30:00.000Z").user("Two").save(tmp_path / "s.jsonl")

    assert [(memory.content, bool(memory.timestamp)) for memory in memories(path)] == [("One", False), ("Two", True)]
    assert not problems(path)
