"""Files of other encodings, and exports whose first entries are odd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.memory.imports.containers.unreadable import UnknownFormat
from tests.unit.memory.imports.formats.files import entries, memories


def conversation(text: str) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"author": {"role": "user"}, "create_time": 1760000000.0, "content": content}
    node: dict[str, Any] = {"id": "n", "parent": None, "children": [], "message": message}
    return {"title": "Valves", "mapping": {"n": node}, "current_node": "n", "conversation_id": text}


@pytest.mark.parametrize("odd", [None, 3, {}, {"title": "odd"}, [], "text"])
def test_an_odd_first_conversation_costs_only_itself(tmp_path: Path, odd: object) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([odd, odd, conversation("The pump hums")]))
    assert [memory.content for memory in memories(path)] == ["The pump hums"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_an_export_that_windows_wrote_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "conversations.json"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    path.write_bytes(mark + json.dumps([conversation("Die Tür klemmt")], ensure_ascii=False).encode(encoding))
    assert [memory.content for memory in memories(path)] == ["Die Tür klemmt"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_a_note_is_read_whatever_wrote_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "note.md"
    path.write_bytes("---\r\ntitle: Grün\r\n---\r\nDie Tür ist grün.\r\n".encode(encoding))
    assert [memory.content for memory in memories(path)] == ["# Grün\n\nDie Tür ist grün."]


def test_lines_in_utf_16_are_refused_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "memories.jsonl"
    path.write_bytes('{"content": "one"}\n'.encode("utf-16"))
    with pytest.raises(UnknownFormat, match="save it as UTF-8"):
        entries(path)
