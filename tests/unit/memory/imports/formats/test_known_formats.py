"""What is made of the files of other programs; most of them were made by these programs (`files.py`)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from services.memory.imports.containers.unreadable import UnknownFormat
from services.memory.imports.formats.known_formats import FORMATS, known_formats
from services.memory.imports.sources import SourceFile, find_files, read_memories
from tests.unit.memory.imports.formats import files
from tests.unit.memory.imports.formats.files import entries, memories

PROMPT = "We keep the ladder on the south wall from now on. Write a note."


def test_codex_gives_what_was_said_with_session_project_and_time() -> None:
    name, _ = entries(files.CODEX)
    prompt, answer = memories(files.CODEX)

    assert name == "Codex CLI's transcripts"
    assert (prompt.role, prompt.content, prompt.tags) == ("user", PROMPT, ("decision",))
    assert (answer.role, answer.content) == ("assistant", "I wrote the note.")
    assert prompt.session_id == answer.session_id != ""
    assert prompt.project == "orchard"
    assert prompt.timestamp.startswith("2026-11-29T01:")
    assert prompt.metadata["source"] == "codex"
    assert prompt.metadata["tools"] == ["exec_command"]


def test_codex_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = Path(shutil.copy(files.CODEX, tmp_path / "rollout.jsonl"))
    end = entries(path)[1][-1].resume
    with path.open("a") as file:
        content = [{"type": "output_text", "text": "The note is there."}]
        payload = {"type": "message", "id": "m9", "role": "assistant", "content": content}
        file.write(
            json.dumps({"timestamp": "2026-11-29T02:00:00Z", "type": "response_item", "payload": payload}) + "\n"
        )

    assert [each.memory.content for each in read_memories(path, end) if each.memory] == ["The note is there."]


@pytest.mark.parametrize(
    "text",
    [
        "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>",
        "# AGENTS.md instructions for /x\n\nUse tabs",
        "<user_instructions>Use tabs</user_instructions>",
    ],
)
def test_codex_what_the_client_says_in_the_persons_role_is_nobodys(tmp_path: Path, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    lines = [
        {
            "timestamp": "2026-01-01T00:00:00Z",
            "type": "session_meta",
            "payload": {"id": "1", "cwd": "/home/ada/orchard"},
        },
        {"timestamp": "2026-01-01T00:00:01Z", "type": "response_item", "payload": _message("user", content)},
    ]
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert memories(path) == []


def _message(role: str, content: object) -> dict[str, object]:
    return {"type": "message", "role": role, "content": content}


def test_gemini_gives_what_was_said_without_what_hooks_added(tmp_path: Path) -> None:
    chats = tmp_path / "orchard" / "chats"
    chats.mkdir(parents=True)
    (tmp_path / "orchard" / ".project_root").write_text("/home/ada/orchard")
    path = Path(shutil.copy(files.GEMINI, chats / "session-2026-11-29T01-01-157cdeb6.jsonl"))
    name, _ = entries(path)
    prompt, answer = memories(path)

    assert name == "Gemini CLI's transcripts"
    assert (prompt.role, prompt.content) == ("user", PROMPT)
    assert (answer.role, answer.content) == ("assistant", "I wrote the note.")
    assert (prompt.project, prompt.directory) == ("orchard", "/home/ada/orchard")
    assert prompt.session_id == "157cdeb6-edd1-4a97-9104-b0a85bbbdb2f"


def test_gemini_what_was_gone_back_from_is_left_out(tmp_path: Path) -> None:
    head = {"sessionId": "s", "projectHash": "h"}
    said = [{"id": str(n), "type": "user", "content": [{"text": f"prompt {n}"}]} for n in (1, 2)]
    lines = [head, *said, {"$rewindTo": "2"}, {"id": "3", "type": "gemini", "content": "answer"}]
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert [each.content for each in memories(path)] == ["prompt 1", "answer"]


def test_gemini_of_earlier_versions_and_its_log_are_read(tmp_path: Path) -> None:
    at = "2026-03-01T09:00:00Z"
    message = {"id": "1", "timestamp": at, "type": "user", "content": "How deep is the well?"}
    chat = files.written(tmp_path / "session-1.json", {"sessionId": "s", "projectHash": "h", "messages": [message]})
    log = [
        {"sessionId": "s", "messageId": 0, "type": "user", "message": text, "timestamp": at} for text in ("/help", "Hi")
    ]

    assert [each.content for each in memories(chat)] == ["How deep is the well?"]
    assert [each.content for each in memories(files.written(tmp_path / "logs.json", log))] == ["Hi"]


@pytest.mark.parametrize("kind", ["database", "export"])
def test_mcp_memory_service_keeps_dates_tags_and_project(tmp_path: Path, kind: str) -> None:
    path = files.service_database(tmp_path) if kind == "database" else files.SERVICE_EXPORT
    found = {each.content: each for each in memories(path)}
    pears = found["The orchard waters its pears at dawn, since the well is fullest then"]

    assert len(found) == 2
    assert (pears.kind, pears.project, pears.tags) == ("reflection", "orchard", ("orchard", "watering"))
    assert pears.timestamp == "2026-01-03T08:00:00.500000+00:00"
    assert pears.metadata["type"] == "decision"


def test_mcp_memory_services_database_and_its_export_are_the_same_memories(tmp_path: Path) -> None:
    database = files.service_database(tmp_path)

    assert {each.id for each in memories(database)} == {each.id for each in memories(files.SERVICE_EXPORT)}
    assert [each.problem for each in entries(database)[1] if each.problem] == ["deleted there"]


def test_the_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = files.service_database(tmp_path)
    before = path.read_bytes()
    memories(path)

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_claude_mem_gives_prompts_observations_and_summaries(tmp_path: Path) -> None:
    path = files.claude_mem_database(tmp_path / "claude-mem.db")
    prompt, observation, summary = memories(path)

    assert (prompt.role, prompt.content) == ("user", "Why do the pears fall early?")
    assert observation.content == "Frost threshold off by one\n\nBlossom was lost to frost.\n\n- It compared with <="
    assert observation.tags == ("frost", "pears")
    assert observation.metadata["files"] == ["/home/ada/orchard/weather.py"]
    assert summary.content == "Request: Find the frost bug\n\nLearned: Compare with <"
    assert {each.session_id for each in (prompt, observation, summary)} == {"client-1"}
    assert {each.project for each in (prompt, observation, summary)} == {"orchard"}
    assert observation.timestamp == "2026-03-01T09:30:00+00:00"


def test_server_memory_gives_each_observation_and_relation() -> None:
    found = memories(files.GRAPH)

    assert [each.content for each in found] == [
        "Ladder (tool): Stands at the south wall",
        "Ladder (tool): Has nine rungs",
        "Orchard (place): Forty pear trees",
        "Orchard (place): Frost on 3 March killed the early blossom",
        "Ladder stands_in Orchard",
    ]
    assert found[0].tags == ("tool",)
    assert {each.kind for each in found} == {"reflection"}


def test_chatgpt_gives_the_branch_that_was_shown_last(tmp_path: Path) -> None:
    plain = files.written(tmp_path / "conversations.json", [files.chatgpt_conversation()])
    packed = files.zipped(tmp_path / "export.zip", [files.chatgpt_conversation()])

    for path in (plain, packed):
        assert [(each.role, each.content) for each in memories(path)] == [
            ("user", "How deep is our well?"),
            ("assistant", "Nine metres."),
        ]
    assert {each.id for each in memories(plain)} == {each.id for each in memories(packed)}
    assert memories(plain)[0].timestamp == "2026-03-01T09:00:00.250000+00:00"
    assert memories(plain)[0].metadata["title"] == "The well"


def test_claude_gives_what_was_shown(tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "data.zip", [files.claude_conversation()], "data-2026/conversations.json")
    name, _ = entries(path)

    assert name == "Claude's data export"
    assert [(each.role, each.content, each.session_id) for each in memories(path)] == [
        ("user", "How deep is our well?", "c-2"),
        ("assistant", "Nine metres.", "c-2"),
    ]


def test_a_note_keeps_its_title_tags_date_and_folder(tmp_path: Path) -> None:
    folder = tmp_path / "garden"
    (folder / "tools").mkdir(parents=True)
    note = folder / "tools" / "ladder.md"
    note.write_text(
        "---\ntitle: Ladder\ntype: note\npermalink: tools/ladder\ntags:\n- tools\n- '#wall'\n"
        "created: 2026-03-01 09:00\n"
        "---\n\n- [place] It stands at the south wall #tools\n- stands_in [[Orchard]]\n"
    )
    (found,) = memories(note, folder)

    assert found.content.startswith("# Ladder\n\n- [place] It stands at the south wall")
    assert (found.project, found.tags) == ("garden", ("tools", "wall"))
    assert found.timestamp == "2026-03-01T09:00:00+00:00"
    assert found.metadata["note"] == "tools/ladder.md"


def test_basic_memory_keeps_titles_tags_and_types() -> None:
    found = {
        each.metadata["note"]: each
        for file in find_files([files.BASIC_MEMORY])
        if isinstance(file, SourceFile)
        for each in memories(file.path, file.root)
    }
    watering, ladder = found["decisions/Watering.md"], found["tools/The ladder, 2nd- where it is.md"]

    assert watering.content.startswith("# Watering\n\n- [decision] The orchard waters its pears at dawn")
    assert (watering.tags, watering.metadata["permalink"]) == (("orchard", "watering"), "main/decisions/watering")
    assert ladder.content == "# The ladder, 2nd: where it is\n\nStands at the south wall; nine rungs."
    assert (ladder.tags, ladder.metadata["type"]) == ((), "guide")
    assert {each.project for each in found.values()} == {"basic-memory-0.24.1"}


def test_a_directory_gives_notes_databases_and_exports_but_nothing_behind_its_links(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.md"
    root.mkdir()
    outside.write_text("---\ntitle: Secret\n---\n\nnot ours")
    (root / "link.md").symlink_to(outside)
    for name in ("a.md", "claude-mem.db", "conversations.json", "package.json", "x.txt"):
        (root / name).write_text("x")
    found = [each.path.name for each in find_files([root]) if isinstance(each, SourceFile)]

    assert found == ["claude-mem.db", "conversations.json", "a.md"]


def test_notes_beside_transcripts_are_left_to_their_client(tmp_path: Path) -> None:
    for name in ("a.jsonl", "memory.md"):
        (tmp_path / name).write_text("")

    assert [each.path.name for each in find_files([tmp_path]) if isinstance(each, SourceFile)] == ["a.jsonl"]


def test_the_list_of_what_is_known_names_every_format() -> None:
    assert len(known_formats()) == len(FORMATS)
    assert all(each.name in "\n".join(known_formats()) for each in FORMATS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"a,b\n1,2\n"),
        ("a.json", b'{"a": 1}'),
        ("a.json", b"[1, 2]"),
        ("a.json", b"[]"),
        ("a.md", b"# No front matter\n"),
        ("a.jsonl", b'{"session_id": "1", "ts": 1, "text": "x"}\n'),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("a.zip", b"PK\x05\x06" + b"\0" * 18),
        ("other.db", b""),
    ],
)
def test_what_is_of_no_known_format_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    if name == "other.db":
        import sqlite3

        with sqlite3.connect(path) as made:
            made.execute("CREATE TABLE memories (a TEXT)")

    with pytest.raises(UnknownFormat):
        entries(path)
