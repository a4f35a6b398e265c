"""Files that mean harm, or are broken: they are refused, or what is whole in them is read."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from services.memory.imports.containers import json_document, sqlite_copy, zip_archive
from services.memory.imports.containers.unreadable import Unreadable
from services.memory.imports.json_lines import ImportedMemory
from services.memory.imports.sources import open_source
from tests.unit.memory.imports.formats import files
from tests.unit.memory.imports.formats.files import entries, memories


def test_an_export_that_is_cut_off_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    text = json.dumps([files.claude_conversation(), files.claude_conversation()])
    path = tmp_path / "conversations.json"
    path.write_text(text[:-200])
    found: list[ImportedMemory] = []
    with pytest.raises(Unreadable, match="not whole JSON"), open_source(path) as source:
        found.extend(entry.memory for entry in source.entries() if entry.memory)

    assert [each.content for each in found] == ["How deep is our well?", "Nine metres."]


@pytest.mark.parametrize("opening", ["[", '[{"mapping": ', '{"export_metadata": {}, "memories": ['])
def test_json_that_is_nested_without_end_is_refused(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(opening + "[" * 200_000)

    with pytest.raises(Unreadable):
        entries(path)


def test_a_value_over_the_limit_is_refused_and_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "value_max_chars", 10_000)
    monkeypatch.setattr(json_document, "chunk_max_bytes", 1_000)
    path = files.written(tmp_path / "conversations.json", [{"mapping": {"a": "x" * 50_000}}])

    with pytest.raises(Unreadable, match="a value of over"):
        entries(path)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_document_is_the_same_in_whatever_pieces_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = files.written(tmp_path / "conversations.json", [files.chatgpt_conversation(), files.chatgpt_conversation()])
    whole = [each.content for each in memories(path)]
    monkeypatch.setattr(json_document, "chunk_max_bytes", size)

    assert [each.content for each in memories(path)] == whole


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", "[" + " " * 30_000_000 + "]")

    with pytest.raises(Unreadable, match="not unpacked"):
        entries(path)


def test_a_zip_with_too_many_conversations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "members_max", 2)
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"conversations-{number}.json", "[]")

    with pytest.raises(Unreadable, match="over 2 files"):
        entries(path)


@pytest.mark.parametrize("keep", [30, 120, -30])
def test_a_zip_that_is_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    path = files.zipped(tmp_path / "export.zip", [files.claude_conversation()])
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(Unreadable):
        entries(path)


@pytest.mark.parametrize("keep", [40, 5000, 20_000])
def test_a_database_that_is_cut_off_is_refused_or_gives_what_it_has(tmp_path: Path, keep: int) -> None:
    path = files.service_database(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(Unreadable):
        entries(path)


def test_a_view_in_the_place_of_a_table_is_not_computed(tmp_path: Path) -> None:
    path = tmp_path / "sqlite_vec.db"
    with sqlite3.connect(path) as made:
        made.execute(
            "CREATE VIEW memories AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT i AS content_hash, i AS content, i AS memory_type, i AS created_at FROM n"
        )

    with pytest.raises(Unreadable, match="no format that Segue knows"):
        entries(path)


def test_a_database_over_the_limit_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_copy, "database_max_bytes", 1000)

    with pytest.raises(Unreadable, match="over 1,000 bytes"):
        entries(files.service_database(tmp_path))


def test_what_is_still_in_the_log_of_a_running_program_is_read(tmp_path: Path) -> None:
    path = files.claude_mem_database(tmp_path / "claude-mem.db")
    running = sqlite3.connect(path, isolation_level=None)
    running.execute("PRAGMA journal_mode = WAL")
    running.execute("INSERT INTO user_prompts VALUES (2, 'client-1', 2, 'And the plums?', NULL, 1772355700000)")
    found = [each.content for each in memories(path)]
    running.close()

    assert "And the plums?" in found


def test_values_of_wrong_kinds_cost_only_themselves(tmp_path: Path) -> None:
    path = files.claude_mem_database(tmp_path / "claude-mem.db")
    with sqlite3.connect(path) as made:
        made.execute("INSERT INTO observations (project, type, title, facts) VALUES (7, x'ff', x'fffe', '[[[')")
        made.execute(
            "INSERT INTO observations (project, type, title, created_at_epoch) VALUES ('p', 't', 'Plums', 1e300)"
        )
        made.execute("INSERT INTO user_prompts (prompt_text) VALUES (NULL)")
    made.close()
    _, found = entries(path)

    assert [entry.problem for entry in found if entry.problem] == ["content is empty", "content is empty"]
    assert [entry.memory.content for entry in found if entry.memory and entry.is_untimed] == ["Plums"]
    assert len([entry for entry in found if entry.memory]) == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"mapping": {"a": 1, "b": {"message": 7}, "c": {"message": {"author": 1, "content": []}}}},
        {"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}, "current_node": "a"},
        {"mapping": {}, "current_node": ["x"], "conversation_id": 7},
    ],
)
def test_a_conversation_that_is_none_gives_nothing(tmp_path: Path, fields: dict[str, object]) -> None:
    assert memories(files.written(tmp_path / "conversations.json", [fields, 7, None])) == []


@pytest.mark.parametrize("time", [1e300, -5, "yesterday", "9999-99-99", True, 99999999999999, "2999-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_is_marked_and_left_out(tmp_path: Path, time: object) -> None:
    conversation = files.claude_conversation()
    for message in conversation["chat_messages"]:
        message["created_at"] = time
    _, found = entries(files.written(tmp_path / "conversations.json", [conversation]))

    assert [(entry.is_untimed, entry.memory.timestamp) for entry in found if entry.memory] == [(True, "")] * 2


@pytest.mark.parametrize("root", ["relative/path", "/" + "x" * 5000, "/home/\0x", "\xff\xfe"])
def test_a_directory_that_is_none_is_not_believed(tmp_path: Path, root: str) -> None:
    (tmp_path / "chats").mkdir()
    (tmp_path / ".project_root").write_text(root)
    path = tmp_path / "chats" / "session-1.jsonl"
    path.write_bytes(files.GEMINI.read_bytes())

    assert {each.directory for each in memories(path)} == {""}


def test_front_matter_of_any_form_gives_a_note_or_nothing(tmp_path: Path) -> None:
    for number, text in enumerate(
        ["---\n", "---\n---\n", "---\na: [\n---\nx", "---\n- a\n: b\n---\nx", "---\ntags: {a: b}\ndate: [1]\n---\nx"]
    ):
        path = tmp_path / f"{number}.md"
        path.write_text(text)
        try:
            assert all(each.content for each in memories(path))
        except Unreadable:
            continue


def test_names_that_are_too_long_are_cut_and_too_many_tags_are_counted(tmp_path: Path) -> None:
    memory: dict[str, object] = {"content": "x", "content_hash": "h", "tags": [f"{n}" + "t" * 300 for n in range(60)]}
    memory |= {"metadata": {"project": "p" * 500}, "memory_type": "note", "created_at": 1.0}
    (found,) = memories(files.written(tmp_path / "e.json", {"export_metadata": {}, "memories": [memory]}))

    assert (len(found.tags), len(found.project)) == (50, 200)
    assert found.metadata["tags_left_out"] == 10
